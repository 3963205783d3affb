/** Three Kafka brokers of a test's own, to be killed one by one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Admin } from 'kafkajs';
import { type Broker, newClusterId, prepareBroker } from '../../stack/kafka.ts';
import { CACHE_DIR } from '../../stack/owner.ts';
import { choosePorts } from '../../stack/ports.ts';
import { eventually } from '../../test/support.ts';
import { KafkaClient } from './kafka-client.ts';
import { quiet } from './test-ledger.ts';

const BROKERS = 3;
/** Three Javas start at once on a machine that may have much else to do. */
const START_TIMEOUT_MS = 150_000;
/** Ends the broker when its input ends, so that none outlives a test file that is killed. */
const GUARD = '"$@" & broker=$!; echo $broker; read -r _; kill -KILL $broker';

interface RunningBroker {
  readonly pid: number;
  readonly guard: ChildProcess;
}

export class TestKafkaCluster {
  readonly #dir: string;
  readonly #brokers: readonly Broker[];
  readonly #clusterId = newClusterId();
  readonly #running = new Map<number, RunningBroker>();

  private constructor(dir: string, brokers: readonly Broker[]) {
    this.#dir = dir;
    this.#brokers = brokers;
  }

  static async start(): Promise<TestKafkaCluster> {
    const ports = await choosePorts(2 * BROKERS, []);
    const brokers = Array.from({ length: BROKERS }, (_, at) => ({
      id: at + 1,
      port: ports[2 * at] ?? 0,
      controllerPort: ports[2 * at + 1] ?? 0,
    }));
    const cluster = new TestKafkaCluster(await mkdtemp(join(tmpdir(), 'fairline-brokers-')), brokers);
    await Promise.all(brokers.map(({ id }) => cluster.start(id)));
    await cluster.serves();
    return cluster;
  }

  /** As KAFKA_BROKERS has it. */
  get brokers(): string {
    return this.#brokers.map(({ port }) => `127.0.0.1:${port}`).join(',');
  }

  /** Starts a broker, or starts it again after a kill, with the same data. */
  async start(id: number): Promise<void> {
    const broker = this.#brokers.find(each => each.id === id);
    if (broker === undefined) throw new Error(`there is no broker ${id}`);
    const launch = await prepareBroker({
      dir: join(this.#dir, String(id)),
      cacheDir: CACHE_DIR,
      env: process.env,
      signal: new AbortController().signal,
      progress: () => undefined,
    });
    const { command, args, cwd, env } = await launch(broker, this.#brokers, this.#clusterId);
    const guard = spawn('sh', ['-c', GUARD, 'broker', command, ...args], {
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const [pid] = await once(createInterface({ input: guard.stdout }), 'line');
    this.#running.set(id, { pid: Number(pid), guard });
  }

  /** SIGKILL is over when this resolves. */
  async kill(id: number): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) throw new Error(`broker ${id} does not run`);
    this.#running.delete(id);
    running.guard.stdin?.end();
    await once(running.guard, 'close');
  }

  /** Who leads a partition of the topic. */
  leaderOf(topic: string, partition: number): Promise<number> {
    return this.ask(async admin => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition);
      if (found === undefined) throw new Error(`${topic} has no partition ${partition}`);
      return found.leader;
    });
  }

  async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const client = new KafkaClient({ brokers: this.brokers, log: quiet, requestTimeoutMs: 5_000 }, 2);
    try {
      const admin = client.kafka.admin();
      await admin.connect();
      return await question(admin);
    } finally {
      client.end();
    }
  }

  /** Resolves when all brokers that were started serve. */
  async serves(): Promise<void> {
    const isServing = async (): Promise<boolean> =>
      (await this.ask(admin => admin.describeCluster())).brokers.length === this.#running.size;
    await eventually(isServing, { timeoutMs: START_TIMEOUT_MS });
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#running.keys()].map(id => this.kill(id)));
    await rm(this.#dir, { recursive: true, force: true });
  }
}
