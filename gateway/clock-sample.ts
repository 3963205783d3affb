/** Asks Redis for its time, for the clock that all gateways share. */
import type { RedisClient } from '../engine/contract/redis.ts';
import { type ClockSample, monotonicUs, type SharedClock } from './clock.ts';

export async function askForTime(redis: RedisClient): Promise<ClockSample> {
  const askedUs = monotonicUs();
  const [seconds, microseconds] = await redis.time();
  const redisUs = Number(seconds) * 1_000_000 + Number(microseconds);
  return { askedUs, heardUs: monotonicUs(), redisUs };
}

export async function sampleClock(redis: RedisClient, clock: SharedClock): Promise<void> {
  clock.sample(await askForTime(redis));
}
