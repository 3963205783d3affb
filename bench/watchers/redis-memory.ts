import { Cluster } from 'ioredis';
import type { LogKind } from '../../engine/contract/log/log.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import type { Site } from '../system/fairline.ts';

/** Everything that Redis has allocated, including the buffers of its connections. */
export async function usedMemory(redis: RedisClient): Promise<number> {
  const used = /^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1];
  if (used === undefined) throw new Error('Redis does not say used_memory');
  return Number(used);
}

/** Bytes of every key of a fairline, by key without the namespace, by Redis' own exact count. */
export async function bytesByKey(
  redis: RedisClient,
  { namespace }: Site,
): Promise<Readonly<Record<string, number>>> {
  if (redis instanceof Cluster) throw new Error('the keys of one server are counted, not those of a Cluster');
  const bytes: Record<string, number> = {};
  for await (const keys of redis.scanStream({ match: `${namespace}:*`, count: 1_000 })) {
    for (const key of keys as string[]) {
      bytes[key.slice(namespace.length + 1)] = Number(await redis.memory('USAGE', key, 'SAMPLES', 0));
    }
  }
  return bytes;
}

export interface RedisMemory {
  readonly log: LogKind;
  readonly users: number;
  /** Growth of the allocated memory since the queue was empty, per user. */
  readonly bytesPerUser: number;
  /** The keys alone. */
  readonly keyBytesPerUser: number;
  readonly bytesByKey: Readonly<Record<string, number>>;
}
