import { connectRedis, type RedisClient, waitForRedis } from '../../engine/contract/redis/redis.ts';
import { openPool, type Pool } from '../../sql/database.ts';
import { readRecord } from '../load/record.ts';
import type { LoadResult } from '../load/result.ts';
import type { Fairline, Site } from './fairline.ts';
import { type Metrics, readMetrics, sumOf } from './metrics.ts';
import { until } from './waiting.ts';

/** Something was lost, doubled or refused: the figures of such a run are worthless. */
export class LostRun extends Error {}

const REDIS_TIMEOUT_MS = 30_000;
/** Counters of what the engine took out of the log, whatever became of it. */
const INTAKE = ['fairline_intake_entries_total', 'fairline_intake_repeated_total'] as const;
const ASIDE = ['fairline_intake_dead_letters_total', 'fairline_intake_dropped_total'] as const;
/** A million entries at a tenth of the usual rate. */
const INTAKE_LIMIT_MS = 180_000;
/** Short enough to time the end of the intake, long enough not to load the engine, which has to answer. */
const POLL_MS = 50;

/** The number of entries of one campaign, by source. */
export interface Balance {
  /** Clients: answered with 202. */
  readonly accepted: number;
  /** Gateways: in slices that the log has acknowledged. */
  readonly appended: number;
  /** Engine: found in the log. */
  readonly logged: number;
  /** Redis: in the queue. */
  readonly ranked: number;
  /** PostgreSQL: rows of the ledger. */
  readonly entries: number;
}

/** The counts of entries, and the number of their slices. */
export type Balanced = Balance & { readonly slices: number };

/** Connections to one fairline's ledger and ranks, to read them beside its processes. */
export interface Books {
  readonly pool: Pool;
  readonly redis: RedisClient;
  stop(): Promise<void>;
}

export async function openBooks(site: Site): Promise<Books> {
  const { DATABASE_URL: databaseUrl = '', REDIS_URL: redisUrl = '' } = site.env;
  const faults: Error[] = [];
  const pool = openPool(databaseUrl, { max: 2, applicationName: 'bench', onError: e => faults.push(e) });
  const redis = connectRedis(redisUrl, { commandTimeoutMs: REDIS_TIMEOUT_MS, onError: e => faults.push(e) });
  const stop = async (): Promise<void> => {
    redis.disconnect();
    if (!pool.ended) await pool.end();
  };
  try {
    await waitForRedis(redis, REDIS_TIMEOUT_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pool, redis, stop };
}

/** Rejects with LostRun unless every request of a load was answered with 202, and with the expected body. */
export function requireAllAccepted(result: LoadResult): number {
  const { byStatus, errors, unknown, timeouts, sent, ended } = result;
  const accepted = byStatus['202'] ?? 0;
  const faults = { ...byStatus, ...errors, unknown, timeouts };
  if (accepted !== sent || Object.keys(errors).length > 0 || ended === 'limit') {
    throw new LostRun(`of ${sent} requests ${accepted} were accepted (${ended}): ${JSON.stringify(faults)}`);
  }
  return accepted;
}

/** Notes the counters before a burst; see `balance`. */
export async function openAccount({ engine, gateways }: Fairline): Promise<Account> {
  return new Account(
    await readMetrics(engine.base),
    await Promise.all(gateways.map(g => readMetrics(g.base))),
  );
}

/** One burst through a fairline, from the counters before it until all counts agree. */
export class Account {
  readonly #engine: Metrics;
  readonly #gateways: readonly Metrics[];

  constructor(engine: Metrics, gateways: readonly Metrics[]) {
    this.#engine = engine;
    this.#gateways = gateways;
  }

  /** Resolves when the engine has taken `accepted` entries out of the log into the ledger. */
  async untilTakenIn({ engine }: Fairline, accepted: number): Promise<void> {
    const what = `${accepted} entries in the ledger`;
    await until(what, { everyMs: POLL_MS, limitMs: INTAKE_LIMIT_MS }, async () => {
      const taken = sumOf(await readMetrics(engine.base), ...INTAKE) - sumOf(this.#engine, ...INTAKE);
      return taken >= accepted || undefined;
    });
  }

  /**
   * Compares what the clients were told with log, ranks and ledger, and each client's stamp with its row. Rejects with
   * LostRun when anything differs. Call it when everything was taken in.
   */
  async balance(
    fairline: Fairline,
    books: Books,
    campaignId: number,
    recordPaths: readonly string[],
  ): Promise<Balanced> {
    const told = await stampsOf(recordPaths);
    const { rows } = await books.pool.query<{ user_id: string; stamp: number }>(
      'select user_id, stamp from entries where campaign_id = $1',
      [campaignId],
    );
    const engine = await readMetrics(fairline.engine.base);
    const gateways = await Promise.all(fairline.gateways.map(gateway => readMetrics(gateway.base)));
    const grown = (name: string): number => sumAll(gateways, name) - sumAll(this.#gateways, name);
    const balance: Balance = {
      accepted: told.size,
      appended: grown('fairline_slice_entries_sum'),
      logged: sumOf(engine, ...INTAKE) - sumOf(this.#engine, ...INTAKE),
      ranked: await books.redis.zcard(fairline.site.keys.campaign(campaignId).rank),
      entries: rows.length,
    };
    const aside = sumOf(engine, ...ASIDE) - sumOf(this.#engine, ...ASIDE);
    const wrong = rows.filter(({ user_id, stamp }) => told.get(user_id) !== stamp);
    const isEven = Object.values(balance).every(count => count === balance.accepted);
    if (!isEven || aside > 0 || wrong.length > 0) {
      const [first] = wrong;
      throw new LostRun(
        `the books do not balance: ${JSON.stringify({ ...balance, aside, otherStamps: wrong.length, first })}`,
      );
    }
    return { ...balance, slices: grown('fairline_slice_entries_count') };
  }
}

async function stampsOf(recordPaths: readonly string[]): Promise<ReadonlyMap<string, number | undefined>> {
  const told = new Map<string, number | undefined>();
  for (const path of recordPaths) {
    for (const { user, status, stamp } of (await readRecord(path)).rows()) {
      if (status === 202) told.set(user, stamp);
    }
  }
  return told;
}

function sumAll(all: readonly Metrics[], name: string): number {
  return all.reduce((sum, metrics) => sum + sumOf(metrics, name), 0);
}
