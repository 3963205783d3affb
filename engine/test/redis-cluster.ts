/**
 * A Redis Cluster per suite: three masters with a replica each, as six processes. A master can be killed after its replica
 * was cut off from the last writes, so that these are lost when the replica takes over.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePorts, isFree } from '../stack/servers/ports.ts';
import { RedisProcess, redisProgram } from './redis-process.ts';
import { eventually } from './support.ts';

const MASTERS = 3;
const PASSWORD = 'cluster';
/** The port of the cluster bus, relative to the node's port. */
const BUS_OFFSET = 10_000;
/**
 * No test waits for it: a replica takes over when told to, or is elected after ELECTION_TIMEOUT_MS. Shorter: on a machine busy
 * with other suites, nodes take each other for failed, and a Cluster with an unserved slot answers nothing.
 */
const NODE_TIMEOUT_MS = 60_000;
/** While a master that was killed shall be found out. Longer: the test waits for it. Shorter: slow nodes are taken for failed too. */
const ELECTION_TIMEOUT_MS = 5_000;
/** An election without a majority is repeated after four times ELECTION_TIMEOUT_MS. */
const ELECTED_MS = 120_000;
/** How long to wait for a replica's link; the replica retries each second. */
const LINKED_MS = 60_000;

const CONFIGURATION = `requirepass ${PASSWORD}
masterauth ${PASSWORD}
cluster-enabled yes
cluster-node-timeout ${NODE_TIMEOUT_MS}
cluster-replica-no-failover yes
repl-diskless-sync-delay 0
appendonly no
save ""
maxmemory-policy noeviction
`;

class Node extends RedisProcess {
  id(): Promise<string> {
    return this.ask('CLUSTER', 'MYID');
  }

  async isLinked(): Promise<boolean> {
    return (await this.ask('INFO', 'replication')).includes('master_link_status:up');
  }

  /** How much it has written as a master, or received as a replica. */
  async offset(): Promise<number> {
    const [, offset] = /_repl_offset:(\d+)/.exec(await this.ask('INFO', 'replication')) ?? [];
    return Number(offset);
  }
}

async function takeOver(replica: Node): Promise<void> {
  await replica.ask('CLUSTER', 'FAILOVER', 'TAKEOVER');
  await eventually(async () => (await replica.ask('ROLE')).startsWith('master'));
  await replica.ask('CONFIG', 'SET', 'masterauth', PASSWORD);
}

export class TestCluster {
  readonly #nodes: readonly Node[];
  readonly #dir: string;

  private constructor(nodes: readonly Node[], dir: string) {
    this.#nodes = nodes;
    this.#dir = dir;
  }

  /** `lastSlots`: the last slot of each master, so that a test can place keys on different nodes. */
  static async start(lastSlots: readonly [number, number, number]): Promise<TestCluster> {
    const program = await redisProgram();
    const dir = await mkdtemp(join(tmpdir(), 'fairline-redis-cluster-'));
    const ports = await portsWithBus(2 * MASTERS);
    const cluster = new TestCluster(
      ports.map(port => new Node({ program, port, dir, password: PASSWORD, configuration: CONFIGURATION })),
      dir,
    );
    try {
      await cluster.#form(lastSlots);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** In the format of REDIS_URL. */
  get urls(): string {
    return this.#nodes.map(({ port }) => `redis://:${PASSWORD}@127.0.0.1:${port}`).join(',');
  }

  /** The port of the master that has the key. */
  async holderOf(key: string): Promise<number> {
    const slot = Number(await this.#nodes[0]?.ask('CLUSTER', 'KEYSLOT', key));
    for (const node of this.#nodes) {
      const [self] = (await node.ask('CLUSTER', 'NODES')).split('\n').filter(line => line.includes('myself'));
      const ranges = self?.split(' ').slice(8) ?? [];
      for (const range of ranges) {
        const [from = -1, to = from] = range.split('-').map(Number);
        if (slot >= from && slot <= to) return node.port;
      }
    }
    throw new Error(`no master has the slot ${slot} of ${key}`);
  }

  /**
   * Kills the master of the key. Its replica takes over, without anything written from the call of `lost` on. Then starts the
   * killed node again as a replica. Resolves when the Cluster is healthy.
   */
  async failOver(key: string, lost: () => Promise<void>): Promise<void> {
    const { master, replica } = await this.#cutOff(key);
    await lost();
    await master.kill();
    await takeOver(replica);
    await master.start();
    await this.#linked(master);
  }

  /**
   * Like `failOver`, but nobody tells the replica: the other masters find out that theirs is gone, and elect it. Something is
   * always lost: it waits for a write after `lost`.
   */
  async electOver(key: string, lost: () => Promise<void>): Promise<void> {
    const { master, replica } = await this.#cutOff(key);
    await lost();
    await eventually(async () => (await master.offset()) > (await replica.offset()), {
      timeoutMs: LINKED_MS,
    });
    await this.configureAll(['cluster-node-timeout', String(ELECTION_TIMEOUT_MS)]);
    // No other: a node that is merely slow must not be replaced too.
    await replica.ask('CONFIG', 'SET', 'cluster-replica-no-failover', 'no');
    await master.kill();
    await eventually(async () => (await replica.ask('ROLE')).startsWith('master'), { timeoutMs: ELECTED_MS });
    await replica.ask('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
    await replica.ask('CONFIG', 'SET', 'masterauth', PASSWORD);
    await master.start();
    await this.configureAll(['cluster-node-timeout', String(NODE_TIMEOUT_MS)]);
    await this.#linked(master);
  }

  /** Like `failOver`, but the master stays alive, as after a network cut: it becomes a replica of the node that took over. */
  async demote(key: string, lost: () => Promise<void>): Promise<void> {
    const { master, replica } = await this.#cutOff(key);
    await lost();
    await takeOver(replica);
    await this.#linked(master);
  }

  /** Sets a setting of the key's master, or of its replica. */
  async configure(
    key: string,
    role: 'master' | 'replica',
    setting: readonly [string, string],
  ): Promise<void> {
    const master = await this.#masterOf(key);
    const node = role === 'master' ? master : await this.#replicaOf(master);
    await node.ask('CONFIG', 'SET', ...setting);
  }

  async configureAll(setting: readonly [string, string]): Promise<void> {
    for (const node of this.#nodes) await node.ask('CONFIG', 'SET', ...setting);
  }

  /** From now on, until it is killed or resumed by the returned function, the key's master answers nothing. */
  async suspend(key: string): Promise<() => void> {
    const master = await this.#masterOf(key);
    master.suspend();
    return () => master.resume();
  }

  /** The replica of the key's master answers nothing while `work` runs. */
  async withoutReplica(key: string, work: () => Promise<void>): Promise<void> {
    const replica = await this.#replicaOf(await this.#masterOf(key));
    replica.suspend();
    try {
      await work();
    } finally {
      replica.resume();
    }
  }

  /** Cuts the key's replica off from everything written from now on. */
  async #cutOff(key: string): Promise<{ readonly master: Node; readonly replica: Node }> {
    const master = await this.#masterOf(key);
    const replica = await this.#replicaOf(master);
    const written = await master.offset();
    await eventually(async () => (await replica.offset()) >= written, { timeoutMs: LINKED_MS });
    // A stopped process would read its socket's buffer when it continues. This one cannot reconnect to its master.
    await replica.ask('CONFIG', 'SET', 'masterauth', 'wrong');
    await replica.ask('CLIENT', 'KILL', 'TYPE', 'master');
    return { master, replica };
  }

  async #linked(replica: Node): Promise<void> {
    await eventually(() => replica.isLinked(), { timeoutMs: LINKED_MS });
    await this.#settled(MASTERS);
  }

  /** How often each node has executed a command, by port, including calls from scripts. */
  async callsOf(command: string): Promise<ReadonlyMap<number, number>> {
    const calls = new Map<number, number>();
    for (const node of this.#nodes) {
      const stats = await node.ask('INFO', 'commandstats');
      const [, count = 0] = new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats) ?? [];
      calls.set(node.port, Number(count));
    }
    return calls;
  }

  async stop(): Promise<void> {
    for (const node of this.#nodes) node.client.disconnect();
    await Promise.all(this.#nodes.map(node => node.kill()));
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #form(lastSlots: readonly number[]): Promise<void> {
    await Promise.all(this.#nodes.map(node => node.start()));
    const [first, ...others] = this.#nodes;
    if (first === undefined) return;
    for (const [index, node] of this.#nodes.entries())
      await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    for (const node of others) await first.ask('CLUSTER', 'MEET', '127.0.0.1', node.port);
    for (const [index, last] of lastSlots.entries()) {
      const from = index === 0 ? 0 : (lastSlots[index - 1] ?? 0) + 1;
      const slots = Array.from({ length: last - from + 1 }, (_, slot) => from + slot);
      await this.#nodes[index]?.ask('CLUSTER', 'ADDSLOTS', ...slots);
    }
    await this.#settled(0);
    for (const [index, replica] of this.#nodes.slice(MASTERS).entries()) {
      const id = await this.#nodes[index]?.id();
      await replica.ask('CLUSTER', 'REPLICATE', id ?? '');
      await eventually(() => replica.isLinked(), { timeoutMs: LINKED_MS });
    }
    await this.#settled(MASTERS);
  }

  /** Waits until all nodes agree on members, roles and slots. */
  async #settled(replicas: number): Promise<void> {
    for (const node of this.#nodes) {
      await eventually(
        async () => {
          const info = await node.ask('CLUSTER', 'INFO');
          const nodes = await node.ask('CLUSTER', 'NODES');
          const isWhole = info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:6');
          const found = nodes.match(/[ ,]slave[ ,]/g)?.length ?? 0;
          return isWhole && found === replicas && !/[ ,]fail[?, ]/.test(nodes);
        },
        { timeoutMs: LINKED_MS },
      );
    }
  }

  async #masterOf(key: string): Promise<Node> {
    const port = await this.holderOf(key);
    const master = this.#nodes.find(node => node.port === port);
    if (master === undefined) throw new Error(`no node has the port ${port}`);
    return master;
  }

  async #replicaOf(master: Node): Promise<Node> {
    const [replica] = (await master.ask('CLUSTER', 'REPLICAS', await master.id())).split('\n');
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(replica ?? '') ?? [];
    const node = this.#nodes.find(each => each.port === Number(port));
    if (node === undefined) throw new Error(`the master at ${master.port} has no replica`);
    return node;
  }
}

async function portsWithBus(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const [port] = await choosePorts(1, []);
    if (port !== undefined && !ports.includes(port) && (await isFree(port + BUS_OFFSET))) ports.push(port);
  }
  return ports;
}
