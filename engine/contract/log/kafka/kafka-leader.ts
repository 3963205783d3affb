/**
 * Appends to Kafka without kafkajs: one connection to the broker that leads the partition, one request at a time. The leader is
 * looked up once per connection (kafka-metadata.ts).
 *
 * States: `unknown` (the leader has to be found) -> `connected` -> (an error, an invalid answer, or the broker says that it is
 * not the leader) `unknown`. A record without confirmation is sent again, to the current leader.
 */
import { pause } from '../backoff.ts';
import type { KafkaOptions } from './kafka-client.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { decodeInitProducerId, encodeInitProducerId } from './kafka-identity.ts';
import { askMetadata, type BrokerAddress } from './kafka-metadata.ts';
import { type BatchWriter, decodeProduced, ProduceEncoder } from './kafka-produce.ts';
import { CLIENT_ID } from './kafka-request.ts';

/** Enough for a leader that moves, or a topic created a moment ago. An outage must reach the caller soon. */
const TRIES = 4;
const AGAIN_MS = 150;
/**
 * The broker does not confirm the record: it does not know the partition (3), the partition has no leader (5) or another one
 * (6), too few replicas (19). None of these says that nothing was written. 3 and 6 may follow the broker's own append: it waits
 * for its replicas, loses the leadership or the partition meanwhile, and answers so, and the next leader may have the record.
 * Sending it again is right all the same, because the same sequence with the same bytes is written once.
 */
const NOT_CONFIRMED = new Set([3, 5, 6, 19]);
/** The broker gave no producer id: it is starting, or fetching its block of ids. Asking again is right. */
const NOT_GIVEN = new Set([7, 14, 15, 16, 51]);

export class LeaderProducer {
  readonly #options: KafkaOptions;
  readonly #reach: typeof KafkaConnection.connect;
  readonly #leaders = new Map<number, Leader>();
  #ended = false;

  /** `reach` connects to a broker. */
  constructor(options: KafkaOptions, reach: typeof KafkaConnection.connect) {
    this.#options = options;
    this.#reach = reach;
  }

  /**
   * Sends one record of that writer; one at a time. Resolves with the broker's error code, 0 if every in-sync replica has the
   * record. Rejects if there is no answer: then the record may have been written or not, or may still be.
   */
  async send(partition: number, value: Buffer, writer: BatchWriter): Promise<number> {
    for (let tries = 1; ; tries += 1) {
      const leader = await this.#leaderOf(partition);
      const errorCode = await leader.produce(partition, value, writer);
      if (!NOT_CONFIRMED.has(errorCode)) return errorCode;
      if (tries === TRIES) throw new Error(`the broker answered with error code ${errorCode}`);
      leader.end();
      this.#leaders.delete(partition);
      await pause(AGAIN_MS, new AbortController().signal);
    }
  }

  /** A new producer id. */
  async initProducerId(): Promise<bigint> {
    for (let tries = 1; ; tries += 1) {
      const leader = await this.#leaderOf(0);
      const { errorCode, producerId } = await leader.initProducerId();
      if (errorCode === 0) return producerId;
      if (!NOT_GIVEN.has(errorCode) || tries === TRIES) {
        throw new Error(`the broker gave no producer id: error code ${errorCode}`);
      }
      await pause(AGAIN_MS, new AbortController().signal);
    }
  }

  /** Ends every connection at once: nothing is sent from now on. */
  end(): void {
    this.#ended = true;
    for (const leader of this.#leaders.values()) leader.end();
    this.#leaders.clear();
  }

  /** A broker closes a connection that was idle for long: nothing was in transit, so another one takes its place. */
  async #leaderOf(partition: number): Promise<Leader> {
    const leader = this.#leaders.get(partition);
    return leader?.isOpen === true ? leader : await this.#connect(partition);
  }

  async #connect(partition: number): Promise<Leader> {
    const { host, port } = await this.#find(partition);
    const leader = new Leader(await this.#reach(host, port), this.#options);
    if (this.#ended) {
      leader.end();
      throw new Error('the client was closed');
    }
    this.#leaders.set(partition, leader);
    return leader;
  }

  async #find(partition: number): Promise<BrokerAddress> {
    for (let tries = 1; ; tries += 1) {
      const { brokers, partitions } = await askMetadata(this.#options);
      const found = partitions.find(each => each.partition === partition);
      const broker = brokers.find(({ id }) => id === found?.leader);
      if (broker !== undefined) return broker;
      if (tries === TRIES) throw new Error(`partition ${partition} has no leader`);
      await pause(AGAIN_MS, new AbortController().signal);
    }
  }
}

/** The connection to a leader. */
class Leader {
  readonly #connection: KafkaConnection;
  readonly #encoder = new ProduceEncoder();
  readonly #request: {
    correlationId: number;
    clientId: string;
    topic: string;
    partition: number;
    timeoutMs: number;
  };

  constructor(connection: KafkaConnection, { topic, requestTimeoutMs }: KafkaOptions) {
    this.#connection = connection;
    this.#request = {
      correlationId: 0,
      clientId: CLIENT_ID,
      topic,
      partition: 0,
      timeoutMs: requestTimeoutMs,
    };
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  async produce(partition: number, value: Buffer, writer: BatchWriter): Promise<number> {
    const request = this.#request;
    request.correlationId = this.#connection.nextId();
    request.partition = partition;
    const encoded = this.#encoder.encode(request, value, writer);
    return decodeProduced(await this.#connection.ask(request.correlationId, encoded)).errorCode;
  }

  async initProducerId() {
    const correlationId = this.#connection.nextId();
    const request = encodeInitProducerId(correlationId, CLIENT_ID);
    return decodeInitProducerId(await this.#connection.ask(correlationId, request));
  }

  end(): void {
    this.#connection.end();
  }
}
