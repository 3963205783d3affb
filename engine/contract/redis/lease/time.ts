/**
 * The shared clock: that of the server with the registry. On a Cluster each node has its own clock, and no other one is read.
 */
import { Cluster } from 'ioredis';
import { arrayOf, type RedisClient, scriptFrom } from '../redis.ts';

const timeScript = scriptFrom(new URL('./time.lua', import.meta.url));

/** Microseconds since the epoch. Rejects if that server does not answer. */
export async function readTimeUs(redis: RedisClient, leases: string): Promise<number> {
  const answer = redis instanceof Cluster ? await timeScript(redis, [leases], []) : await redis.time();
  const [seconds, microseconds] = arrayOf('time.lua', answer);
  return Number(seconds) * 1_000_000 + Number(microseconds);
}
