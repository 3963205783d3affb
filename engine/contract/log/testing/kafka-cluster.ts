/**
 * Three Kafka brokers for one test, to be started and killed individually. The first is the cluster's only controller and must
 * not be killed: the election of controllers is not under test, and on a busy machine it would happen all the time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Admin } from 'kafkajs';
import { CACHE_DIR } from '../../../stack/keeping/owner.ts';
import { type Broker, newClusterId, prepareBroker } from '../../../stack/servers/kafka.ts';
import { choosePorts } from '../../../stack/servers/ports.ts';
import { eventually } from '../../../test/support.ts';
import { KafkaClient } from '../kafka/kafka-client.ts';
import { askMetadata, type PartitionMetadata, type TopicMetadata } from '../kafka/kafka-metadata.ts';
import { quiet } from './ledger.ts';

export const BROKERS = 3;
export const CONTROLLER = 1;
/** Java starts on a machine that may be busy. */
const START_TIMEOUT_MS = 90_000;
/** Kafka considers a broker gone after 9 s of silence; then another one leads. */
const MOVE_TIMEOUT_MS = 60_000;
const REQUEST_TIMEOUT_MS = 5_000;
/** Each retry goes to another broker, and two of them may be down. */
const ASK_RETRIES = 4;
/** A process that lives for a minute is not worth optimising. */
const JAVA_OPTIONS = '-XX:TieredStopAtLevel=1';
/** Ends the broker when its input ends, so that none outlives a killed test file. */
const GUARD = '"$@" & broker=$!; read -r _; kill -KILL $broker; wait $broker';

interface RunningBroker {
  readonly guard: ChildProcess;
  /** The last lines of its output. */
  readonly lines: string[];
}

const MOST_LINES = 20;

export class TestKafkaCluster {
  readonly #dir: string;
  readonly #brokers: readonly Broker[];
  readonly #clusterId = newClusterId();
  readonly #running = new Map<number, RunningBroker>();

  private constructor(dir: string, brokers: readonly Broker[]) {
    this.#dir = dir;
    this.#brokers = brokers;
  }

  /** Chooses the addresses of the brokers; starts none. */
  static async make(): Promise<TestKafkaCluster> {
    const [controllerPort = 0, ...ports] = await choosePorts(1 + BROKERS, []);
    const brokers = ports.map((port, at) => ({
      id: at + 1,
      port,
      ...(at + 1 === CONTROLLER ? { controllerPort } : {}),
    }));
    return new TestKafkaCluster(await mkdtemp(join(tmpdir(), 'fairline-brokers-')), brokers);
  }

  /** The value for KAFKA_BROKERS. */
  get brokers(): string {
    return this.#brokers.map(({ port }) => `127.0.0.1:${port}`).join(',');
  }

  /** Starts a broker, or restarts it after a kill with the same data; resolves when the cluster has it. */
  async start(id: number): Promise<void> {
    const broker = this.#brokers.find(each => each.id === id);
    if (broker === undefined) throw new Error(`there is no broker ${id}`);
    const launch = await prepareBroker({
      dir: join(this.#dir, String(id)),
      cacheDir: CACHE_DIR,
      env: { ...process.env, JDK_JAVA_OPTIONS: JAVA_OPTIONS },
      signal: new AbortController().signal,
      progress: () => undefined,
    });
    const { command, args, cwd, env } = await launch(broker, this.#brokers, this.#clusterId);
    const guard = spawn('sh', ['-c', GUARD, 'broker', command, ...args], {
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const lines: string[] = [];
    createInterface({ input: guard.stdout }).on('line', line => {
      if (lines.push(line) > MOST_LINES) lines.shift();
    });
    this.#running.set(id, { guard, lines });
    try {
      await eventually(async () => (await this.up()).includes(id), { timeoutMs: START_TIMEOUT_MS });
    } catch (cause) {
      throw new Error(`broker ${id} does not serve; it says:\n${lines.join('\n')}`, { cause });
    }
  }

  /** Resolves when the process is dead; the other brokers notice later. */
  async kill(id: number): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) throw new Error(`broker ${id} does not run`);
    this.#running.delete(id);
    running.guard.stdin?.end();
    await once(running.guard, 'close');
  }

  /** The brokers that are up, according to the cluster. */
  async up(): Promise<readonly number[]> {
    return (await this.#metadata('none')).brokers.map(({ id }) => id);
  }

  /** Starts the brokers that are not running. */
  async startAll(): Promise<void> {
    for (const { id } of this.#brokers) if (!this.#running.has(id)) await this.start(id);
  }

  /** The partitions of the topic, by number; empty if there is no such topic, or the broker asked has not heard of it. */
  async layout(topic: string): Promise<readonly PartitionMetadata[]> {
    const { partitions } = await this.#metadata(topic);
    return partitions.toSorted((a, b) => a.partition - b.partition);
  }

  /** The partitions of a topic that exists, as soon as the broker asked knows it. */
  async laidOut(topic: string): Promise<readonly PartitionMetadata[]> {
    return await eventually(async () => {
      const layout = await this.layout(topic);
      return layout.length > 0 && layout;
    });
  }

  /** One of these partitions that is led by another broker than the controller's. */
  async killable(topic: string, partitions: readonly number[]): Promise<Leadership> {
    const found = (await this.layout(topic)).find(
      ({ partition, leader }) => partitions.includes(partition) && leader > 0 && leader !== CONTROLLER,
    );
    if (found === undefined) throw new Error(`broker ${CONTROLLER} leads all of ${partitions.join(', ')}`);
    return found;
  }

  /** Resolves when another broker leads the partition. */
  async moved(topic: string, { partition, leader }: Leadership): Promise<void> {
    const isMoved = async (): Promise<boolean> => {
      const now = (await this.layout(topic)).find(each => each.partition === partition)?.leader;
      return now !== undefined && now > 0 && now !== leader;
    };
    await eventually(isMoved, { timeoutMs: MOVE_TIMEOUT_MS });
  }

  /** Resolves when every partition of the topic is on all brokers, and in sync. */
  async inSync(topic: string): Promise<void> {
    const isInSync = async (): Promise<boolean> =>
      (await this.laidOut(topic)).every(({ inSync }) => inSync.length === BROKERS);
    await eventually(isInSync, { timeoutMs: MOVE_TIMEOUT_MS });
  }

  #metadata(topic: string): Promise<TopicMetadata> {
    return askMetadata({ brokers: this.brokers, topic, requestTimeoutMs: REQUEST_TIMEOUT_MS });
  }

  async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const options = { brokers: this.brokers, log: quiet, requestTimeoutMs: REQUEST_TIMEOUT_MS };
    const client = new KafkaClient(options, ASK_RETRIES);
    try {
      const admin = client.kafka.admin();
      await admin.connect();
      return await question(admin);
    } finally {
      client.end();
    }
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#running.keys()].map(id => this.kill(id)));
    await rm(this.#dir, { recursive: true, force: true });
  }
}

export type Leadership = Pick<PartitionMetadata, 'partition' | 'leader'>;
