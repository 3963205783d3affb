/**
 * The moves of claimants, published by the engine for each campaign with claims: they tell whom to look up again and how
 * far a waitlist has advanced.
 */
import type { Logger } from 'pino';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import type { Board, BoardListener } from './board.ts';
import { CampaignLists } from './campaign-lists.ts';
import { Fenwick } from './fenwick.ts';

/** Called for each user who has moved. */
export type MoveListener = (campaignId: number, userId: string) => void;

export class ClaimMoves implements BoardListener {
  readonly #board: Board;
  /** The waitlist positions, from 1, of claimants who no longer wait. */
  readonly #left: CampaignLists<Fenwick>;
  /** Finished campaigns whose moves were all reported: nobody waits there any more, so the moves are dropped. */
  readonly #over = new Set<number>();
  readonly #listeners: MoveListener[] = [];

  constructor({ redis, keys, board, log }: { redis: RedisClient; keys: Keys; board: Board; log: Logger }) {
    this.#board = board;
    this.#left = new CampaignLists({
      redis,
      log,
      what: 'claim moves',
      keyOf: campaignId => keys.campaign(campaignId).moves,
      empty: () => new Fenwick(),
      take: (left, item, campaignId, isNews) => this.#take(left, item, campaignId, isNews),
    });
    board.listen(this);
  }

  listen(listener: MoveListener): void {
    this.#listeners.push(listener);
  }

  /** The position, from 1, of the claimant with this `waitlistPosition` among those still waiting. Only falls. */
  waiting(campaignId: number, waitlistPosition: number): number {
    return waitlistPosition - (this.#left.get(campaignId)?.below(waitlistPosition) ?? 0);
  }

  /** The number of campaigns whose moves are kept. */
  get size(): number {
    return this.#left.size;
  }

  changed(): void {
    for (const campaign of this.#board.campaigns()) {
      if (this.#over.has(campaign.campaignId)) continue;
      if (this.#isBehind(campaign)) void this.#read(campaign);
      else this.#forget(campaign);
    }
  }

  #isBehind({ campaignId, claims }: BoardCampaign): boolean {
    return this.#left.isBehind(campaignId, claims?.moves ?? 0);
  }

  #forget({ campaignId, claims, finished }: BoardCampaign): void {
    if (!finished || claims === undefined) return;
    this.#left.forget(campaignId);
    this.#over.add(campaignId);
  }

  replaced(): void {
    this.#left.replaced();
    this.#over.clear();
  }

  forgot(campaignIds: readonly number[]): void {
    for (const campaignId of campaignIds) {
      this.#left.forget(campaignId);
      this.#over.delete(campaignId);
    }
  }

  async #read(campaign: BoardCampaign): Promise<void> {
    await this.#left.read(campaign.campaignId, campaign.claims?.moves ?? 0);
    if (!this.#isBehind(campaign)) this.#forget(campaign);
  }

  /** `position:user id`, see CampaignKeys.moves; `isNews`: it was not reported before. */
  #take(left: Fenwick, item: string, campaignId: number, isNews: boolean): void {
    const colon = item.indexOf(':');
    const waitlistPosition = Number(item.slice(0, colon));
    if (waitlistPosition > 0) left.mark(waitlistPosition);
    if (!isNews) return;
    for (const listener of this.#listeners) listener(campaignId, item.slice(colon + 1));
  }
}
