import { keysOf } from '../keys.ts';
import { messageOf } from './backoff.ts';
import { type LogProducer, LogUnavailable } from './log.ts';
import { type Appendfsync, checkDurability } from './redis-durability.ts';
import { RECORD_FIELD, RedisLink, type RedisLogOptions } from './redis-log.ts';

export interface RedisProducerOptions extends RedisLogOptions {
  /** An append that has no answer by then is given up. Shorter than a slow fsync, and the door closes for nothing. */
  readonly appendTimeoutMs: number;
  /** What is put up with where Redis does not fsync each append. */
  readonly acceptAppendfsync: Appendfsync;
}

/** Rejects when Redis is not there, or does not put every append on disk before it answers and that is not accepted. */
export async function openRedisProducer(options: RedisProducerOptions): Promise<LogProducer> {
  const producer = new RedisProducer(options);
  try {
    await producer.check();
  } catch (error) {
    await producer.close();
    throw error;
  }
  return producer;
}

/** Appends with XADD, one after another. */
class RedisProducer implements LogProducer {
  readonly kind = 'redis';
  readonly #accepted: Appendfsync;
  readonly #streams: readonly string[];
  readonly #link: RedisLink;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: RedisProducerOptions) {
    const { namespace, partitions, appendTimeoutMs, acceptAppendfsync } = options;
    const { logPartition } = keysOf(namespace);
    this.#accepted = acceptAppendfsync;
    this.#streams = Array.from({ length: partitions }, (_, partition) => logPartition(partition));
    this.#link = new RedisLink(options, appendTimeoutMs);
  }

  async check(): Promise<void> {
    await this.#link.connected();
    await checkDurability(this.#link.client, this.#accepted);
  }

  append(partition: number, bytes: Buffer): Promise<void> {
    const turn = this.#last.then(() => this.#append(partition, bytes));
    this.#last = Promise.allSettled([turn]);
    return turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    this.#link.end();
  }

  async #append(partition: number, bytes: Buffer): Promise<void> {
    if (this.#closed) throw new LogUnavailable('the log is closed');
    const stream = this.#streams[partition];
    if (stream === undefined) {
      throw new RangeError(`partition ${partition} is not one of 0 to ${this.#streams.length - 1}`);
    }
    try {
      await this.#link.ask(client => client.xadd(stream, '*', RECORD_FIELD, bytes));
    } catch (error) {
      throw new LogUnavailable(`Redis, ${stream}: ${messageOf(error)}`, { cause: error });
    }
  }
}
