/**
 * Which campaigns somebody asks about while they are made anew: of many, these are made before others. A hint and no more;
 * what is lost of it is told again with the next question.
 */
import type { Keys } from '../keys.ts';
import type { RedisClient } from '../redis.ts';

/** Tells engines that somebody waits for it. Rejects when Redis does not take it. */
export async function askForProjection(redis: RedisClient, keys: Keys, campaignId: number): Promise<void> {
  await redis.hset(keys.askedFor, String(campaignId), '1');
}

/** Campaigns that were asked for and not forgotten since. */
export async function readAskedFor(redis: RedisClient, keys: Keys): Promise<ReadonlySet<number>> {
  return new Set(Object.keys(await redis.hgetall(keys.askedFor)).map(Number));
}

/** It is whole. */
export async function forgetAskedFor(redis: RedisClient, keys: Keys, campaignId: number): Promise<void> {
  await redis.hdel(keys.askedFor, String(campaignId));
}
