import { ReplyError } from 'ioredis';
import type { Logger } from 'pino';

export interface RedisLogOptions {
  /** One URL, or a comma-separated list of a Cluster's nodes. */
  readonly urls: string;
  readonly namespace: string;
  readonly partitions: number;
  readonly log: Logger;
}

export const REDIS_OPEN_TIMEOUT_MS = 15_000;

/** The one field of a stream's entries: a record. */
export const RECORD_FIELD = 'r';

/** Whether the server itself refused, as opposed to a connection without an answer. */
export function isReply(error: unknown): error is Error {
  return error instanceof ReplyError;
}
