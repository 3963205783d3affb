/**
 * The engine's end of a Kafka log: producer ids for gateways to write with, and their ends.
 *
 * An id is retired by a batch of epoch 1: the partition's leader knows an id by its latest epoch, and refuses older ones
 * behind it. It is always the first of that epoch, and what it holds says nothing but that; so one that is sent again
 * may be answered with where the first stands. Fences and markers are appended under no id, behind it: the same id
 * with the same sequence and other contents would be answered with where the first of them stands.
 */
import { type LogFencing, LogUnavailable, type WriterIdentity } from '../log.ts';
import type { BatchWriter } from './kafka-produce.ts';
import type { BatchSender } from './kafka-sender.ts';

const NOBODY = -1;

export class KafkaFencing implements LogFencing {
  readonly kind = 'kafka';
  readonly usesTokens = true;
  readonly #sender: BatchSender;

  constructor(sender: BatchSender) {
    this.#sender = sender;
  }

  async prepare(): Promise<string> {
    return String(await this.#sender.initProducerId());
  }

  retire(partition: number, token: string, bytes: Buffer): Promise<void> {
    return this.#append(partition, bytes, { producerId: BigInt(token), epoch: 1, sequence: 0 });
  }

  fence({ partition }: Pick<WriterIdentity, 'partition'>, bytes: Buffer): Promise<void> {
    return this.#append(partition, bytes, { producerId: BigInt(NOBODY), epoch: NOBODY, sequence: NOBODY });
  }

  async mark(partition: number, _epoch: number, bytes: Buffer): Promise<boolean> {
    await this.fence({ partition }, bytes);
    return true;
  }

  async unmarked(): Promise<readonly number[]> {
    return [];
  }

  close(): Promise<void> {
    return this.#sender.close();
  }

  async #append(partition: number, bytes: Buffer, writer: Omit<BatchWriter, 'timestampMs'>): Promise<void> {
    this.#sender.checkPartition(partition);
    const code = await this.#sender.send(partition, bytes, { ...writer, timestampMs: Date.now() });
    if (code !== 0) throw new LogUnavailable(`Kafka answered a fence with error code ${code}`);
  }
}
