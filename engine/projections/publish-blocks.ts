/** Tells gateways who is blocked. */
import type { Pool } from '../../sql/database.ts';
import { readBlockList } from '../../sql/statements/operators/blocks.ts';
import { readEpoch } from '../../sql/statements/progress/watermarks.ts';
import { publishBlocks } from '../contract/redis/board/blocks.ts';
import { readBoardEpoch } from '../contract/redis/board/board.ts';
import type { Keys } from '../contract/redis/keys.ts';
import type { RedisClient } from '../contract/redis/redis.ts';

/**
 * Puts the ledger's list on the board and resolves with the board's epoch. Rejects when there is no board, or another one
 * counts: a later one is made from the ledger.
 */
export async function tellBlocks(pool: Pool, redis: RedisClient, keys: Keys): Promise<number> {
  const epoch = await readBoardEpoch(redis, keys);
  if (epoch === '') throw new Error('Redis is being rebuilt: there is no board right now');
  await publishBlocks(redis, keys, Number(epoch), await readBlockList(pool));
  const latest = await readEpoch(pool);
  if (String(latest) !== epoch)
    throw new Error(`the board here is of epoch ${epoch}; ${latest} has begun since`);
  return latest;
}
