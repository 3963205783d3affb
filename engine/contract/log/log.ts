/**
 * The log: the ordered, durable stream of slices. What gateway and engine need of it, whichever server keeps it.
 *
 * A partition is an ordered sequence of records. A position names a place between records: "the next record to read".
 * Positions are opaque strings, ordered only by the log itself, and are kept in the ledger in the same transaction as
 * the rows that were read up to there; no position kept by a broker is ever relied on.
 */

export type LogKind = 'kafka' | 'redis';

export interface LogProducer {
  readonly kind: LogKind;
  /**
   * Appends one record to a partition. Resolves when it is durable: with Kafka written by all in-sync replicas, with
   * Redis on disk. Rejects with LogUnavailable when it may or may not have been written, or may yet be, behind records
   * that are appended after it. `bytes` may be reused by the caller once the promise has settled, not before.
   */
  append(partition: number, bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** The append did not succeed for certain; the record may stand in the log all the same. Asking again is safe. */
export class LogUnavailable extends Error {}

export interface LogBatch {
  readonly partition: number;
  /** Where this batch begins: the position at which the consumer was to go on. */
  readonly from: string;
  /** Where to go on after it. */
  readonly next: string;
  readonly records: readonly { readonly position: string; readonly bytes: Buffer }[];
}

export interface LogHandler {
  /** Where to begin reading a partition that this consumer has been given; '' is the beginning. */
  start(partition: number): Promise<string>;
  /**
   * Takes a batch whole, or throws and gets it again later (after asking `start` anew). Batches of one partition come
   * one after another, never at once.
   */
  batch(batch: LogBatch): Promise<void>;
}

export interface LogConsumer {
  readonly kind: LogKind;
  /** Names this log for good: positions of a log that was wiped and made anew must not be taken for its own. */
  readonly name: string;
  /** The partitions that this consumer reads at the moment. */
  assigned(): readonly number[];
  /** Begins; resolves when the consumer is under way. Afterwards it supervises itself until `close`. */
  run(handler: LogHandler): Promise<void>;
  /** Lets go of what lies before the position, where the log does not do that by itself. */
  trim(partition: number, position: string): Promise<void>;
  close(): Promise<void>;
}

/** One gateway, one partition: its promise `through` is true because nothing of it stands elsewhere. */
export function partitionOf(gateway: number, partitions: number): number {
  return gateway % partitions;
}
