import type { Logger } from 'pino';
import { backoffMs, pause } from '../backoff.ts';
import type { LogConsumer, LogHandler } from '../log.ts';
import { Owning, type PartitionOwnership } from '../owning.ts';
import { Readings } from '../reading.ts';
import { type KafkaConsumerOptions, KafkaMembership } from './kafka-membership.ts';
import { ensureTopic } from './kafka-topic.ts';

/** Creates the topic if it is missing; rejects if Kafka is unavailable or the topic is misconfigured. */
export async function openKafkaConsumer(
  options: KafkaConsumerOptions,
  ownership: PartitionOwnership,
): Promise<LogConsumer> {
  const clusterId = await ensureTopic(options);
  return new KafkaConsumer(options, ownership, `kafka:${clusterId}:${options.topic}`);
}

/**
 * Reads the partitions that the ownership assigns to this engine, until it is closed. kafkajs' consumer ends for good in
 * several ways (a crash that it considers final, a coordinator that it does not find, a connection that it waits for forever);
 * each time another one is made.
 */
class KafkaConsumer implements LogConsumer {
  readonly kind = 'kafka';
  readonly name: string;
  readonly #options: KafkaConsumerOptions;
  readonly #ownership: PartitionOwnership;
  readonly #log: Logger;
  readonly #closing = new AbortController();
  #readings: Readings | undefined;
  #supervised: Promise<void> = Promise.resolve();

  constructor(options: KafkaConsumerOptions, ownership: PartitionOwnership, name: string) {
    this.#options = options;
    this.#ownership = ownership;
    this.#log = options.log;
    this.name = name;
  }

  assigned(): readonly number[] {
    return this.#readings?.assigned() ?? [];
  }

  async run(handler: LogHandler): Promise<void> {
    if (this.#readings !== undefined) throw new Error('the consumer is already running');
    const readings = new Readings(handler, this.#log);
    this.#readings = readings;
    const owning = new Owning(this.#ownership, readings, this.#log);
    await new Promise<void>(joined => {
      this.#supervised = Promise.all([
        this.#supervise(readings, owning, joined).then(joined),
        owning.lookOn(this.#closing.signal),
      ]).then(() => owning.close());
    });
  }

  /** Kafka trims by retention. */
  async trim(): Promise<void> {}

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#supervised;
  }

  async #supervise(readings: Readings, owning: Owning, joined: () => void): Promise<void> {
    const closing = this.#closing.signal;
    let failures = 0;
    while (!closing.aborted) {
      const membership = new KafkaMembership(this.#options, readings, owning, closing);
      const reason = await membership.last(() => {
        if (failures > 0) this.#log.info('the consumer reads again');
        failures = 0;
        joined();
      });
      if (closing.aborted) return;
      const waitMs = backoffMs(failures);
      const level = failures === 0 ? 'warn' : 'debug';
      this.#log[level]({ reason, failures, waitMs }, 'the consumer has ended; starting another');
      failures += 1;
      await pause(waitMs, closing);
    }
  }
}
