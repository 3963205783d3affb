import { CompressionTypes, type Producer } from 'kafkajs';
import { messageOf, within } from './backoff.ts';
import { KafkaClient, type KafkaOptions } from './kafka-client.ts';
import { LeaderProducer } from './kafka-leader.ts';
import { ensureTopic } from './kafka-topic.ts';
import { type LogProducer, LogUnavailable } from './log.ts';

export interface KafkaProducerOptions extends KafkaOptions {
  /** An append that has not succeeded by then is given up. */
  readonly appendTimeoutMs: number;
  /** Who sends: our own connection to the leader, or kafkajs, which is slower and takes every way there is. */
  readonly sender: KafkaSender;
}

export const KAFKA_SENDERS = ['leader', 'kafkajs'] as const;
export type KafkaSender = (typeof KAFKA_SENDERS)[number];

/** Creates the topic where it is missing; rejects when Kafka is not there or the topic is not as it should be. */
export async function openKafkaProducer(options: KafkaProducerOptions): Promise<LogProducer> {
  await ensureTopic(options);
  return new KafkaProducer(options);
}

/** Few: they get over a leader that has moved. An outage is for the caller to hear of, soon. */
const RETRIES = 2;

/** What can be ended for certain: nothing of it is sent afterwards. */
interface Link {
  send(partition: number, bytes: Buffer): Promise<void>;
  end(): void;
}

/**
 * Appends one after another. After an append that failed its client is ended, and the next one makes a new client:
 * nothing of the old can be sent any more, so no late retry comes behind a later record, and no state that kafkajs
 * got into during an outage outlives it.
 *
 * Not `idempotent`: kafkajs gives the sequence number of a failed send to the next record. Had the failed one been
 * written after all, the broker would take the next for its duplicate, answer that it is written, and drop it.
 */
class KafkaProducer implements LogProducer {
  readonly kind = 'kafka';
  readonly #options: KafkaProducerOptions;
  #link: Link | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: KafkaProducerOptions) {
    this.#options = options;
    this.#link = this.#open();
  }

  append(partition: number, bytes: Buffer): Promise<void> {
    const turn = this.#last.then(() => this.#append(partition, bytes));
    this.#last = Promise.allSettled([turn]);
    return turn;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    this.#link?.end();
  }

  async #append(partition: number, bytes: Buffer): Promise<void> {
    const { topic, partitions, appendTimeoutMs } = this.#options;
    if (this.#closed) throw new LogUnavailable('the log is closed');
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
      throw new RangeError(`partition ${partition} is not one of 0 to ${partitions - 1}`);
    }
    this.#link ??= this.#open();
    const link = this.#link;
    try {
      await within(
        appendTimeoutMs,
        link.send(partition, bytes),
        () => new Error(`no answer within ${appendTimeoutMs} ms`),
      );
    } catch (error) {
      link.end();
      this.#link = undefined;
      throw new LogUnavailable(`Kafka, ${topic}/${partition}: ${messageOf(error)}`, { cause: error });
    }
  }

  #open(): Link {
    return this.#options.sender === 'leader'
      ? new LeaderProducer(this.#options)
      : new KafkajsLink(this.#options);
  }
}

class KafkajsLink implements Link {
  readonly #options: KafkaOptions;
  readonly #client: KafkaClient;
  readonly #producer: Producer;
  readonly #connected: Promise<void>;

  constructor(options: KafkaOptions) {
    this.#options = options;
    this.#client = new KafkaClient(options, RETRIES);
    this.#producer = this.#client.kafka.producer({
      allowAutoTopicCreation: false,
      maxInFlightRequests: 1,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
    });
    this.#connected = this.#producer.connect();
    // Whoever appends next is told; nobody else waits for it.
    this.#connected.catch(err => options.log.debug({ err }, 'the producer could not connect'));
  }

  async send(partition: number, bytes: Buffer): Promise<void> {
    await this.#connected;
    const [written] = await this.#producer.send({
      topic: this.#options.topic,
      acks: -1,
      timeout: this.#options.requestTimeoutMs,
      compression: CompressionTypes.None,
      messages: [{ key: null, value: bytes, partition }],
    });
    // kafkajs resolves without sending anything when the broker's metadata lack the partition.
    if (written?.partition !== partition) throw new Error('the topic has no such partition');
  }

  end(): void {
    this.#client.end();
  }
}
