/** Asks Redis for its time, for the clock that all gateways share. */
import type { RedisClient } from '../engine/contract/redis.ts';
import { monotonicUs, type SharedClock } from './clock.ts';

export async function sampleClock(redis: RedisClient, clock: SharedClock): Promise<void> {
  const askedUs = monotonicUs();
  const [seconds, microseconds] = await redis.time();
  clock.sample({
    askedUs,
    heardUs: monotonicUs(),
    redisUs: Number(seconds) * 1_000_000 + Number(microseconds),
  });
}
