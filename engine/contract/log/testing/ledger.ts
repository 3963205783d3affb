/** What the tests of both logs share: a ledger in memory, engines that share partitions, configurations. */
import { Redis } from 'ioredis';
import { type Logger, pino } from 'pino';
import { type Servers, testNamespace } from '../../../test/support.ts';
import { keysOf } from '../../redis/keys.ts';
import type { LogBatch, LogFencing, LogHandler, LogKind, LogProducer, LogWriter } from '../log.ts';
import { type LogConfig, openFencing, openProducer } from '../open.ts';
import type { PartitionOwnership } from '../owning.ts';

export const quiet: Logger = pino({ level: 'silent' });

export const PARTITIONS = 4;

/** A configuration with its own namespace. */
export function logConfig(
  kind: LogKind,
  servers: Pick<Servers, 'redisUrl' | 'kafkaBrokers'>,
  changes: Partial<LogConfig> = {},
): LogConfig {
  return {
    LOG: kind,
    REDIS_URL: servers.redisUrl,
    KAFKA_BROKERS: servers.kafkaBrokers ?? '',
    NAMESPACE: testNamespace(),
    LOG_PARTITIONS: PARTITIONS,
    REDIS_LOG_APPENDFSYNC: 'always',
    REDIS_LOG_MAXMEMORY_POLICY: 'noeviction',
    // The private Kafka is one broker.
    KAFKA_REPLICATION: 1,
    KAFKA_MIN_INSYNC_REPLICAS: 2,
    KAFKA_UNCLEAN_ELECTION: 'refused',
    KAFKA_RETENTION_MS: 7 * 24 * 3600 * 1000,
    REDIS_LOG_CLUSTER: 'refused',
    ...changes,
  };
}

const TEST_EPOCH = 1;
const INCARNATIONS_OF_EPOCH = 2 ** 32;

/** A log with the first epoch open, and gateways that append to it: one per partition, and another one after each failure. */
export class TestLog {
  readonly producer: LogProducer;
  readonly fencing: LogFencing;
  readonly #writers = new Map<number, LogWriter>();
  #incarnation = TEST_EPOCH * INCARNATIONS_OF_EPOCH;

  private constructor(producer: LogProducer, fencing: LogFencing) {
    this.producer = producer;
    this.fencing = fencing;
  }

  static async open(config: LogConfig): Promise<TestLog> {
    const producer = await openProducer(config, quiet);
    const fencing = await openFencing(config, quiet);
    if (config.LOG === 'redis') await openEpoch(config);
    return new TestLog(producer, fencing);
  }

  /** Another gateway with the number of the partition, and what is needed to end it. */
  async join(partition: number): Promise<TestWriter> {
    const token = await this.fencing.prepare();
    this.#incarnation += 1;
    const identity = {
      gateway: partition,
      incarnation: this.#incarnation,
      partition,
      token,
      givenAtMs: Date.now(),
      nowMs: Date.now,
    };
    return { ...identity, writer: this.producer.writer(identity) };
  }

  async append(partition: number, bytes: Buffer): Promise<void> {
    const writer = this.#writers.get(partition) ?? (await this.join(partition)).writer;
    this.#writers.set(partition, writer);
    try {
      await writer.append(bytes);
    } catch (error) {
      this.#writers.delete(partition);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.producer.close();
    await this.fencing.close();
  }
}

export interface TestWriter {
  readonly gateway: number;
  readonly incarnation: number;
  readonly partition: number;
  readonly token: string;
  readonly writer: LogWriter;
}

/** Writes no marker: the tests count the records that they find. */
async function openEpoch(config: LogConfig): Promise<void> {
  const redis = new Redis(config.REDIS_URL);
  const { logWriters } = keysOf(config.NAMESPACE);
  for (let partition = 0; partition < config.LOG_PARTITIONS; partition++) {
    await redis.hset(logWriters(partition), 'epoch', TEST_EPOCH);
  }
  redis.disconnect();
}

/**
 * Stores rows and position like the real ledger: both or neither, and only from the reached position. Violations of the
 * consumer's contract are recorded in `faults`.
 */
export class TestLedger {
  readonly positions = new Map<number, string>();
  readonly rows = new Map<number, string[]>();
  readonly faults: string[] = [];
  readonly starts: number[] = [];
  readonly #inHand = new Set<number>();

  /** The handler of one engine over this ledger. `refuse` throws to reject a batch. */
  handler(refuse: (batch: LogBatch) => void = () => undefined): LogHandler {
    return {
      start: async partition => {
        this.starts.push(partition);
        return this.positions.get(partition) ?? '';
      },
      batch: async batch => {
        const { partition, from, next, records } = batch;
        if (this.#inHand.has(partition)) this.faults.push(`two batches of ${partition} at once`);
        this.#inHand.add(partition);
        try {
          await new Promise(resolve => setImmediate(resolve));
          refuse(batch);
          const reached = this.positions.get(partition) ?? '';
          if (from !== reached) throw new Error(`stale: from ${from}, but ${reached} is reached`);
          if (records.length === 0) this.faults.push('an empty batch');
          this.positions.set(partition, next);
          const rows = this.rows.get(partition) ?? [];
          rows.push(...records.map(({ bytes }) => bytes.toString()));
          this.rows.set(partition, rows);
        } finally {
          this.#inHand.delete(partition);
        }
      },
    };
  }

  rowsOf(partition: number): readonly string[] {
    return this.rows.get(partition) ?? [];
  }

  get count(): number {
    return [...this.rows.values()].reduce((sum, rows) => sum + rows.length, 0);
  }
}

/** Engines that share the partitions evenly, as they do with advisory locks. */
export class TestOwnership {
  readonly #members: object[] = [];

  join(): PartitionOwnership {
    const me = {};
    const enter = (): void => {
      if (!this.#members.includes(me)) this.#members.push(me);
    };
    enter();
    const leave = (): void => {
      const at = this.#members.indexOf(me);
      if (at >= 0) this.#members.splice(at, 1);
    };
    return {
      poll: async () => {
        enter();
        return Array.from({ length: PARTITIONS }, (_, partition) => partition).filter(
          partition => this.#members[partition % this.#members.length] === me,
        );
      },
      giveBack: async () => leave(),
    };
  }
}
