/**
 * Detects that Redis has lost something since the registry was opened, where the registry itself cannot show it. Then
 * everything that Redis holds is rebuilt under another epoch.
 *
 * A Cluster counts as one Redis. A node that took over or restarted may lack the last writes: ranks, winners, presence
 * reports, confirmations. A gateway that has not learned of the failover may still write to the previous node, which has not
 * learned of it either. With the new epoch, the log refuses that gateway, so whatever it was acknowledged for is ranked from
 * the ledger.
 */
import { Cluster } from 'ioredis';
import { readBoardEpoch } from '../contract/redis/board/board.ts';
import type { Keys } from '../contract/redis/keys.ts';
import { readOpenedNodes } from '../contract/redis/lease/lease.ts';
import type { RedisClient } from '../contract/redis/redis.ts';
import { readNodes } from '../contract/redis/redis-nodes.ts';

/** What was lost, for people to read; undefined if nothing is known to be lost. Rejects when Redis is unavailable. */
export async function findLoss(redis: RedisClient, keys: Keys, epoch: number): Promise<string | undefined> {
  const isCluster = redis instanceof Cluster;
  const [board, presence] = await Promise.all([
    // For a single server, the registry itself shows whether it is still the server that it was opened on.
    isCluster ? readBoardEpoch(redis, keys) : redis.hget(keys.boardState, 'epoch'),
    redis.hget(keys.presenceMark, 'epoch'),
  ]);
  if (board !== String(epoch)) return 'Redis has lost the board';
  // Also if an older version opened the registry: then nobody knows whether reports were lost.
  if (presence !== String(epoch)) return 'Redis has lost the presence log';
  if (!isCluster) return undefined;
  const nodes = await readNodes(redis);
  // An unavailable node shows once it is back, or once another one replaces it.
  if (nodes === undefined) return undefined;
  const opened = await readOpenedNodes(redis, keys.leases);
  return nodes === opened ? undefined : 'a node of the Cluster has failed over or was restarted';
}
