import { keysOf } from '../keys.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../redis.ts';
import { messageOf } from './backoff.ts';
import { type LogProducer, LogUnavailable } from './log.ts';
import { type Appendfsync, checkDurability } from './redis-durability.ts';
import { isReply, RECORD_FIELD, REDIS_OPEN_TIMEOUT_MS, type RedisLogOptions } from './redis-log.ts';

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

/**
 * Appends with XADD. After an append without an answer its connection is given up for a new one: whatever was still on
 * its way in the old one is executed before the new one's greeting is answered, or never, so it cannot come behind a
 * later record; a Cluster client would otherwise send a command again that it has already given up; and a server that
 * vanished without a word is left at once, not when TCP despairs of it after a quarter of an hour.
 */
class RedisProducer implements LogProducer {
  readonly kind = 'redis';
  readonly #options: RedisProducerOptions;
  readonly #streams: readonly string[];
  #client: RedisClient;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: RedisProducerOptions) {
    this.#options = options;
    const keys = keysOf(options.namespace);
    this.#streams = Array.from({ length: options.partitions }, (_, partition) =>
      keys.logPartition(partition),
    );
    this.#client = this.#connect();
  }

  async check(): Promise<void> {
    await waitForRedis(this.#client, REDIS_OPEN_TIMEOUT_MS);
    await checkDurability(this.#client, this.#options.acceptAppendfsync);
  }

  append(partition: number, bytes: Buffer): Promise<void> {
    const turn = this.#last.then(() => this.#append(partition, bytes));
    this.#last = Promise.allSettled([turn]);
    return turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    this.#client.disconnect();
  }

  async #append(partition: number, bytes: Buffer): Promise<void> {
    if (this.#closed) throw new LogUnavailable('the log is closed');
    const stream = this.#streams[partition];
    if (stream === undefined) {
      throw new RangeError(`partition ${partition} is not one of 0 to ${this.#streams.length - 1}`);
    }
    const wasReady = this.#client.status === 'ready';
    try {
      await this.#client.xadd(stream, '*', RECORD_FIELD, bytes);
    } catch (error) {
      if (wasReady && isUncertain(error)) {
        this.#client.disconnect();
        this.#client = this.#connect();
      }
      throw new LogUnavailable(`Redis, ${stream}: ${messageOf(error)}`, { cause: error });
    }
  }

  #connect(): RedisClient {
    const { urls, appendTimeoutMs, log } = this.#options;
    return connectRedis(urls, {
      commandTimeoutMs: appendTimeoutMs,
      onError: err => log.debug({ err }, 'the log has no connection to Redis'),
    });
  }
}

/** Not a plain refusal (out of memory, disk full); READONLY says that another server is the master now. */
function isUncertain(error: unknown): boolean {
  return !isReply(error) || error.message.startsWith('READONLY');
}
