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
}

/** Told of each user who has moved. */
export type MoveListener = (campaignId: number, userId: string) => void;

export class ClaimMoves implements BoardListener {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #board: Board;
  readonly #log: Logger;
  readonly #moves = new Map<number, Moves>();
  /** By campaign, what is read of another board's list; see Places. */
  readonly #anew = new Map<number, Moves>();
  readonly #reading = new Set<number>();
  /** Campaigns that are finished, of which all moves were told: nobody waits there any more, and what they were is forgotten. */
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

  /** Which of those who still wait somebody is, from 1, who was told to in this `place`. Only ever falls. */
  waiting(campaignId: number, place: number): number {
    return place - (this.#moves.get(campaignId)?.left.below(place) ?? 0);
  }

  /** Of how many campaigns it is kept who has moved. */
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

  /** The list may be another one. What is known holds until the whole of it is read, so that nobody is moved back. */
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

  /** `place:user id`, as CampaignKeys.moves has it; `isNews`: it was not told before. */
  #take(campaignId: number, { left }: Moves, item: string, isNews: boolean): void {
    const colon = item.indexOf(':');
    const place = Number(item.slice(0, colon));
    if (place > 0) left.mark(place);
    if (!isNews) return;
    for (const listener of this.#listeners) listener(campaignId, item.slice(colon + 1));
  }
}
