import { Cluster, type Redis } from 'ioredis';
import { messageOf } from '../../process/message-of.ts';
import type { RedisClient } from '../../redis/redis.ts';
import { isReply } from './redis-log.ts';

/**
 * What an acknowledged append survives, from most to least: on disk; written to disk about once a second; written when the
 * operating system chooses; not written at all (`appendonly no`). `unknown`: the server does not tell.
 */
export const APPENDFSYNC = ['always', 'everysec', 'no', 'off', 'unknown'] as const;
export type Appendfsync = (typeof APPENDFSYNC)[number];

/** What Redis does when memory is short, by its own names. `unknown`: the server does not tell. */
export const MAXMEMORY_POLICIES = [
  'noeviction',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-lrm',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-lrm',
  'volatile-random',
  'volatile-ttl',
  'unknown',
] as const;
export type MaxmemoryPolicy = (typeof MAXMEMORY_POLICIES)[number];

/** Weaker settings that are explicitly accepted. */
export interface RedisDurability {
  readonly appendfsync: Appendfsync;
  readonly maxmemoryPolicy: MaxmemoryPolicy;
}

/**
 * Refuses a Redis that answers before an append is on disk, or that may evict the log, unless `accepted` names its setting.
 * Checks every node of a Cluster, including replicas: one that takes over holds the log from then on. Throws an Error that
 * names the node, its setting and what to do. A node that the Cluster has given up is not part of it, and is not checked.
 */
export async function checkDurability(client: RedisClient, accepted: RedisDurability): Promise<void> {
  const nodes = client instanceof Cluster ? client.nodes('all') : [client];
  for (const node of nodes) {
    const name = `REDIS_URL, ${node.options.host}:${node.options.port}`;
    const lack = await lackOf(node, accepted).catch((cause: unknown) => {
      throw new Error(`${name} does not say how it would keep the log: ${messageOf(cause)}`, { cause });
    });
    if (lack !== undefined) throw new Error(`${name}: ${lack}`);
  }
}

async function lackOf(node: Redis, accepted: RedisDurability): Promise<string | undefined> {
  const appendfsync = await appendfsyncOf(node);
  if (!isAccepted(appendfsync, accepted.appendfsync)) return refusal(appendfsync, accepted.appendfsync);
  const policy = await maxmemoryPolicyOf(node);
  if (policy === 'noeviction' || policy === accepted.maxmemoryPolicy) return undefined;
  return evictionRefusal(policy, accepted.maxmemoryPolicy);
}

/**
 * A master of a Cluster answers before its replica has the append, and a replica that takes over has only what it received by
 * then. WAIT would not fix that: the elected replica need not be the one that confirmed. Throws an Error that says what to do.
 */
export function refuseCluster(client: RedisClient): void {
  if (!(client instanceof Cluster)) return;
  throw new Error(
    'REDIS_URL: the log would be in a Redis Cluster, where a failover loses acknowledged entries. ' +
      'Use LOG=kafka, or accept it explicitly with REDIS_LOG_CLUSTER=accepted (now: refused)',
  );
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
    off: 'appendonly no, so acknowledged entries do not survive a restart',
    unknown: 'a Redis that does not report its settings (CONFIG is forbidden)',
  }[found];
  return (
    `the log would be kept in ${set}. Set appendonly yes and appendfsync always, use LOG=kafka, ` +
    `or accept it explicitly with REDIS_LOG_APPENDFSYNC=${found} (now: ${accepted})`
  );
}

function evictionRefusal(found: MaxmemoryPolicy, accepted: MaxmemoryPolicy): string {
  const set =
    found === 'unknown'
      ? 'a Redis that does not report its eviction policy (CONFIG and INFO are forbidden) or reports an unknown one'
      : `maxmemory-policy ${found}, so acknowledged entries, or the fences that refuse ended gateways, can be evicted`;
  return (
    `the log would be kept in ${set}. CONFIG SET maxmemory-policy noeviction (and in redis.conf), use ` +
    `LOG=kafka, or accept it explicitly with REDIS_LOG_MAXMEMORY_POLICY=${found} (now: ${accepted})`
  );
}

async function appendfsyncOf(node: Redis): Promise<Appendfsync> {
  if ((await told(() => setting(node, 'appendonly'))) === 'no') return 'off';
  const appendfsync = await told(() => setting(node, 'appendfsync'));
  return APPENDFSYNC.find(name => name === appendfsync) ?? 'unknown';
}

/** One setting at a time: CONFIG GET takes several only since Redis 7. */
async function setting(node: Redis, name: string): Promise<string | undefined> {
  const [, value] = await node.config('GET', name);
  return value;
}

/** Uses INFO if CONFIG is forbidden: hosted Redis services mostly allow INFO. */
async function maxmemoryPolicyOf(node: Redis): Promise<MaxmemoryPolicy> {
  const found =
    (await told(() => setting(node, 'maxmemory-policy'))) ?? (await told(() => policyInInfo(node)));
  return MAXMEMORY_POLICIES.find(name => name === found) ?? 'unknown';
}

async function policyInInfo(node: Redis): Promise<string | undefined> {
  return /^maxmemory_policy:(\S+)/m.exec(await node.info('memory'))?.[1];
}

/** undefined if the server refuses to tell: by ACL (NOPERM), or because the command was renamed (ERR unknown command). */
async function told(ask: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isReply(error)) return undefined;
    throw error;
  }
}
