/**
 * Computes how many users are ahead of each waiting user, in memory: `ahead(rank) = entries before it, minus settled ones,
 * minus users who left while waiting`. Per campaign this needs one number from the board and the ranks of the users who left.
 *
 * In a room users also come back: a user whose rank is not settled is counted again, and a skipped user waits among the settled
 * ones, ahead of all others. So `ahead` is exact there too; the shown value still only falls.
 */
import type { Logger } from 'pino';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import type { Board, BoardListener } from './board.ts';
import { CampaignLists } from './campaign-lists.ts';
import { Fenwick } from './fenwick.ts';

interface Gone {
  readonly ranks: Fenwick;
  /** Rooms only: users who wait although more entries than their rank are settled. */
  readonly returned: Fenwick;
}

export class AheadCounts implements BoardListener {
  readonly #board: Board;
  readonly #gone: CampaignLists<Gone>;

  constructor({ redis, keys, board, log }: { redis: RedisClient; keys: Keys; board: Board; log: Logger }) {
    this.#board = board;
    this.#gone = new CampaignLists({
      redis,
      log,
      what: 'who left',
      keyOf: campaignId => keys.campaign(campaignId).gone,
      empty: () => ({ ranks: new Fenwick(), returned: new Fenwick() }),
      take,
    });
    board.listen(this);
  }

  /** Unsettled entries before a final `rank` (from 0). Only falls, except when a user comes back. */
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
    for (const { campaignId, gone, finished } of this.#board.campaigns()) {
      if (finished) this.#gone.forget(campaignId);
      else if (this.#gone.isBehind(campaignId, gone)) void this.#gone.read(campaignId, gone);
    }
  }

  replaced(): void {
    this.#gone.replaced();
  }

  forgot(campaignIds: readonly number[]): void {
    for (const campaignId of campaignIds) this.#gone.forget(campaignId);
  }
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
