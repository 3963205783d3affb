/**
 * How many are ahead, computed in memory for everybody: `ahead(rank) = entries before it, less the settled ones, less
 * those who left while they waited`. Per campaign it takes one number from the board and the ranks of those who left.
 */
import type { Logger } from 'pino';
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import type { Keys } from '../engine/contract/keys.ts';
import type { RedisClient } from '../engine/contract/redis.ts';
import type { Board, BoardListener } from './board.ts';
import { Fenwick } from './fenwick.ts';

interface Gone {
  readonly ranks: Fenwick;
  read: number;
  reading: boolean;
}

export class Places implements BoardListener {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #board: Board;
  readonly #log: Logger;
  readonly #gone = new Map<number, Gone>();

  constructor(parts: { redis: RedisClient; keys: Keys; board: Board; log: Logger }) {
    this.#redis = parts.redis;
    this.#keys = parts.keys;
    this.#board = parts.board;
    this.#log = parts.log;
    parts.board.listen(this);
  }

  /** Entries before a final `rank` (from 0) that are not settled. Only ever falls. */
  ahead(campaignId: number, rank: number): number {
    const settled = this.#board.campaign(campaignId)?.settledCount ?? 0;
    if (rank <= settled) return 0;
    const gone = this.#gone.get(campaignId);
    return rank - settled - (gone === undefined ? 0 : gone.ranks.below(rank) - gone.ranks.below(settled));
  }

  /** Whether the entry of a final rank left the queue. */
  left(campaignId: number, rank: number): boolean {
    return this.#gone.get(campaignId)?.ranks.has(rank) === true;
  }

  changed(): void {
    for (const campaign of this.#board.campaigns()) {
      const known = this.#gone.get(campaign.campaignId)?.read ?? 0;
      if (campaign.gone > known && !campaign.finished) void this.#read(campaign);
    }
  }

  async #read({ campaignId }: BoardCampaign): Promise<void> {
    const gone = this.#gone.get(campaignId) ?? { ranks: new Fenwick(), read: 0, reading: false };
    this.#gone.set(campaignId, gone);
    if (gone.reading) return;
    gone.reading = true;
    try {
      const ranks = await this.#redis.lrange(this.#keys.campaign(campaignId).gone, gone.read, -1);
      for (const rank of ranks) gone.ranks.mark(Number(rank));
      gone.read += ranks.length;
    } catch (error) {
      this.#log.debug(
        { err: error, campaignId },
        'who left could not be read; the next change of the board tries again',
      );
    } finally {
      gone.reading = false;
    }
  }
}
