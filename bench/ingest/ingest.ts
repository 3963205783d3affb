/**
 * How fast the engine takes the log into the ledger, compared with the plainest insert of the same rows.
 *
 * Both write into tables of one database, new in every round, with the same columns, checks and indexes. The log is filled
 * first, and the time begins when the engine begins to read it, so it does not include the start of the engine.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { pino } from 'pino';
import { readRuntimeConfig } from '../../engine/config.ts';
import {
  type LogFencing,
  type LogKind,
  LogUnavailable,
  type LogWriter,
  partitionOf,
} from '../../engine/contract/log/log.ts';
import { openFencing, openProducer } from '../../engine/contract/log/open.ts';
import { encodeHead } from '../../engine/contract/record/record.ts';
import { migrate } from '../../sql/schema/migrate.ts';
import { bigintArray, textArray } from '../../sql/statements/arrays.ts';
import { createCampaign } from '../../sql/statements/campaigns/campaigns.ts';
import { measureCpu, treeCpuUs } from '../peers/usage.ts';
import { LostRun } from '../system/books.ts';
import { type Closing, closingAfter } from '../system/closing.ts';
import { makeSite, type Site, startEngine } from '../system/fairline.ts';
import type { Servers } from '../system/servers.ts';
import { until } from '../system/waiting.ts';
import { CAMPAIGN, makeRows, type Rows } from './rows.ts';

/** Rows per statement of the plain insert; README.md has the figures of other sizes. */
const STATEMENT_ROWS = 10_000;
const POLL_MS = 5;
const APPEND_LIMIT_MS = 15_000;
/** A million rows at a tenth of the usual rate. */
const LIMIT_MS = 180_000;
const OPENED_MS_AGO = 600_000;
const OPEN_MS = 3_600_000;

export interface IngestFigures {
  readonly rowsPerSecond: number;
  /** CPU time per row, in microseconds; `postgres` includes all its processes. */
  readonly cpuUs: Readonly<Record<string, number>>;
}

export type IngestName = 'bare' | 'redisLog' | 'kafkaLog';

/** One of each; without Kafka its log is left out. */
export type IngestRound = Readonly<Partial<Record<IngestName, IngestFigures>>>;

interface Turn {
  readonly name: IngestName;
  measure(): Promise<IngestFigures>;
}

export interface IngestOptions {
  readonly rounds: number;
  readonly rows: number;
}

export async function measureIngest(
  servers: Servers,
  options: IngestOptions,
  closing: Closing,
  say: (line: string) => void,
): Promise<readonly IngestRound[]> {
  const opensAt = new Date(Date.now() - OPENED_MS_AGO);
  const opensAtUs = opensAt.getTime() * 1_000;
  const rows = makeRows(options.rows, { opensAtUs, firstUs: opensAtUs + 1_000_000 });
  const hasKafka = servers.env.KAFKA_BROKERS !== undefined;
  if (!hasKafka) say('there is no Kafka: its log is left out');
  const turns: readonly Turn[] = [
    { name: 'bare', measure: () => measureBare(servers, rows, opensAt, closing) },
    { name: 'redisLog', measure: () => measureEngine(servers, 'redis', rows, opensAt, closing) },
    ...(hasKafka
      ? [
          {
            name: 'kafkaLog',
            measure: () => measureEngine(servers, 'kafka', rows, opensAt, closing),
          } as const,
        ]
      : []),
  ];
  const rounds: IngestRound[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const figures: Partial<Record<IngestName, IngestFigures>> = {};
    for (const { name, measure } of round % 2 === 1 ? turns : [...turns].reverse()) {
      const one = await measure();
      figures[name] = one;
      say(`round ${round} of ${options.rounds}  ${name.padEnd(8)}  ${Math.round(one.rowsPerSecond)} rows/s`);
    }
    rounds.push(figures);
  }
  return rounds;
}

/** A site with a migrated ledger that has the campaign, and a connection to it. */
async function withLedger<T>(
  servers: Servers,
  log: LogKind,
  opensAt: Date,
  outer: Closing,
  work: (site: Site, client: pg.Client, closing: Closing) => Promise<T>,
): Promise<T> {
  return closingAfter(async closing => {
    await outer.own(Promise.resolve({ stop: () => closing.close() }));
    const site = await closing.own(makeSite(servers, log));
    await migrate(site.databaseUrl, () => undefined);
    const client = new pg.Client({ connectionString: site.databaseUrl });
    await client.connect();
    await closing.own(Promise.resolve({ stop: () => client.end() }));
    const { campaignId } = await createCampaign(client, {
      kind: 'raffle',
      title: 'Ingest',
      stock: 1,
      opensAt,
      closesAt: new Date(Date.now() + OPEN_MS),
    });
    if (campaignId !== CAMPAIGN) throw new Error(`the ledger was not empty: campaign ${campaignId}`);
    return work(site, client, closing);
  });
}

function measureBare(servers: Servers, rows: Rows, opensAt: Date, outer: Closing): Promise<IngestFigures> {
  return withLedger(servers, 'redis', opensAt, outer, async (_site, client) => {
    await client.query('create table bare_entries (like entries including all)');
    await client.query('checkpoint');
    const used = await cpuOf(servers, { client: process.pid });
    const beganMs = performance.now();
    for (let from = 0; from < rows.count; from += STATEMENT_ROWS) {
      const to = from + STATEMENT_ROWS;
      const { campaignIds, userIds, stamps } = rows.columns;
      await client.query(
        `insert into bare_entries (campaign_id, user_id, stamp)
         select * from unnest($1::bigint[], $2::text[], $3::bigint[])`,
        [
          bigintArray(campaignIds.slice(from, to)),
          textArray(userIds.slice(from, to)),
          bigintArray(stamps.slice(from, to)),
        ],
      );
    }
    const seconds = (performance.now() - beganMs) / 1e3;
    const cpuUs = await used(rows.count);
    await requireRows(client, 'bare_entries', rows.count);
    return { rowsPerSecond: rows.count / seconds, cpuUs };
  });
}

function measureEngine(
  servers: Servers,
  log: LogKind,
  rows: Rows,
  opensAt: Date,
  outer: Closing,
): Promise<IngestFigures> {
  return withLedger(servers, log, opensAt, outer, async (site, client, closing) => {
    await fillLog(site, rows);
    await client.query('checkpoint');
    const engine = await closing.own(startEngine(site));
    const used = await cpuOf(servers, { engine: engine.pid });
    const rowsPerSecond = await timeIntake(client, rows);
    const cpuUs = await used(rows.count);
    await requireRows(client, 'entries', rows.count);
    return { rowsPerSecond, cpuUs };
  });
}

/** Writes the log as gateways of the ledger's first epoch would. */
async function fillLog(site: Site, { records }: Rows): Promise<void> {
  const config = readRuntimeConfig(site.env);
  const quiet = pino({ level: 'silent' });
  const [producer, fencing] = [await openProducer(config, quiet), await openFencing(config, quiet)];
  const writers = new Map<number, LogWriter>();
  try {
    for (let partition = 0; partition < config.LOG_PARTITIONS; partition++) await open(fencing, partition);
    for (const { gateway, incarnation, bytes } of records) {
      let writer = writers.get(gateway);
      if (writer === undefined) {
        const token = await fencing.prepare();
        const partition = partitionOf(gateway, config.LOG_PARTITIONS);
        writer = producer.writer({
          gateway,
          incarnation,
          partition,
          token,
          givenAtMs: Date.now(),
          nowMs: Date.now,
        });
        writers.set(gateway, writer);
      }
      await writer.append(bytes);
    }
  } finally {
    await producer.close();
    await fencing.close();
  }
}

/** Retries: a new topic may not have its leaders yet. */
async function open(fencing: LogFencing, partition: number): Promise<void> {
  const nothing = { sliceNumber: 0, throughUs: 0, rankedUs: 0 };
  const marker = encodeHead({ kind: 'fence', gateway: partition, incarnation: 0, ...nothing });
  await until('the log', { everyMs: 100, limitMs: APPEND_LIMIT_MS }, async () => {
    try {
      return await fencing.mark(partition, 0, marker);
    } catch (error) {
      if (error instanceof LogUnavailable) return undefined;
      throw error;
    }
  });
}

/**
 * Rows per second, from the moment at which the engine notes in the ledger that it reads a partition, which it does first,
 * to the last commit. (Not from the first commit: one batch from Kafka may hold everything.) Polling costs Postgres next to
 * nothing: a few rows of log_partitions, and of gateways, in which each batch notes how many slices have been taken in.
 */
async function timeIntake(client: pg.Client, { records, count }: Rows): Promise<number> {
  const endMs = performance.now() + LIMIT_MS;
  let beganMs: number | undefined;
  for (;;) {
    const { rows } = await client.query<{ partitions: string; slices: string | null }>(
      `select (select count(*) from log_partitions) as partitions,
              (select sum(slice_number) from gateways) as slices`,
    );
    const nowMs = performance.now();
    if (Number(rows[0]?.partitions) > 0) beganMs ??= nowMs;
    const slices = Number(rows[0]?.slices ?? 0);
    if (beganMs !== undefined && slices === records.length) return count / ((nowMs - beganMs) / 1e3);
    if (nowMs > endMs) throw new LostRun(`${slices} of ${records.length} slices were taken in in time`);
    await sleep(POLL_MS);
  }
}

async function requireRows(
  client: pg.Client,
  table: 'entries' | 'bare_entries',
  wanted: number,
): Promise<void> {
  const { rows } = await client.query<{ count: string }>(`select count(*) from ${table}`);
  const found = Number(rows[0]?.count);
  if (found !== wanted) throw new LostRun(`${table} has ${found} rows in place of ${wanted}`);
}

/** Begins to measure; the returned function gives the CPU time per row since then. */
async function cpuOf(
  { pids }: Servers,
  client: Readonly<Record<string, number>>,
): Promise<(rows: number) => Promise<Readonly<Record<string, number>>>> {
  const postgres = async (): Promise<number> => (pids.postgres === undefined ? 0 : treeCpuUs(pids.postgres));
  const before = await postgres();
  const used = await measureCpu(client);
  return async rows => {
    const all = { ...(await used()), postgres: (await postgres()) - before };
    return Object.fromEntries(Object.entries(all).map(([name, us]) => [name, us / rows]));
  };
}
