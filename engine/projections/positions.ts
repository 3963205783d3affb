/** Positions of single users in campaigns that Redis has, as gateways show them, for those who help people. */

import { withTimeout } from '../contract/process/with-timeout.ts';
import { lastStampAt } from '../contract/record/stamp.ts';
import { readBoardEpoch } from '../contract/redis/board/board.ts';
import type { Keys } from '../contract/redis/keys.ts';
import { lookAt } from '../contract/redis/projection/projection.ts';
import type { RedisClient } from '../contract/redis/redis.ts';

export interface PositionAsked {
  readonly campaignId: number;
  readonly userId: string;
  readonly stamp: number;
  /** Microseconds since the epoch. */
  readonly opensAtUs: number;
}

/** A Redis that is away delays an answer by this long, and is no reason to give none. */
const WAIT_MS = 500;

/**
 * The positions (from 1) by campaign. One is absent while it may still change, while the campaign is rebuilt in Redis, and
 * while Redis is away: then gateways show none either.
 */
export async function readPositions(
  redis: RedisClient,
  keys: Keys,
  asked: readonly PositionAsked[],
): Promise<ReadonlyMap<number, number>> {
  if (asked.length === 0) return new Map();
  const none: ReadonlyMap<number, number> = new Map();
  return await withTimeout(WAIT_MS, lookUp(redis, keys, asked), () => none).catch(() => none);
}

async function lookUp(
  redis: RedisClient,
  keys: Keys,
  asked: readonly PositionAsked[],
): Promise<ReadonlyMap<number, number>> {
  const epoch = await readBoardEpoch(redis, keys);
  // Before the look-ups: what was final then is final in them.
  const rankedUs = Number(await redis.hget(keys.boardState, 'rankedUs'));
  const looked = await Promise.all(
    asked.map(async ({ campaignId, userId }) => {
      const own = keys.campaign(campaignId);
      return await lookAt(redis, own, own.won, epoch, [userId]);
    }),
  );
  // Read last: if it is still the same, Redis was not emptied before the answers above.
  if (epoch === '' || (await readBoardEpoch(redis, keys)) !== epoch) return new Map();
  const positions = new Map<number, number>();
  for (const [index, { campaignId, stamp, opensAtUs }] of asked.entries()) {
    const answer = looked[index];
    const user = answer?.state === 'whole' ? answer.users[0] : undefined;
    const isFinal = stamp <= lastStampAt(rankedUs, opensAtUs);
    if (user !== undefined && user.stamp === stamp && isFinal) positions.set(campaignId, user.rank + 1);
  }
  return positions;
}
