/** The shared clock: that of the server which keeps the registry. On a Cluster each node has its own, and no other is asked. */
import { Cluster } from 'ioredis';
import { type RedisClient, scriptFrom } from '../redis.ts';

const timeScript = scriptFrom(new URL('./time.lua', import.meta.url));

/** Microseconds since the epoch. Rejects when that server does not answer. */
export async function readTimeUs(redis: RedisClient, leases: string): Promise<number> {
  const answer = redis instanceof Cluster ? await timeScript(redis, [leases], []) : await redis.time();
  if (!Array.isArray(answer)) throw new Error(`time.lua answered ${String(answer)}, not an array`);
  const [seconds, microseconds] = answer;
  return Number(seconds) * 1_000_000 + Number(microseconds);
}
