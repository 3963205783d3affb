/** Reads the final state of PostgreSQL and Redis directly: tables and sorted sets, without code of the engine. */
import pg from 'pg';
import { keysOf } from '../../../engine/contract/redis/keys.ts';
import { connectRedis, waitForRedis } from '../../../engine/contract/redis/redis.ts';
import type { Entry, Grant } from './evidence.ts';

export interface LedgerRows {
  readonly entries: readonly Entry[];
  readonly grants: readonly Grant[];
  readonly settledStamp: number;
}

const TIMEOUT_MS = 60_000;
const RANKS_A_READ = 10_000;

/** Reads the rows of each campaign. Stamps are below 2^53, so they are exact as numbers. */
export async function readLedger(
  databaseUrl: string,
  campaigns: readonly number[],
): Promise<ReadonlyMap<number, LedgerRows>> {
  const client = new pg.Client({ connectionString: databaseUrl, query_timeout: TIMEOUT_MS });
  await client.connect();
  try {
    const found = new Map<number, LedgerRows>();
    for (const campaign of campaigns) {
      const entries = await client.query<{ user: string; stamp: string }>(
        'select user_id as "user", stamp from entries where campaign_id = $1',
        [campaign],
      );
      const grants = await client.query<Grant>(
        'select user_id as "user", serial, code from grants where campaign_id = $1',
        [campaign],
      );
      const settled = await client.query<{ settled_stamp: string }>(
        'select settled_stamp from campaigns where campaign_id = $1',
        [campaign],
      );
      found.set(campaign, {
        entries: entries.rows.map(({ user, stamp }) => ({ user, stamp: Number(stamp) })),
        grants: grants.rows,
        settledStamp: Number(settled.rows[0]?.settled_stamp ?? -1),
      });
    }
    return found;
  } finally {
    await client.end();
  }
}

/** The ranked users of each campaign, with their stamps. */
export async function readRanks(
  redisUrl: string,
  namespace: string,
  campaigns: readonly number[],
): Promise<ReadonlyMap<number, readonly Entry[]>> {
  const redis = connectRedis(redisUrl, { commandTimeoutMs: TIMEOUT_MS, onError: () => undefined });
  try {
    await waitForRedis(redis, TIMEOUT_MS);
    const found = new Map<number, Entry[]>();
    for (const campaign of campaigns) {
      const key = keysOf(namespace).campaign(campaign).rank;
      const ranks: Entry[] = [];
      const count = await redis.zcard(key);
      while (ranks.length < count) {
        const from = ranks.length;
        const flat = await redis.zrange(key, from, String(from + RANKS_A_READ - 1), 'WITHSCORES');
        if (flat.length === 0) break;
        for (let at = 0; at < flat.length; at += 2) {
          ranks.push({ user: flat[at] ?? '', stamp: Number(flat[at + 1]) });
        }
      }
      found.set(campaign, ranks);
    }
    return found;
  } finally {
    redis.disconnect();
  }
}
