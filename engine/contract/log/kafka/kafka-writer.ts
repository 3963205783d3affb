/**
 * A gateway's writer is a producer id that the engine has prepared, and appends idempotent batches with epoch 0. The engine
 * ends it by a batch of the same id with epoch 1 (kafka-fencing.ts): from there on the partition's leader refuses epoch 0.
 *
 * No append is reported as written that was not. A leader answers a sequence that it has with its position, whatever the batch
 * contains, so no sequence is ever sent with two contents:
 * - The first sequence is random. If two gateways were given the same id, because Redis went back to an earlier state, they do
 *   not begin at the same sequence: the leader knows one of them and refuses the other as out of order.
 * - After an append without an answer (the lost one) only the leave may follow. It is sent under the next sequence. If that is
 *   out of order, the lost append has not been written, and the leave takes its sequence; but the lost append may have arrived
 *   just before, and the answer would be about that. So the leave is sent again under the next sequence, which nothing else
 *   ever had. Then the lost append can no longer be written: its sequence is in the past.
 *
 * It is safe that the broker forgets a producer id (after `producer.id.expiration.ms`, a day). The time in a batch is that of
 * the previous acknowledgement, and the topic refuses times older than TIMESTAMP_BEFORE_MAX_MS (kafka-durability.ts): so the
 * broker's own clock refuses a writer that was silent for that long. The writer's clock may advance that time by no more than
 * an hour from one batch to the next, and the broker also refuses a time more than an hour ahead of its own. So at most 9 hours
 * after the last acknowledged append the time is too old.
 */
import { randomInt } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fenced, type LogProducer, LogUnavailable, type LogWriter, type WriterIdentity } from '../log.ts';
import { ProduceEncoder } from './kafka-produce.ts';
import type { BatchSender } from './kafka-sender.ts';

/** For a request that is encoded and not sent. */
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
   * Encodes the request, with its checksum, and does not send it: whether a broker accepts a batch depends on the topic's
   * settings, and an accepted batch would be in the log.
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

/** Sequences start over after it (KIP-98). */
const LAST_SEQUENCE = 2 ** 31 - 1;
const HOUR_MS = 3_600_000;

const OUT_OF_ORDER_SEQUENCE = 45;
/**
 * The leader refuses this writer for good: its time is too old; a sequence that is unexpected or long past belongs to another
 * writer with the same id; the epoch was raised.
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
  /** The sequence of the next batch. */
  #sequence = randomInt(LAST_SEQUENCE);
  #timestampMs: number;
  readonly #nowMs: () => number;
  /** A batch was sent under the previous sequence, and its outcome is unknown. */
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
