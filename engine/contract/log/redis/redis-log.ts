import { ReplyError } from 'ioredis';
import type { Logger } from 'pino';
import { OutageLog } from '../../process/outage-log.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../redis/redis.ts';

export interface RedisLogOptions {
  /** One URL, or a comma-separated list of a Cluster's nodes. */
  readonly urls: string;
  readonly namespace: string;
  readonly partitions: number;
  readonly log: Logger;
}

/** The only field of a stream's entries: a record. */
export const RECORD_FIELD = 'r';

const OPEN_TIMEOUT_MS = 15_000;

/** Whether the server itself refused, as opposed to a connection without an answer. */
export function isReply(error: unknown): error is Error {
  return error instanceof ReplyError;
}

/**
 * A connection that is replaced whenever it has left a command without an answer. A command still in transit on the old one may
 * be executed later: after one append of unknown outcome a writer is over (redis-producer.ts). A Cluster client would otherwise
 * resend a command that it has already given up, and does not recover from every loss of a node; and a server that vanished
 * silently is abandoned at once, not when TCP gives up after a quarter of an hour.
 */
export class RedisLink {
  readonly #connect: () => RedisClient;
  #client: RedisClient;
  #ended = false;

  /** A command without an answer within `timeoutMs` has failed. `purpose`: for humans. */
  constructor(
    { urls, log }: Pick<RedisLogOptions, 'urls' | 'log'>,
    timeoutMs: number,
    purpose: 'appends' | 'reads' | 'commands',
  ) {
    // Of all its connections: while the server is gone, they replace each other.
    const outages = new OutageLog(log, `Redis for ${purpose} of the log`);
    this.#connect = () =>
      connectRedis(urls, {
        commandTimeoutMs: timeoutMs,
        onError: outages.gone,
        onReady: outages.back,
      });
    this.#client = this.#connect();
  }

  get client(): RedisClient {
    return this.#client;
  }

  /** Resolves when commands can be sent; rejects after 15 s. */
  async connected(): Promise<void> {
    await waitForRedis(this.#client, OPEN_TIMEOUT_MS);
  }

  /** Sends `command`; rejects when it does, and at once while there is no connection. */
  async ask<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    const client = this.#client;
    const wasReady = client.status === 'ready';
    try {
      return await command(client);
    } catch (error) {
      if (wasReady && client === this.#client && !this.#ended && !isFinal(error)) {
        client.disconnect();
        this.#client = this.#connect();
      }
      throw error;
    }
  }

  /** Commands in progress are rejected. */
  end(): void {
    this.#ended = true;
    this.#client.disconnect();
  }
}

/** A refusal, such as out of memory; READONLY is none, because it means that another server is the master now. */
function isFinal(error: unknown): boolean {
  return isReply(error) && !error.message.startsWith('READONLY');
}
