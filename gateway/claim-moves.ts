/**
 * The moves of claimants, as the engine publishes them for each campaign with claims: who is to be looked at again, and how
 * far a waitlist has moved up. A list a campaign, of which each gateway reads what is new: the cost is that of the moves,
 * and not of those who watch.
 */
import type { Logger } from 'pino';
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import type { Keys } from '../engine/contract/keys.ts';
import type { RedisClient } from '../engine/contract/redis.ts';
import type { Board, BoardListener } from './board.ts';
import { Fenwick } from './fenwick.ts';

/** Moves read at once: some 100,000 offers that lapse together must not hold the loop up. */
const PAGE = 2_000;

interface Moves {
  /** The places, from 1, of those who no longer wait. */
  readonly left: Fenwick;
  read: number;
  isReading: boolean;
}

/** Told of each user who has moved. */
export type MoveListener = (campaignId: number, userId: string) => void;

export class ClaimMoves implements BoardListener {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #board: Board;
  readonly #log: Logger;
  readonly #moves = new Map<number, Moves>();
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

  /** Which of those who still wait somebody is, from 1, who was told to in this `place`. Only ever falls. */
  waiting(campaignId: number, place: number): number {
    return place - (this.#moves.get(campaignId)?.left.below(place) ?? 0);
  }

  changed(): void {
    for (const campaign of this.#board.campaigns()) {
      const known = this.#moves.get(campaign.campaignId)?.read ?? 0;
      if ((campaign.claims?.moves ?? 0) > known) void this.#read(campaign);
    }
  }

  async #read({ campaignId }: BoardCampaign): Promise<void> {
    const moves = this.#moves.get(campaignId) ?? { left: new Fenwick(), read: 0, isReading: false };
    this.#moves.set(campaignId, moves);
    if (moves.isReading) return;
    moves.isReading = true;
    try {
      const key = this.#keys.campaign(campaignId).moves;
      for (let items = await this.#page(key, moves.read); items.length > 0; ) {
        for (const item of items) this.#take(campaignId, moves, item);
        moves.read += items.length;
        items = items.length < PAGE ? [] : await this.#page(key, moves.read);
      }
    } catch (error) {
      this.#log.debug(
        { err: error, campaignId },
        'moves could not be read; the next change of the board tries again',
      );
    } finally {
      moves.isReading = false;
    }
  }

  #page(key: string, from: number): Promise<string[]> {
    return this.#redis.lrange(key, from, from + PAGE - 1);
  }

  /** `place:user id`, as CampaignKeys.moves has it. */
  #take(campaignId: number, { left }: Moves, item: string): void {
    const colon = item.indexOf(':');
    const place = Number(item.slice(0, colon));
    if (place > 0) left.mark(place);
    for (const listener of this.#listeners) listener(campaignId, item.slice(colon + 1));
  }
}
