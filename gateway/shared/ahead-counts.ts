/**
 * Computes how many are ahead, in memory for everybody: `ahead(rank) = entries before it, minus settled ones, minus those
 * who left while waiting`. Per campaign this needs one number from the board and the ranks of those who left.
 *
 * In a room users also come back: one whose rank is not settled is counted again, and one who was skipped waits among the
 * settled ones, ahead of all others. So `ahead` is exact there too; the shown value still only falls.
 */
import type { Logger } from 'pino';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import type { Board, BoardListener } from './board.ts';
import { Fenwick } from './fenwick.ts';

/** Moves read at once: 100,000 users skipped together must not block the event loop. */
const PAGE = 2_000;

interface Gone {
  readonly ranks: Fenwick;
  /** Of a room: users who wait although more than their rank are settled. */
  readonly returned: Fenwick;
  read: number;
}

export class AheadCounts implements BoardListener {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #board: Board;
  readonly #log: Logger;
  readonly #gone = new Map<number, Gone>();
  /** By campaign, the list of a new board while it is read; it replaces the old one once it has the length that board states. */
  readonly #anew = new Map<number, Gone>();
  readonly #reading = new Set<number>();

  constructor(parts: { redis: RedisClient; keys: Keys; board: Board; log: Logger }) {
    this.#redis = parts.redis;
    this.#keys = parts.keys;
    this.#board = parts.board;
    this.#log = parts.log;
    parts.board.listen(this);
  }

  /** Unsettled entries before a final `rank` (from 0). Only falls, except when somebody comes back. */
  ahead(campaignId: number, rank: number): number {
    const settled = this.#board.campaign(campaignId)?.settledCount ?? 0;
    const gone = this.#gone.get(campaignId);
    if (gone === undefined) return Math.max(0, rank - settled);
    const passedBy = gone.returned.below(Math.min(rank, settled));
    if (rank <= settled) return passedBy;
    return passedBy + rank - settled - (gone.ranks.below(rank) - gone.ranks.below(settled));
  }

  /** Whether the entry with a final rank waits although later entries are settled. */
  returned(campaignId: number, rank: number): boolean {
    return this.#gone.get(campaignId)?.returned.has(rank) === true;
  }

  /** Whether the entry with a final rank left the queue. */
  left(campaignId: number, rank: number): boolean {
    return this.#gone.get(campaignId)?.ranks.has(rank) === true;
  }

  /** The number of campaigns whose leavers are kept. */
  get size(): number {
    return this.#gone.size;
  }

  /** Once every entry has its outcome, nobody sees `ahead` any more, so the leavers are dropped. */
  changed(): void {
    for (const campaign of this.#board.campaigns()) {
      const { campaignId, gone, finished } = campaign;
      if (finished) {
        this.#gone.delete(campaignId);
        this.#anew.delete(campaignId);
        continue;
      }
      const isAnew = this.#anew.has(campaignId);
      const known = this.#gone.get(campaignId)?.read ?? 0;
      if (isAnew || gone > known) void this.#read(campaign);
    }
  }

  /** The list may have changed. The known one stays in use until the new one is complete, so that nobody moves back. */
  replaced(): void {
    for (const campaignId of this.#gone.keys()) this.#anew.set(campaignId, empty());
  }

  forgot(campaignIds: readonly number[]): void {
    for (const campaignId of campaignIds) {
      this.#gone.delete(campaignId);
      this.#anew.delete(campaignId);
    }
  }

  async #read({ campaignId, gone: expected }: BoardCampaign): Promise<void> {
    if (this.#reading.has(campaignId)) return;
    this.#reading.add(campaignId);
    const anew = this.#anew.get(campaignId);
    const gone = anew ?? this.#gone.get(campaignId) ?? empty();
    if (anew === undefined) this.#gone.set(campaignId, gone);
    try {
      const key = this.#keys.campaign(campaignId).gone;
      for (let moves = await this.#page(key, gone.read); moves.length > 0; ) {
        for (const move of moves) take(gone, move);
        gone.read += moves.length;
        moves = moves.length < PAGE ? [] : await this.#page(key, gone.read);
      }
      if (anew !== undefined && anew === this.#anew.get(campaignId) && gone.read >= expected) {
        this.#anew.delete(campaignId);
        this.#gone.set(campaignId, gone);
      }
    } catch (error) {
      this.#log.debug(
        { err: error, campaignId },
        'cannot read who left; the next change of the board retries',
      );
    } finally {
      this.#reading.delete(campaignId);
    }
  }

  #page(key: string, from: number): Promise<string[]> {
    return this.#redis.lrange(key, from, from + PAGE - 1);
  }
}

function empty(): Gone {
  return { ranks: new Fenwick(), returned: new Fenwick(), read: 0 };
}

/** One move of the list: see CampaignKeys.gone. */
function take(gone: Gone, move: string): void {
  const rank = Number(move.replace(/^[-+]/, ''));
  if (move.startsWith('-')) gone.ranks.unmark(rank);
  else if (move.startsWith('+')) {
    gone.ranks.unmark(rank);
    gone.returned.mark(rank);
  } else {
    gone.ranks.mark(rank);
    gone.returned.unmark(rank);
  }
}
