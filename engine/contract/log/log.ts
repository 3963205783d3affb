/**
 * The log: the ordered, durable stream of slices. What gateway and engine need of it, whichever server keeps it.
 *
 * A partition is an ordered sequence of records. A position names a place between records: "the next record to read".
 * Positions are opaque strings, ordered only by the log itself, and are kept in the ledger in the same transaction as
 * the rows that were read up to there; no position kept by a broker is ever relied on.
 */

export type LogKind = 'kafka' | 'redis';

/** Who writes: a gateway under one incarnation, in one partition, by what the engine has prepared for it. */
export interface WriterIdentity {
  readonly gateway: number;
  readonly incarnation: number;
  readonly partition: number;
  /** What the log knows the writer by; '' where it knows it by number and incarnation. */
  readonly token: string;
  /** When the incarnation was given, by the clock that gateways share, milliseconds since the epoch. */
  readonly givenAtMs: number;
  /** That clock. */
  readonly nowMs: () => number;
}

/**
 * One incarnation's right to append, which the log itself checks: from the instant at which the engine has ended it
 * (LogFencing) the log refuses what it appends, whatever the writer's clocks say and however late the append comes.
 */
export interface LogWriter {
  /**
   * Appends one record. Resolves when it is durable: with Kafka written by all in-sync replicas, with Redis on disk.
   * Rejects with Fenced when the log has refused it, and with LogUnavailable when it may or may not have been written,
   * or may yet be; either is the last append of this writer. `bytes` may be reused by the caller once the promise has
   * settled, not before.
   */
  append(bytes: Buffer): Promise<void>;
  /**
   * Appends the record that ends the incarnation, also behind an append of unknown outcome; may be called again with the
   * same bytes when it has rejected with LogUnavailable. They may then stand in the log more than once.
   */
  leave(bytes: Buffer): Promise<void>;
}

/** The gateway's end of the log. Appends of all its writers go one after another. */
export interface LogProducer {
  readonly kind: LogKind;
  /** Throws RangeError where the log has no such partition. */
  writer(identity: WriterIdentity): LogWriter;
  /**
   * Does what an append does in this process, as far as that can be without one, so that the code is compiled when the first one
   * comes: nothing is appended, and nobody's right to append changes. Rejects with LogUnavailable when the log does not answer.
   */
  warmUp(bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

/**
 * The engine's end of the log that appends: makes identities, and ends them. Everything rejects with LogUnavailable when
 * it may or may not have been done; doing it again is safe.
 */
export interface LogFencing {
  readonly kind: LogKind;
  /** Whether writers need a token that was prepared for them and is retired one by one. */
  readonly usesTokens: boolean;
  /** A token that nobody had before. */
  prepare(): Promise<string>;
  /** Has the log refuse whatever this token's writer appends from now on; `bytes` stands where that begins. */
  retire(partition: number, token: string, bytes: Buffer): Promise<void>;
  /**
   * Appends a gateway's fence. Where writers have tokens, those of this one have to be retired before; else the log
   * refuses from here on whatever this incarnation of the number, or one before it, appends.
   */
  fence(end: Pick<WriterIdentity, 'gateway' | 'incarnation' | 'partition'>, bytes: Buffer): Promise<void>;
  /**
   * Appends the marker that opens an epoch in a partition. Where writers have tokens, all of older epochs have to be
   * retired before; else the log refuses from here on what incarnations of every other epoch append. False when a later
   * epoch was opened there before: then that stays open.
   */
  mark(partition: number, epoch: number, bytes: Buffer): Promise<boolean>;
  /** Partitions where that epoch is not open, though nothing else would mark them: they are new, or were emptied alone. */
  unmarked(epoch: number): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** The append did not succeed for certain; the record may stand in the log all the same. Retrying is safe. */
export class LogUnavailable extends Error {}

/** The log has refused the append, for good: its writer was ended. It stands nowhere, and counts nowhere. */
export class Fenced extends Error {}

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
