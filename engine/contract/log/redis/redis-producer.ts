/**
 * Both appending ends of a log in Redis Streams. A writer is identified by its number and incarnation: in one step, a script in
 * the stream's slot checks that its epoch is open and its incarnation is not fenced, and appends (append.lua).
 */
import { INCARNATIONS_PER_EPOCH } from '../../../../sql/statements/progress/watermarks.ts';
import { messageOf } from '../../process/message-of.ts';
import { keysOf } from '../../redis/keys.ts';
import type { RedisClient } from '../../redis/redis.ts';
import {
  Fenced,
  type LogFencing,
  type LogProducer,
  LogUnavailable,
  type LogWriter,
  type WriterIdentity,
} from '../log.ts';
import { checkDurability, type RedisDurability, refuseCluster } from './redis-durability.ts';
import { RedisLink, type RedisLogOptions } from './redis-log.ts';
import { appendFence, appendMarker, appendRecord, type PartitionKeys } from './redis-writers.ts';

export interface RedisProducerOptions extends RedisLogOptions {
  /**
   * An append without an answer by then is given up. If it is shorter than a slow fsync, gateways refuse entries without need.
   */
  readonly appendTimeoutMs: number;
  /** Weaker settings of Redis that are accepted. */
  readonly accepted: RedisDurability;
  /** Whether it is accepted that a failover of a Cluster loses acknowledged appends. */
  readonly acceptCluster: boolean;
}

/** Rejects if Redis is unavailable, or has weaker settings (redis-durability.ts) that are not explicitly accepted. */
export async function openRedisProducer(options: RedisProducerOptions): Promise<LogProducer> {
  return new RedisProducer(await openSender(options));
}

/** Rejects like `openRedisProducer`. */
export async function openRedisFencing(options: RedisProducerOptions): Promise<LogFencing> {
  return new RedisFencing(await openSender(options));
}

async function openSender(options: RedisProducerOptions): Promise<RedisSender> {
  const sender = new RedisSender(options);
  try {
    await sender.check();
  } catch (error) {
    await sender.close();
    throw error;
  }
  return sender;
}

/** A writer that the log always refuses: no epoch below 1 is ever open in a partition. */
const NOBODY = { gateway: 0, incarnation: -1, epoch: -1 } as const;

/** Sends one append after another. */
class RedisSender {
  readonly #accepted: RedisDurability;
  readonly #isClusterAccepted: boolean;
  readonly #partitions: readonly PartitionKeys[];
  readonly #link: RedisLink;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: RedisProducerOptions) {
    const { namespace, partitions, appendTimeoutMs, accepted, acceptCluster } = options;
    const { logPartition, logWriters } = keysOf(namespace);
    this.#accepted = accepted;
    this.#isClusterAccepted = acceptCluster;
    this.#partitions = Array.from({ length: partitions }, (_, partition) => ({
      stream: logPartition(partition),
      writers: logWriters(partition),
    }));
    this.#link = new RedisLink(options, appendTimeoutMs, 'appends');
  }

  async check(): Promise<void> {
    await this.#link.connected();
    const { client } = this.#link;
    if (!this.#isClusterAccepted) refuseCluster(client);
    await checkDurability(client, this.#accepted);
  }

  get partitions(): number {
    return this.#partitions.length;
  }

  keysOf(partition: number): PartitionKeys {
    const keys = this.#partitions[partition];
    if (keys !== undefined) return keys;
    throw new RangeError(`partition ${partition} is not one of 0 to ${this.#partitions.length - 1}`);
  }

  send<T>(keys: PartitionKeys, command: (client: RedisClient) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#send(keys, command));
    this.#last = Promise.allSettled([turn]);
    return turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    this.#link.end();
  }

  async #send<T>({ stream }: PartitionKeys, command: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#closed) throw new LogUnavailable('the log is closed');
    try {
      return await this.#link.ask(command);
    } catch (error) {
      throw new LogUnavailable(`Redis, ${stream}: ${messageOf(error)}`, { cause: error });
    }
  }
}

class RedisProducer implements LogProducer {
  readonly kind = 'redis';
  readonly #sender: RedisSender;

  constructor(sender: RedisSender) {
    this.#sender = sender;
  }

  writer(identity: WriterIdentity): LogWriter {
    return new RedisWriter(this.#sender, identity);
  }

  /** Runs the script, which refuses. */
  async warmUp(bytes: Buffer): Promise<void> {
    const keys = this.#sender.keysOf(0);
    await this.#sender.send(keys, client => appendRecord(client, keys, NOBODY, bytes));
  }

  close(): Promise<void> {
    return this.#sender.close();
  }
}

/** Commands still in transit on a lost connection come before those sent over the next one; see RedisLink. */
class RedisWriter implements LogWriter {
  readonly #sender: RedisSender;
  readonly #keys: PartitionKeys;
  readonly #writer: { readonly gateway: number; readonly incarnation: number; readonly epoch: number };
  /** Why nothing may be appended any more. */
  #over: Error | undefined;

  constructor(sender: RedisSender, { gateway, incarnation, partition }: WriterIdentity) {
    this.#sender = sender;
    this.#keys = sender.keysOf(partition);
    this.#writer = { gateway, incarnation, epoch: Math.floor(incarnation / INCARNATIONS_PER_EPOCH) };
  }

  async append(bytes: Buffer): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    try {
      await this.#append(bytes);
    } catch (error) {
      this.#over ??= new LogUnavailable('the outcome of the previous append is unknown');
      throw error;
    }
  }

  async leave(bytes: Buffer): Promise<void> {
    if (this.#over instanceof Fenced) throw this.#over;
    this.#over ??= new LogUnavailable('the writer has left');
    await this.#append(bytes);
  }

  async #append(bytes: Buffer): Promise<void> {
    const keys = this.#keys;
    if (await this.#sender.send(keys, client => appendRecord(client, keys, this.#writer, bytes))) return;
    this.#over = new Fenced(`Redis, ${keys.stream}: the writer was fenced`);
    throw this.#over;
  }
}

class RedisFencing implements LogFencing {
  readonly kind = 'redis';
  readonly usesTokens = false;
  readonly #sender: RedisSender;

  constructor(sender: RedisSender) {
    this.#sender = sender;
  }

  async prepare(): Promise<string> {
    return '';
  }

  async retire(): Promise<void> {}

  async fence(
    { gateway, incarnation, partition }: Pick<WriterIdentity, 'gateway' | 'incarnation' | 'partition'>,
    bytes: Buffer,
  ): Promise<void> {
    const keys = this.#sender.keysOf(partition);
    await this.#sender.send(keys, client => appendFence(client, keys, { gateway, incarnation }, bytes));
  }

  async mark(partition: number, epoch: number, bytes: Buffer): Promise<boolean> {
    const keys = this.#sender.keysOf(partition);
    return this.#sender.send(keys, client => appendMarker(client, keys, epoch, bytes));
  }

  async unmarked(epoch: number): Promise<readonly number[]> {
    const found: number[] = [];
    for (let partition = 0; partition < this.#sender.partitions; partition++) {
      const keys = this.#sender.keysOf(partition);
      const open = await this.#sender.send(keys, client => client.hget(keys.writers, 'epoch'));
      if (Number(open ?? 0) < epoch) found.push(partition);
    }
    return found;
  }

  close(): Promise<void> {
    return this.#sender.close();
  }
}
