/** Asks Redis for its time, for the clock that all gateways share. */
import { readTimeUs } from '../../engine/contract/redis/lease/time.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import { type ClockSample, monotonicUs, type SharedClock } from './clock.ts';

/** `leases`: the key of the registry, whose server has the clock. */
export async function askForTime(redis: RedisClient, leases: string): Promise<ClockSample> {
  const askedUs = monotonicUs();
  const redisUs = await readTimeUs(redis, leases);
  return { askedUs, answeredUs: monotonicUs(), redisUs };
}

export async function sampleClock(redis: RedisClient, leases: string, clock: SharedClock): Promise<void> {
  clock.sample(await askForTime(redis, leases));
}
