/**
 * The engine's end of a Kafka log: creates producer ids for gateways, and ends them.
 *
 * A batch of epoch 1 retires an id: the partition's leader knows an id by its latest epoch, and refuses older ones from there
 * on. The batch is always the first of that epoch and contains only that information, so a repeated one may be answered with
 * the position of the first. Fences and markers are appended after it, without a producer id: under the same id and sequence, a
 * batch with other contents would be answered with the position of the first one.
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
