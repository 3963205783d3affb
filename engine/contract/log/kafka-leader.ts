/**
 * Appending to Kafka without kafkajs on the way: one connection to the broker that leads the partition, one request at
 * a time. kafkajs still finds the leader, which is done once a connection.
 *
 * States: `unknown` (the leader has to be found) -> `connected` -> (an error, an answer that is none, or the broker
 * says that it does not lead) `unknown`. What was certainly not written is sent again, to whoever leads then.
 */
import { connect, type Socket } from 'node:net';
import { pause } from './backoff.ts';
import { KafkaClient, type KafkaOptions } from './kafka-client.ts';
import { decodeProduced, type Produced, ProduceEncoder } from './kafka-produce.ts';

/** A broker on the same network accepts within milliseconds; one that doesn't within this is as good as gone. */
const CONNECT_TIMEOUT_MS = 1_000;
/** An answer is some dozen bytes; what claims to be longer is no answer. */
const MOST_ANSWER_BYTES = 64 * 1024;
/** They get over a leader that moves, and a topic made a moment ago. An outage is for the caller to hear of, soon. */
const TRIES = 4;
const AGAIN_MS = 150;
/** The broker did not write the record: it does not know the partition, nobody leads it, another does, too few replicas. */
const NOT_WRITTEN = new Set([3, 5, 6, 19]);
const METADATA_RETRIES = 2;

export class LeaderProducer {
  readonly #options: KafkaOptions;
  readonly #leaders = new Map<number, Leader>();
  #ended = false;

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  /** Resolves when every in-sync replica has the record. One at a time. Rejects when that is not certain. */
  async send(partition: number, value: Buffer): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const leader = this.#leaders.get(partition) ?? (await this.#connect(partition));
      const { errorCode } = await leader.produce(partition, value);
      if (errorCode === 0) return;
      if (!NOT_WRITTEN.has(errorCode) || tries === TRIES) {
        throw new Error(`the broker answered with error code ${errorCode}`);
      }
      leader.end();
      this.#leaders.delete(partition);
      await pause(AGAIN_MS, new AbortController().signal);
    }
  }

  /** Ends every connection at once: nothing is sent from now on. */
  end(): void {
    this.#ended = true;
    for (const leader of this.#leaders.values()) leader.end();
    this.#leaders.clear();
  }

  async #connect(partition: number): Promise<Leader> {
    const { host, port } = await this.#find(partition);
    const leader = await Leader.connect(host, port, this.#options);
    if (this.#ended) {
      leader.end();
      throw new Error('the client was ended');
    }
    this.#leaders.set(partition, leader);
    return leader;
  }

  async #find(partition: number): Promise<{ readonly host: string; readonly port: number }> {
    const { topic } = this.#options;
    const client = new KafkaClient(this.#options, METADATA_RETRIES);
    try {
      const admin = client.kafka.admin();
      await admin.connect();
      for (let tries = 1; ; tries += 1) {
        const [{ topics }, { brokers }] = await Promise.all([
          admin.fetchTopicMetadata({ topics: [topic] }),
          admin.describeCluster(),
        ]);
        const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition);
        const broker = brokers.find(({ nodeId }) => nodeId === found?.leader);
        if (broker !== undefined) return broker;
        if (tries === TRIES) throw new Error(`nobody leads partition ${partition}`);
        await pause(AGAIN_MS, new AbortController().signal);
      }
    } finally {
      client.end();
    }
  }
}

interface Waiting {
  readonly correlationId: number;
  readonly resolve: (produced: Produced) => void;
  readonly reject: (error: Error) => void;
}

/** The connection to a leader. */
class Leader {
  readonly #socket: Socket;
  readonly #options: KafkaOptions;
  readonly #encoder = new ProduceEncoder();
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #correlationId = 0;
  #broken: Error | undefined;

  private constructor(socket: Socket, options: KafkaOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', chunk => this.#receive(chunk));
    socket.on('error', error => this.#break(error));
    socket.on('close', () => this.#break(new Error('the broker closed the connection')));
  }

  static connect(host: string, port: number, options: KafkaOptions): Promise<Leader> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true, keepAlive: true });
      const late = setTimeout(
        () => socket.destroy(new Error(`${host}:${port} did not accept within ${CONNECT_TIMEOUT_MS} ms`)),
        CONNECT_TIMEOUT_MS,
      );
      socket.once('error', reject);
      socket.once('close', () => clearTimeout(late));
      socket.once('connect', () => {
        clearTimeout(late);
        socket.off('error', reject);
        resolve(new Leader(socket, options));
      });
    });
  }

  produce(partition: number, value: Buffer): Promise<Produced> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) {
        reject(this.#broken);
        return;
      }
      this.#correlationId = (this.#correlationId + 1) & 0x7fffffff;
      const correlationId = this.#correlationId;
      const { topic, requestTimeoutMs: timeoutMs } = this.#options;
      const request = {
        correlationId,
        clientId: 'fairline',
        topic,
        partition,
        timeoutMs,
        timestampMs: Date.now(),
      };
      this.#waiting = { correlationId, resolve, reject };
      this.#socket.write(this.#encoder.encode(request, value));
    });
  }

  end(): void {
    this.#socket.destroy(new Error('the client was ended'));
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const received = this.#received;
    if (received.length < 4) return;
    const length = received.readInt32BE(0);
    if (length < 0 || length > MOST_ANSWER_BYTES) {
      this.#socket.destroy(new Error(`an answer of ${length} bytes is none`));
      return;
    }
    if (received.length < 4 + length) return;
    this.#received = received.subarray(4 + length);
    this.#answer(received.subarray(4, 4 + length));
  }

  #answer(answer: Buffer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    try {
      const produced = decodeProduced(answer);
      if (waiting === undefined || produced.correlationId !== waiting.correlationId) {
        throw new Error(`the broker answered request ${produced.correlationId}, which was not asked`);
      }
      waiting.resolve(produced);
    } catch (error) {
      const broken = error instanceof Error ? error : new Error(String(error));
      waiting?.reject(broken);
      this.#socket.destroy(broken);
    }
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#waiting?.reject(this.#broken);
    this.#waiting = undefined;
  }
}
