/**
 * Campaign after campaign, some of them at once, for as long as a service runs: what it keeps of finished campaigns must
 * not add up. Measured repeatedly at rest, when every campaign so far has its book and has left Redis.
 */
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import { connectRedis, waitForRedis } from '../../engine/contract/redis/redis.ts';
import type { Closing } from '../system/closing.ts';
import { type Fairline, makeSite, startFairline } from '../system/fairline.ts';
import type { Servers } from '../system/servers.ts';
import { until } from '../system/waiting.ts';
import { runCampaign } from './campaign.ts';
import { type Memory, measureMemory } from './memory.ts';

export interface SoakTerms {
  readonly log: 'redis' | 'kafka';
  readonly gateways: number;
  readonly campaigns: number;
  readonly entries: number;
  readonly atOnce: number;
  readonly every: number;
  readonly openMs: number;
}

export interface Look {
  readonly campaigns: number;
  readonly accepted: number;
  readonly seconds: number;
  readonly memory: Memory;
}

/** Short, because the bench measures what is left after campaigns leave Redis. */
const SHELVE_AFTER_S = '1';
const REDIS_LIMIT_MS = 10_000;
/** Books are made one after another. */
const REST_LIMIT_MS = 180_000;

export async function measureSoak(
  servers: Servers,
  terms: SoakTerms,
  closing: Closing,
  say: (line: string) => void,
): Promise<readonly Look[]> {
  const site = await closing.own(
    makeSite(servers, terms.log, {
      SHELVE_AFTER_S,
      NODE_OPTIONS: `--import ${import.meta.resolve('tsx')} --import ${new URL('./collect.ts', import.meta.url).href}`,
    }),
  );
  const fairline = await closing.own(startFairline(site, { gateways: terms.gateways }));
  const redis = connectRedis(servers.env.REDIS_URL, { commandTimeoutMs: 5_000, onError: () => undefined });
  await closing.own(Promise.resolve({ stop: async () => redis.disconnect() }));
  await waitForRedis(redis, REDIS_LIMIT_MS);
  const looks: Look[] = [];
  const beganMs = performance.now();
  let accepted = 0;
  for (let done = 0; done < terms.campaigns; ) {
    const to = Math.min(done + terms.every, terms.campaigns);
    accepted += await runCampaigns(fairline, terms, done, to);
    done = to;
    await untilAtRest(fairline, redis);
    const memory = await measureMemory(servers, fairline, redis);
    const seconds = (performance.now() - beganMs) / 1_000;
    const look = { campaigns: done, accepted, seconds, memory };
    looks.push(look);
    say(shown(look));
  }
  return looks;
}

/** Runs the campaigns with numbers above `from` up to `to`, `atOnce` at a time. Returns how many entries were accepted. */
async function runCampaigns(
  fairline: Fairline,
  { atOnce, entries, openMs }: SoakTerms,
  from: number,
  to: number,
): Promise<number> {
  let next = from;
  let accepted = 0;
  const runOnAndOn = async (): Promise<void> => {
    while (next < to) {
      next += 1;
      const count = await runCampaign(fairline, { number: next, entries, openMs });
      // Only now: `+=` around the await would add to what was there before the others counted.
      accepted += count;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runOnAndOn));
  return accepted;
}

/** Waits until every campaign has its book, and Redis has nothing of any. */
async function untilAtRest({ site }: Fairline, redis: RedisClient): Promise<void> {
  const what = 'the last book, and the last campaign to leave Redis';
  await until(what, { everyMs: 200, limitMs: REST_LIMIT_MS }, async () => {
    const onBoard = await redis.hlen(site.keys.boardCampaigns);
    return onBoard === 0 || undefined;
  });
}

function shown({ campaigns, accepted, seconds, memory }: Look): string {
  const rss = Object.entries(memory.rss).map(([name, bytes]) => `${name} ${megabytes(bytes)}`);
  const redis = `used_memory ${megabytes(memory.redisBytes)} MB in ${memory.redisKeys} keys`;
  return `${campaigns} campaigns, ${accepted} entries, ${Math.round(seconds)} s: RSS, MB: ${rss.join(', ')}; ${redis}; ledger ${megabytes(memory.ledgerBytes)} MB`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1);
}
