/**
 * Lists in Redis, one per campaign, which the engine appends to and each gateway reads as far as the board says: the cost grows
 * with the items, not with the watchers. After a new board a list may have changed, and is read anew. The known one stays in
 * use until the new one is complete, so that nobody moves back.
 */
import type { Logger } from 'pino';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';

/** Items read at once: 100,000 users who move together must not block the event loop. */
const PAGE = 2_000;

interface Held<State> {
  readonly state: State;
  read: number;
}

export interface ListParts<State> {
  readonly redis: RedisClient;
  readonly log: Logger;
  /** What is read, for the log. */
  readonly what: string;
  readonly keyOf: (campaignId: number) => string;
  /** The state before the first item. */
  readonly empty: () => State;
  /** Takes an item into the state; `isNews`: the known list did not have it. */
  readonly take: (state: State, item: string, campaignId: number, isNews: boolean) => void;
}

export class CampaignLists<State> {
  readonly #parts: ListParts<State>;
  readonly #known = new Map<number, Held<State>>();
  /** By campaign, the list of a new board while it is read; it replaces the known one once it has the length that board states. */
  readonly #anew = new Map<number, Held<State>>();
  readonly #reading = new Set<number>();

  constructor(parts: ListParts<State>) {
    this.#parts = parts;
  }

  /** The number of campaigns whose lists are kept. */
  get size(): number {
    return this.#known.size;
  }

  get(campaignId: number): State | undefined {
    return this.#known.get(campaignId)?.state;
  }

  /** Whether a list of this length has more than is known. */
  isBehind(campaignId: number, length: number): boolean {
    return this.#anew.has(campaignId) || length > (this.#known.get(campaignId)?.read ?? 0);
  }

  /** Reads on, unless it is being read. Never rejects: the next change of the board retries. */
  async read(campaignId: number, length: number): Promise<void> {
    if (this.#reading.has(campaignId)) return;
    this.#reading.add(campaignId);
    const anew = this.#anew.get(campaignId);
    const known = this.#known.get(campaignId);
    const reported = anew === undefined ? 0 : (known?.read ?? 0);
    const held = anew ?? known ?? this.#empty();
    if (anew === undefined) this.#known.set(campaignId, held);
    try {
      for (let items = await this.#page(campaignId, held.read); items.length > 0; ) {
        // The board was replaced meanwhile, and this page may be one of its list.
        if (anew !== this.#anew.get(campaignId)) return;
        for (const item of items) {
          held.read += 1;
          this.#parts.take(held.state, item, campaignId, held.read > reported);
        }
        items = items.length < PAGE ? [] : await this.#page(campaignId, held.read);
      }
      if (anew !== undefined && anew === this.#anew.get(campaignId) && held.read >= length) {
        this.#anew.delete(campaignId);
        this.#known.set(campaignId, held);
      }
    } catch (err) {
      const { log, what } = this.#parts;
      log.debug({ err, campaignId }, `cannot read ${what}; the next change of the board retries`);
    } finally {
      this.#reading.delete(campaignId);
    }
  }

  /** The board was replaced. */
  replaced(): void {
    for (const campaignId of this.#known.keys()) this.#anew.set(campaignId, this.#empty());
  }

  forget(campaignId: number): void {
    this.#known.delete(campaignId);
    this.#anew.delete(campaignId);
  }

  #empty(): Held<State> {
    return { state: this.#parts.empty(), read: 0 };
  }

  #page(campaignId: number, from: number): Promise<string[]> {
    return this.#parts.redis.lrange(this.#parts.keyOf(campaignId), from, from + PAGE - 1);
  }
}
