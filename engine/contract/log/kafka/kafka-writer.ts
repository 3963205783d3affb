/**
 * A gateway's writer is a producer id that the engine has prepared, and appends idempotent batches with epoch 0. The
 * engine ends it by a batch of the same id with epoch 1 (kafka-fencing.ts): from there on the partition's leader
 * refuses epoch 0.
 *
 * Nobody is told "written" for what was not. A leader answers a sequence that it has with where that stands, whatever
 * the batch holds, so no sequence is ever sent with two contents:
 * - The first one is chosen at random. Two who were given the same id, because Redis went back to what it was before,
 *   do not begin at the same place: the leader knows one of them and refuses the other as out of order.
 * - After an append without an answer (the lost one) only the leave may follow. It goes under the next sequence. Is that
 *   out of order, the lost one has not been written, and the leave takes its sequence; but the lost one may have come
 *   just before, and the answer would be about that. So the leave is sent under the next one once more, which nothing
 *   else ever had. The lost one cannot be written any more then: its sequence is behind.
 *
 * What the broker forgets about a producer id (after `producer.id.expiration.ms`, a day) opens nothing again. A batch
 * carries as its time when the one before was acknowledged, and the topic refuses what is older than
 * TIMESTAMP_BEFORE_MAX_MS (kafka-topic.ts): so who was silent for that long is refused by the broker's own clock. The
 * writer's clock may move that time on by no more than an hour from one batch to the next; and a time more than an hour
 * ahead of the broker's is refused, too. So 9 hours after the last acknowledged append, at most, the time is too old.
 */
import { randomInt } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fenced, type LogProducer, LogUnavailable, type LogWriter, type WriterIdentity } from '../log.ts';
import { ProduceEncoder } from './kafka-produce.ts';
import type { BatchSender } from './kafka-sender.ts';

/** What a request is encoded for that is not sent. */
const UNSENT = { correlationId: 0, clientId: '', topic: '', partition: 0, timeoutMs: 0 } as const;
const NOBODY = { producerId: -1n, epoch: -1, sequence: -1, timestampMs: 0 } as const;

/** A gateway's end of a Kafka log. */
export class KafkaProducer implements LogProducer {
  readonly kind = 'kafka';
  readonly #sender: BatchSender;
  #unsent: ProduceEncoder | undefined;

  constructor(sender: BatchSender) {
    this.#sender = sender;
  }

  writer(identity: WriterIdentity): LogWriter {
    this.#sender.checkPartition(identity.partition);
    return new KafkaWriter(this.#sender, identity);
  }

  /**
   * The request is encoded, with its checksum, and not sent: whether a broker takes a batch rests on how its topic is set, and
   * what it had taken would stand in the log.
   */
  async warmUp(bytes: Buffer): Promise<void> {
    this.#unsent ??= new ProduceEncoder();
    this.#unsent.encode(UNSENT, bytes, NOBODY);
    await nextTurn();
  }

  close(): Promise<void> {
    return this.#sender.close();
  }
}

/** Sequences begin anew behind it (KIP-98). */
const LAST_SEQUENCE = 2 ** 31 - 1;
const HOUR_MS = 3_600_000;

const OUT_OF_ORDER_SEQUENCE = 45;
/**
 * The leader refuses this writer for good: its time is too old; a sequence that it did not expect, or had long ago, is
 * another's who has the same id; the epoch was raised.
 */
const REFUSALS: ReadonlyMap<number, string> = new Map([
  [32, 'it was silent for too long, or its clock and the broker’s are hours apart'],
  [OUT_OF_ORDER_SEQUENCE, 'another writer has its producer id'],
  [46, 'another writer has its producer id'],
  [47, 'its epoch was raised'],
  [59, 'its producer id has expired'],
  [90, 'its epoch was raised'],
]);

class KafkaWriter implements LogWriter {
  readonly #sender: BatchSender;
  readonly #partition: number;
  readonly #producerId: bigint;
  /** Of the next batch. */
  #sequence = randomInt(LAST_SEQUENCE);
  #timestampMs: number;
  readonly #nowMs: () => number;
  /** Something was sent under the sequence before the next one, and it is not known whether it was written. */
  #isUnsure = false;
  /** Why nothing may be appended any more. */
  #over: Error | undefined;

  constructor(sender: BatchSender, { partition, token, givenAtMs, nowMs }: WriterIdentity) {
    this.#sender = sender;
    this.#partition = partition;
    this.#producerId = BigInt(token);
    this.#timestampMs = Math.floor(givenAtMs);
    this.#nowMs = nowMs;
  }

  async append(bytes: Buffer): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    const sequence = this.#sequence;
    this.#sequence = after(sequence);
    try {
      judge(await this.#send(bytes, sequence));
    } catch (error) {
      this.#isUnsure = !(error instanceof Fenced);
      this.#over = this.#isUnsure
        ? new LogUnavailable('the outcome of the previous append is unknown')
        : errorOf(error);
      throw error;
    }
    this.#timestampMs = Math.min(Math.floor(this.#nowMs()), this.#timestampMs + HOUR_MS);
  }

  async leave(bytes: Buffer): Promise<void> {
    this.#over ??= new LogUnavailable('the writer has left');
    if (this.#over instanceof Fenced) throw this.#over;
    const sequence = this.#sequence;
    const code = await this.#send(bytes, sequence);
    if (code !== OUT_OF_ORDER_SEQUENCE || !this.#isUnsure) {
      judge(code);
      return;
    }
    judge(await this.#send(bytes, before(sequence)));
    judge(await this.#send(bytes, sequence));
  }

  #send(bytes: Buffer, sequence: number): Promise<number> {
    const writer = { producerId: this.#producerId, epoch: 0, sequence, timestampMs: this.#timestampMs };
    return this.#sender.send(this.#partition, bytes, writer);
  }
}

function judge(code: number): void {
  if (code === 0) return;
  const refusal = REFUSALS.get(code);
  if (refusal !== undefined) throw new Fenced(`Kafka refuses this writer: ${refusal} (error code ${code})`);
  throw new LogUnavailable(`Kafka answered with error code ${code}`);
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function after(sequence: number): number {
  return sequence === LAST_SEQUENCE ? 0 : sequence + 1;
}

function before(sequence: number): number {
  return sequence === 0 ? LAST_SEQUENCE : sequence - 1;
}
