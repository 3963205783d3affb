import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from '../redis.ts';
import { isReply } from './redis-log.ts';

/**
 * What an acknowledged append has survived, from most to least: on disk; written out about once a second; written out
 * when the system pleases; not written at all (`appendonly no`). `unknown`: the server does not tell.
 */
export const APPENDFSYNC = ['always', 'everysec', 'no', 'off', 'unknown'] as const;
export type Appendfsync = (typeof APPENDFSYNC)[number];

/**
 * Refuses a Redis that answers before an append is on disk, unless `accepted` names what it does. Asks every node of a
 * Cluster. Raises an Error naming what is set and what to do.
 */
export async function checkDurability(client: RedisClient, accepted: Appendfsync): Promise<void> {
  const nodes = client instanceof Cluster ? client.nodes('master') : [client];
  for (const node of nodes) {
    const found = await appendfsyncOf(node);
    if (!isAccepted(found, accepted)) throw new Error(refusal(found, accepted));
  }
}

function isAccepted(found: Appendfsync, accepted: Appendfsync): boolean {
  if (found === 'unknown' || accepted === 'unknown') return found === accepted || found === 'always';
  return APPENDFSYNC.indexOf(found) <= APPENDFSYNC.indexOf(accepted);
}

function refusal(found: Appendfsync, accepted: Appendfsync): string {
  const set = {
    always: 'appendfsync always',
    everysec:
      'appendonly yes and appendfsync everysec, so up to a second of acknowledged entries can be lost',
    no: 'appendonly yes and appendfsync no, so acknowledged entries can be lost',
    off: 'appendonly no, so nothing acknowledged outlives it',
    unknown: 'a Redis that does not tell how it is set (CONFIG is forbidden)',
  }[found];
  return (
    `REDIS_URL: the log would be kept in ${set}. Set appendonly yes and appendfsync always, take LOG=kafka, ` +
    `or accept it by name with REDIS_LOG_APPENDFSYNC=${found} (it is ${accepted})`
  );
}

async function appendfsyncOf(node: Redis): Promise<Appendfsync> {
  try {
    if ((await setting(node, 'appendonly')) === 'no') return 'off';
    const appendfsync = await setting(node, 'appendfsync');
    return APPENDFSYNC.find(name => name === appendfsync) ?? 'unknown';
  } catch (error) {
    // Forbidden by ACL (NOPERM), or renamed away by who runs it (ERR unknown command).
    if (isReply(error)) return 'unknown';
    throw error;
  }
}

/** One at a time: several settings in one CONFIG GET came with Redis 7. */
async function setting(node: Redis, name: string): Promise<string | undefined> {
  const [, value] = await node.config('GET', name);
  return value;
}
