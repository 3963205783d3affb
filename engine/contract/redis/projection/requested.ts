/**
 * Campaigns that users ask about during a rebuild: they are rebuilt before others. Only a hint; if one is lost, the next
 * request repeats it.
 */
import type { Keys } from '../keys.ts';
import type { RedisClient } from '../redis.ts';

/** Tells engines that a user waits for the campaign. Rejects if Redis does not accept it. */
export async function requestProjection(redis: RedisClient, keys: Keys, campaignId: number): Promise<void> {
  await redis.hset(keys.requestedProjections, String(campaignId), '1');
}

/** The requested campaigns that were not forgotten since. */
export async function readRequestedProjections(redis: RedisClient, keys: Keys): Promise<ReadonlySet<number>> {
  return new Set(Object.keys(await redis.hgetall(keys.requestedProjections)).map(Number));
}

/** Call this when the projection is complete. */
export async function forgetRequestedProjection(
  redis: RedisClient,
  keys: Keys,
  campaignId: number,
): Promise<void> {
  await redis.hdel(keys.requestedProjections, String(campaignId));
}
