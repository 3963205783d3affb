import { messageOf } from '../../process/message-of.ts';
import { OutageLog } from '../../process/outage-log.ts';
import { withTimeout } from '../../process/with-timeout.ts';
import { LogUnavailable } from '../log.ts';
import type { KafkaOptions } from './kafka-client.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { LeaderProducer } from './kafka-leader.ts';
import type { BatchWriter } from './kafka-produce.ts';

/** Sends for writers and fencing, one request at a time; further requests wait. */
export interface BatchSender {
  /** Throws RangeError if the topic has no such partition. */
  checkPartition(partition: number): void;
  /** Resolves with the broker's error code; 0: all in-sync replicas have the record. Rejects with LogUnavailable. */
  send(partition: number, bytes: Buffer, writer: BatchWriter): Promise<number>;
  /** A new producer id. */
  initProducerId(): Promise<bigint>;
  close(): Promise<void>;
}

export interface KafkaSenderOptions extends KafkaOptions {
  /** A request without an answer by then is given up. */
  readonly appendTimeoutMs: number;
  /** How to connect to a broker; tests put their own network in between. */
  readonly connect?: typeof KafkaConnection.connect;
}

/**
 * Sends one request after another. After a request without an answer it ends its connections, and the next request opens new
 * ones: nothing can be sent over the old ones any more.
 */
export class KafkaSender implements BatchSender {
  readonly #options: KafkaSenderOptions;
  readonly #outages: OutageLog;
  #link: LeaderProducer | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: KafkaSenderOptions) {
    this.#options = options;
    this.#outages = new OutageLog(options.log, 'Kafka for appends of the log');
  }

  checkPartition(partition: number): void {
    const { partitions } = this.#options;
    if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return;
    throw new RangeError(`partition ${partition} is not one of 0 to ${partitions - 1}`);
  }

  send(partition: number, bytes: Buffer, writer: BatchWriter): Promise<number> {
    return this.#inTurn(link => link.send(partition, bytes, writer));
  }

  initProducerId(): Promise<bigint> {
    return this.#inTurn(link => link.initProducerId());
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    this.#link?.end();
  }

  #inTurn<T>(ask: (link: LeaderProducer) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#ask(ask));
    this.#last = Promise.allSettled([turn]);
    return turn;
  }

  async #ask<T>(ask: (link: LeaderProducer) => Promise<T>): Promise<T> {
    const { topic, appendTimeoutMs } = this.#options;
    if (this.#closed) throw new LogUnavailable('the log is closed');
    this.#link ??= new LeaderProducer(this.#options, this.#options.connect ?? KafkaConnection.connect);
    const link = this.#link;
    try {
      const late = (): Promise<never> => Promise.reject(new Error(`no answer within ${appendTimeoutMs} ms`));
      const answer = await withTimeout(appendTimeoutMs, ask(link), late);
      this.#outages.back();
      return answer;
    } catch (error) {
      this.#outages.gone(error);
      link.end();
      this.#link = undefined;
      throw new LogUnavailable(`Kafka, ${topic}: ${messageOf(error)}`, { cause: error });
    }
  }
}
