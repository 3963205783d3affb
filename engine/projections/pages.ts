/** The paged loop of projections: what the ledger lists by numbers goes to Redis a page at a time. */
import type { Queryable } from '../../sql/database.ts';
import { pagesOf } from '../../sql/statements/pages.ts';
import type { CampaignKeys } from '../contract/redis/keys.ts';
import type { RedisClient } from '../contract/redis/redis.ts';

/** Members sent in one command: it holds Redis up for a few milliseconds at most. */
export const PAGE = 2_000;

/** A campaign whose projection is written, from where to where. */
export interface Projected {
  readonly db: Queryable;
  readonly redis: RedisClient;
  readonly keys: CampaignKeys;
  readonly campaignId: number;
  /** Called when a page was published; see make-projection.ts. */
  readonly onPage?: () => Promise<void>;
}

export interface Pages<Row> {
  /** Rows with greater numbers than `after`, in that order, at most `limit`. */
  readonly read: (db: Queryable, campaignId: number, after: number, limit: number) => Promise<readonly Row[]>;
  readonly numberOf: (row: Row) => number;
  /** Publishes a page, behind the number `after`. */
  readonly publish: (page: readonly Row[], after: number) => Promise<unknown>;
}

/** Publishes rows with numbers above `after`, up to the first page that is not full; answers the last number that was. */
export async function eachPage<Row>(
  { db, campaignId, onPage }: Projected,
  after: number,
  { read, numberOf, publish }: Pages<Row>,
): Promise<number> {
  let published = after;
  const pages = pagesOf({
    after,
    limit: PAGE,
    read: (from, limit) => read(db, campaignId, from, limit),
    keyOf: numberOf,
  });
  for await (const page of pages) {
    await publish(page, published);
    const last = page.at(-1);
    if (last !== undefined) published = numberOf(last);
    await onPage?.();
  }
  return published;
}
