/** What the tests of both logs share: a ledger in memory, engines that share partitions, configurations. */
import { type Logger, pino } from 'pino';
import { availableLogs, type Servers, testNamespace } from '../../test/support.ts';
import { KAFKA_SENDERS, type KafkaSender } from './kafka-producer.ts';
import type { LogBatch, LogHandler, LogKind } from './log.ts';
import type { LogConfig, PartitionOwnership } from './open.ts';

export const quiet: Logger = pino({ level: 'silent' });

export const PARTITIONS = 4;

interface LogVariant {
  readonly kind: LogKind;
  readonly sender?: KafkaSender;
}

/** Every log that can be had here, Kafka with each way of sending. */
export function logsWithSenders(): readonly LogVariant[] {
  return availableLogs().flatMap((kind): readonly LogVariant[] =>
    kind === 'kafka' ? KAFKA_SENDERS.map(sender => ({ kind, sender })) : [{ kind }],
  );
}

/** A configuration with a namespace of its own. */
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
    KAFKA_SENDER: 'leader',
    ...changes,
  };
}

/**
 * Rows and position as the real ledger keeps them: both or neither, and only from the position that was reached. What
 * breaks a consumer's promises is kept in `faults`.
 */
export class TestLedger {
  readonly positions = new Map<number, string>();
  readonly rows = new Map<number, string[]>();
  readonly faults: string[] = [];
  readonly starts: number[] = [];
  readonly #inHand = new Set<number>();

  /** A handler over this ledger, as one engine has it. `refuse` throws to throw a batch back. */
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

/** Engines that share the partitions evenly, as advisory locks would have them do it. */
export class TestOwnership {
  readonly #members: object[] = [];

  join(): PartitionOwnership {
    const me = {};
    this.#members.push(me);
    const leave = (): void => {
      const at = this.#members.indexOf(me);
      if (at >= 0) this.#members.splice(at, 1);
    };
    return {
      poll: async () =>
        Array.from({ length: PARTITIONS }, (_, partition) => partition).filter(
          partition => this.#members[partition % this.#members.length] === me,
        ),
      close: async () => leave(),
    };
  }
}
