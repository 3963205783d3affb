/**
 * The nodes of a Cluster: which holds which slots, since which election, and in which run (run.lua). A replica that takes over
 * may lack the latest writes, and so may a node that was away and is back: each shows here, and permanently, because the number
 * of an election never recurs.
 */
import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './redis.ts';

const SLOTS = 16_384;

interface Holder {
  readonly electedIn: number;
  readonly name: string;
}

/**
 * A text that stays the same as long as every slot stays where it was. undefined unless every slot has a node that answers. ''
 * for a single server: there each script itself checks whether the server is still the same.
 */
export async function readNodes(redis: RedisClient): Promise<string | undefined> {
  if (!(redis instanceof Cluster)) return '';
  const told = await Promise.all(redis.nodes('all').map(node => tellOf(node)));
  return nodesText(told.filter(text => text !== undefined));
}

/**
 * What a node reports of itself: the run, then the lines of CLUSTER NODES. undefined if it does not answer within the client's
 * timeout.
 */
async function tellOf(node: Redis): Promise<string | undefined> {
  const asked = [node.info('server'), node.info('replication'), node.call('CLUSTER', 'NODES')] as const;
  try {
    const [server, replication, nodes] = await Promise.all(asked);
    const [, run = ''] = /run_id:(\w+)/.exec(server) ?? [];
    const [, since = ''] = /master_replid:(\w+)/.exec(replication) ?? [];
    return `${run}:${since}\n${String(nodes)}`;
  } catch {
    return undefined;
  }
}

/** If two nodes claim a slot, the one elected later has it. */
export function nodesText(told: readonly string[]): string | undefined {
  const holders: (Holder | undefined)[] = new Array(SLOTS).fill(undefined);
  for (const text of told) {
    const [run = '', ...lines] = text.split('\n');
    // "<id> <address> myself,master - <ping> <pong> <election> <link> <slots> ..."
    const [id, , flags = '', , , , election, , ...slots] =
      lines.find(line => line.includes('myself'))?.split(' ') ?? [];
    if (!flags.includes('master')) continue;
    const holder = { electedIn: Number(election), name: `${id}:${election}:${run}` };
    for (const range of slots) {
      // "[93-<-...]" is a slot that is being migrated.
      const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(range.trim()) ?? [];
      for (let slot = Number(from); slot <= Number(to) && slot < SLOTS; slot++) {
        const other = holders[slot];
        if (other === undefined || other.electedIn < holder.electedIn) holders[slot] = holder;
      }
    }
  }
  const parts: string[] = [];
  for (const [slot, holder] of holders.entries()) {
    if (holder === undefined) return undefined;
    if (holder !== holders[slot - 1]) parts.push(`${slot}=${holder.name}`);
  }
  return parts.join(' ');
}
