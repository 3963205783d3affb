/**
 * Which nodes make up a Cluster: who holds which slots, since which election, and in which run (run.lua). A replica that takes
 * over may lack what was written last, and so may a node that was away and is back: each shows here, and for good, as the number
 * of an election never comes again.
 */
import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './redis.ts';

const SLOTS = 16_384;

interface Holder {
  readonly electedIn: number;
  readonly name: string;
}

/**
 * A text that stays the same as long as every slot is where it was. undefined while not every slot has a node that answers.
 * Of a single server '': each script there looks for itself whether the server is the one that it was.
 */
export async function readNodes(redis: RedisClient): Promise<string | undefined> {
  if (!(redis instanceof Cluster)) return '';
  const told = await Promise.all(redis.nodes('all').map(node => tellOf(node)));
  return nodesText(told.filter(text => text !== undefined));
}

/** What a node tells of itself: the run, then the lines of CLUSTER NODES. undefined when it does not answer in the client's time. */
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

/** Of two that claim a slot, the one that was elected later has it. */
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
      // "[93-<-...]" is a slot on its way.
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
