/**
 * Whether Redis has lost something since the registry was opened, which the registry itself cannot show: then all that it
 * holds is made anew, under another epoch.
 *
 * A Cluster is taken as one Redis. A node that took over, or was started again, may lack what was written last: ranks, winners,
 * reports of presence, confirmations. And a gateway that has not heard of it may still write to the node from before, which does
 * not know either; with the epoch the log refuses that gateway, so what it is acknowledged for is ranked from the ledger.
 */
import { Cluster } from 'ioredis';
import { readBoardEpoch } from '../contract/redis/board/board.ts';
import type { Keys } from '../contract/redis/keys.ts';
import { readOpenedNodes } from '../contract/redis/lease/lease.ts';
import type { RedisClient } from '../contract/redis/redis.ts';
import { readNodes } from '../contract/redis/redis-nodes.ts';

/** For people: what was lost; undefined for nothing that shows. Rejects when Redis does not answer. */
export async function findLoss(redis: RedisClient, keys: Keys, epoch: number): Promise<string | undefined> {
  const isCluster = redis instanceof Cluster;
  const [board, presence] = await Promise.all([
    // Of a single server the registry itself tells whether it is still the one that it was opened on.
    isCluster ? readBoardEpoch(redis, keys) : redis.hget(keys.boardState, 'epoch'),
    redis.hget(keys.presenceMark, 'epoch'),
  ]);
  if (board !== String(epoch)) return 'Redis has lost the board';
  // Also where an older version has opened the registry: then nobody knows whether reports were lost.
  if (presence !== String(epoch)) return 'Redis has lost the presence log';
  if (!isCluster) return undefined;
  const nodes = await readNodes(redis);
  // One that is away shows when it is back, or another in its place.
  if (nodes === undefined) return undefined;
  const opened = await readOpenedNodes(redis, keys.leases);
  return nodes === opened ? undefined : 'a node of the Cluster has failed over or was restarted';
}
