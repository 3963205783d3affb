/**
 * Campaigns that users ask about during a rebuild: they are rebuilt before others. Only a hint; if one is lost, the next
 * request repeats it.
 */
import type { Keys } from '../keys.ts';
import type { RedisClient } from '../redis.ts';

/** Tells engines that a user waits for the campaign. Rejects if Redis does not accept it. */
export async function askForProjection(redis: RedisClient, keys: Keys, campaignId: number): Promise<void> {
  await redis.hset(keys.askedFor, String(campaignId), '1');
}

/** Campaigns that were asked for and not forgotten since. */
export async function readAskedFor(redis: RedisClient, keys: Keys): Promise<ReadonlySet<number>> {
  return new Set(Object.keys(await redis.hgetall(keys.askedFor)).map(Number));
}

/** Call it when the projection is whole. */
export async function forgetAskedFor(redis: RedisClient, keys: Keys, campaignId: number): Promise<void> {
  await redis.hdel(keys.askedFor, String(campaignId));
}
