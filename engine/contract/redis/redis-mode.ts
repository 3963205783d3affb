/**
 * Checks that REDIS_URL is what its form says: one URL means a single server, several mean the nodes of a Cluster. Otherwise
 * commands would fail one by one. A Sentinel answers like a server, and is none.
 */
import { Redis } from 'ioredis';
import { addressOf, connectionOptions } from './redis.ts';

/** A server that has not answered by then is waited for later, like any unavailable server. */
const ANSWER_MS = 1_000;

/**
 * Rejects with what to do. Resolves if no server answers: they may be down for a while, and the configuration may still be
 * right.
 */
export async function checkRedisMode(urls: string): Promise<void> {
  const nodes = urls.split(',').map(url => new URL(url.trim()));
  const found = await Promise.any(nodes.map(modeOf)).catch(() => undefined);
  if (found === undefined) return;
  const fault = faultOf(found.mode, nodes.length > 1);
  if (fault !== undefined) throw new Error(`REDIS_URL: ${found.url.host} is ${fault}`);
}

function faultOf(mode: string, isList: boolean): string | undefined {
  if (mode === 'sentinel')
    return 'a Sentinel, and Sentinels are not supported: give an address that follows a failover, or the nodes of a Redis Cluster';
  if (mode === 'cluster' && !isList)
    return 'a node of a Redis Cluster: give several of its nodes, separated by commas';
  if (mode === 'standalone' && isList)
    return 'not a node of a Redis Cluster: give one server, or several nodes of a Cluster';
  return undefined;
}

async function modeOf(url: URL): Promise<{ readonly url: URL; readonly mode: string }> {
  const client = new Redis({
    ...connectionOptions(url, ANSWER_MS),
    ...addressOf(url),
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  try {
    const [, mode = ''] = /redis_mode:(\w+)/.exec(await client.info('server')) ?? [];
    return { url, mode };
  } finally {
    client.disconnect();
  }
}
