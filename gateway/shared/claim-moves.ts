/**
 * The moves of claimants, published by the engine for each campaign with claims: they tell whom to look up again and how
 * far a waitlist has advanced. Each gateway reads the new part of one list per campaign, so the cost grows with the moves,
 * not with the watchers.
 */
import type { Logger } from 'pino';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import type { Board, BoardListener } from './board.ts';
import { Fenwick } from './fenwick.ts';

/** Moves read at once: 100,000 offers that lapse together must not block the event loop. */
const PAGE = 2_000;

interface Moves {
  /** The waitlist positions, from 1, of claimants who no longer wait. */
  readonly left: Fenwick;
  read: number;
}

/** Called for each user who has moved. */
export type MoveListener = (campaignId: number, userId: string) => void;

export class ClaimMoves implements BoardListener {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #board: Board;
  readonly #log: Logger;
  readonly #moves = new Map<number, Moves>();
  /** By campaign, the list of a new board while it is read; see AheadCounts. */
  readonly #anew = new Map<number, Moves>();
  readonly #reading = new Set<number>();
  /** Finished campaigns whose moves were all reported: nobody waits there any more, so the moves are dropped. */
  readonly #over = new Set<number>();
  readonly #listeners: MoveListener[] = [];

  constructor(parts: { redis: RedisClient; keys: Keys; board: Board; log: Logger }) {
    this.#redis = parts.redis;
    this.#keys = parts.keys;
    this.#board = parts.board;
    this.#log = parts.log;
    parts.board.listen(this);
  }

  listen(listener: MoveListener): void {
    this.#listeners.push(listener);
  }

  /** The position, from 1, of the claimant with this `waitlistPosition` among those still waiting. Only falls. */
  waiting(campaignId: number, waitlistPosition: number): number {
    return waitlistPosition - (this.#moves.get(campaignId)?.left.below(waitlistPosition) ?? 0);
  }

  /** The number of campaigns whose moves are kept. */
  get size(): number {
    return this.#moves.size;
  }

  changed(): void {
    for (const campaign of this.#board.campaigns()) {
      const { campaignId, claims } = campaign;
      if (this.#over.has(campaignId)) continue;
      const known = this.#moves.get(campaignId)?.read ?? 0;
      if (this.#anew.has(campaignId) || (claims?.moves ?? 0) > known) void this.#read(campaign);
      else this.#forget(campaign);
    }
  }

  #forget({ campaignId, claims, finished }: BoardCampaign): void {
    if (!finished || claims === undefined) return;
    this.#moves.delete(campaignId);
    this.#over.add(campaignId);
  }

  /** The list may have changed. The known one stays in use until the new one is complete, so that nobody moves back. */
  replaced(): void {
    for (const campaignId of this.#moves.keys()) this.#anew.set(campaignId, { left: new Fenwick(), read: 0 });
    this.#over.clear();
  }

  forgot(campaignIds: readonly number[]): void {
    for (const campaignId of campaignIds) {
      this.#moves.delete(campaignId);
      this.#anew.delete(campaignId);
      this.#over.delete(campaignId);
    }
  }

  async #read(campaign: BoardCampaign): Promise<void> {
    const { campaignId, claims } = campaign;
    if (this.#reading.has(campaignId)) return;
    this.#reading.add(campaignId);
    const anew = this.#anew.get(campaignId);
    const known = this.#moves.get(campaignId)?.read ?? 0;
    const moves = anew ?? this.#moves.get(campaignId) ?? { left: new Fenwick(), read: 0 };
    if (anew === undefined) this.#moves.set(campaignId, moves);
    try {
      const key = this.#keys.campaign(campaignId).moves;
      for (let items = await this.#page(key, moves.read); items.length > 0; ) {
        for (const item of items) {
          moves.read += 1;
          this.#take(campaignId, moves, item, anew === undefined || moves.read > known);
        }
        items = items.length < PAGE ? [] : await this.#page(key, moves.read);
      }
      if (anew !== undefined && anew === this.#anew.get(campaignId) && moves.read >= (claims?.moves ?? 0)) {
        this.#anew.delete(campaignId);
        this.#moves.set(campaignId, moves);
      }
      if (!this.#anew.has(campaignId) && moves.read >= (claims?.moves ?? 0)) this.#forget(campaign);
    } catch (error) {
      this.#log.debug(
        { err: error, campaignId },
        'cannot read claim moves; the next change of the board retries',
      );
    } finally {
      this.#reading.delete(campaignId);
    }
  }

  #page(key: string, from: number): Promise<string[]> {
    return this.#redis.lrange(key, from, from + PAGE - 1);
  }

  /** `position:user id`, see CampaignKeys.moves; `isNews`: it was not reported before. */
  #take(campaignId: number, { left }: Moves, item: string, isNews: boolean): void {
    const colon = item.indexOf(':');
    const waitlistPosition = Number(item.slice(0, colon));
    if (waitlistPosition > 0) left.mark(waitlistPosition);
    if (!isNews) return;
    for (const listener of this.#listeners) listener(campaignId, item.slice(colon + 1));
  }
}
