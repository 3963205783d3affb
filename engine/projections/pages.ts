/** The paged loop of projections: writes numbered rows of the ledger to Redis, a page at a time. */
import type { Queryable } from '../../sql/database.ts';
import { pagesOf } from '../../sql/statements/pages.ts';
import type { CampaignKeys } from '../contract/redis/keys.ts';
import type { RedisClient } from '../contract/redis/redis.ts';

/** Members sent in one command, which blocks Redis for a few milliseconds at most. */
export const PAGE = 2_000;

/** A campaign whose projection is written, with the database it is read from and the Redis it is written to. */
export interface Projected {
  readonly db: Queryable;
  readonly redis: RedisClient;
  readonly keys: CampaignKeys;
  readonly campaignId: number;
  /** Called after each published page; see make-projection.ts. */
  readonly onPage?: () => Promise<void>;
}

export interface Pages<Row> {
  /** Rows with numbers greater than `after`, in that order, at most `limit`. */
  readonly read: (db: Queryable, campaignId: number, after: number, limit: number) => Promise<readonly Row[]>;
  readonly numberOf: (row: Row) => number;
  /** Publishes a page that follows the number `after`. */
  readonly publish: (page: readonly Row[], after: number) => Promise<unknown>;
}

/** Rows that were read before, together with those of other campaigns. */
export interface FirstRows<Row> {
  /** They follow this number. What was published may have been forgotten since, with the connection to Redis. */
  readonly after: number;
  readonly rows: readonly Row[];
  /** There are no others. */
  readonly areAll: boolean;
}

/**
 * Publishes rows with numbers above `after`, up to the first page that is not full; answers the last number that was. Those of
 * `first` are not read again, if they follow `after`.
 */
export async function eachPage<Row>(
  { db, campaignId, onPage }: Projected,
  after: number,
  { read, numberOf, publish }: Pages<Row>,
  first?: FirstRows<Row>,
): Promise<number> {
  let published = after;
  const publishPage = async (page: readonly Row[]): Promise<void> => {
    const last = page.at(-1);
    if (last === undefined) return;
    await publish(page, published);
    published = numberOf(last);
    await onPage?.();
  };
  if (first?.after === after) {
    await publishPage(first.rows);
    if (first.areAll) return published;
  }
  const pages = pagesOf({
    after: published,
    limit: PAGE,
    read: (from, limit) => read(db, campaignId, from, limit),
    keyOf: numberOf,
  });
  for await (const page of pages) await publishPage(page);
  return published;
}
