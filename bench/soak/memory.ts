/** The memory of a running fairline, process by process, and in Redis. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import { familyOf, type ProcessUsage, processUsage } from '../peers/usage.ts';
import { median } from '../report/figures.ts';
import type { Fairline } from '../system/fairline.ts';
import type { Servers } from '../system/servers.ts';
import { usedMemory } from '../watchers/redis-memory.ts';

export interface Memory {
  /** Resident bytes by process, after garbage collection. */
  readonly rss: Readonly<Record<string, number>>;
  readonly redisBytes: number;
  readonly redisKeys: number;
  readonly ledgerBytes: number;
}

const SAMPLES = 5;
const APART_MS = 400;
/** Collecting takes some 100 ms each time, and memory is given back a little later. */
const COLLECTED_MS = 1_500;

/** Call it at rest. */
export async function measureMemory(
  servers: Servers,
  { site, engine, gateways }: Fairline,
  redis: RedisClient,
): Promise<Memory> {
  const own = [engine, ...gateways];
  for (const { pid } of own) {
    for (const member of await familyOf(pid)) process.kill(member, 'SIGUSR2');
  }
  await sleep(COLLECTED_MS);
  const measured: Record<string, () => Promise<ProcessUsage>> = { engine: engine.usage };
  for (const [index, { usage }] of gateways.entries()) measured[`gateway ${index + 1}`] = usage;
  const { redis: redisPid } = servers.pids;
  // Alone: a child of it that saves has the same memory.
  if (redisPid !== undefined) measured.redis = () => processUsage(redisPid);
  const samples = new Map<string, number[]>();
  for (let sample = 0; sample < SAMPLES; sample++) {
    if (sample > 0) await sleep(APART_MS);
    for (const [name, usage] of Object.entries(measured)) add(samples, name, (await usage()).rssBytes);
    const { postgres } = servers.pids;
    if (postgres !== undefined) add(samples, 'a process of postgres', await privateBytes(postgres));
  }
  return {
    rss: Object.fromEntries([...samples].map(([name, bytes]) => [name, median(bytes)])),
    redisBytes: await usedMemory(redis),
    redisKeys: await redis.dbsize(),
    ledgerBytes: await ledgerBytes(site.databaseUrl),
  };
}

function add(samples: Map<string, number[]>, name: string, bytes: number): void {
  samples.set(name, [...(samples.get(name) ?? []), bytes]);
}

/**
 * Mean private memory of PostgreSQL's processes. Shared memory has a configured size, and counts in the RSS of each process
 * that has touched it. Their number is that of open connections, which pools open and close as they need them.
 */
async function privateBytes(pid: number): Promise<number> {
  if (process.platform !== 'linux') return (await processUsage(pid)).rssBytes;
  const members: number[] = [];
  for (const member of await familyOf(pid)) {
    const status = await readFile(`/proc/${member}/status`, 'utf8').catch(() => '');
    const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(status) ?? [];
    if (kilobytes !== undefined) members.push(Number(kilobytes) * 1_024);
  }
  return members.reduce((sum, bytes) => sum + bytes, 0) / Math.max(1, members.length);
}

async function ledgerBytes(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ bytes: string }>(
      'select pg_database_size(current_database()) as bytes',
    );
    return Number(rows[0]?.bytes ?? 0);
  } finally {
    await client.end();
  }
}

/** By measured quantity, the median of the later measurements divided by that of the earlier ones. */
export function growth(
  before: readonly Memory[],
  after: readonly Memory[],
): Readonly<Record<string, number>> {
  const ratio = (bytesOf: (memory: Memory) => number): number =>
    median(after.map(bytesOf)) / median(before.map(bytesOf));
  const names = Object.keys(after[0]?.rss ?? {});
  return {
    ...Object.fromEntries(names.map(name => [`RSS of ${name}`, ratio(({ rss }) => rss[name] ?? 0)])),
    "Redis' used_memory": ratio(({ redisBytes }) => redisBytes),
  };
}
