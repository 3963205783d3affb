/**
 * The log: the ordered, durable stream of slices. This is what gateway and engine need of it, whichever server stores it.
 *
 * A partition is an ordered sequence of records. A position is a place between records: "the next record to read". Positions
 * are opaque strings, ordered only by the log itself, and are stored in the ledger in the same transaction as the rows that
 * were read up to there; no position stored by a broker is ever relied on.
 */

export type LogKind = 'kafka' | 'redis';

/** A writer: a gateway under one incarnation, in one partition, with the token that the engine has prepared for it. */
export interface WriterIdentity {
  readonly gateway: number;
  readonly incarnation: number;
  readonly partition: number;
  /** The log's name for the writer; '' if it knows the writer by number and incarnation. */
  readonly token: string;
  /** When the incarnation was granted, by the clock that gateways share, milliseconds since the epoch. */
  readonly givenAtMs: number;
  /** That clock. */
  readonly nowMs: () => number;
}

/**
 * One incarnation's right to append, which the log itself checks: from the instant at which the engine has ended it
 * (LogFencing) the log refuses its appends, whatever the writer's clocks show and however late an append arrives.
 */
export interface LogWriter {
  /**
   * Appends one record. Resolves when it is durable: with Kafka written by all in-sync replicas, with Redis on disk. Rejects
   * with Fenced if the log has refused it, and with LogUnavailable if it may or may not have been written, or may still be;
   * after either, this writer appends nothing more. The caller may reuse `bytes` once the promise has settled, not before.
   */
  append(bytes: Buffer): Promise<void>;
  /**
   * Appends the record that ends the incarnation, also after an append of unknown outcome; may be repeated with the same bytes
   * after LogUnavailable. They may then be in the log more than once.
   */
  leave(bytes: Buffer): Promise<void>;
}

/** The gateway's end of the log. It performs the appends of all its writers one after another. */
export interface LogProducer {
  readonly kind: LogKind;
  /** Throws RangeError if the log has no such partition. */
  writer(identity: WriterIdentity): LogWriter;
  /**
   * Executes the code of an append as far as possible without appending, so that it is compiled before the first one: it
   * appends nothing, and changes nobody's right to append. Rejects with LogUnavailable if the log does not answer.
   */
  warmUp(bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

/**
 * The engine's appending end of the log: creates identities, and ends them. All methods reject with LogUnavailable if their
 * outcome is unknown; repeating them is safe.
 */
export interface LogFencing {
  readonly kind: LogKind;
  /** Whether writers need a token that is prepared for them and retired individually. */
  readonly usesTokens: boolean;
  /** A new token. */
  prepare(): Promise<string>;
  /**
   * Makes the log refuse everything that this token's writer appends from now on; `bytes` is the record at which that begins.
   */
  retire(partition: number, token: string, bytes: Buffer): Promise<void>;
  /**
   * Appends a gateway's fence. If writers have tokens, retire the gateway's tokens first; otherwise the log refuses from here
   * on the appends of this and all earlier incarnations of the number.
   */
  fence(end: Pick<WriterIdentity, 'gateway' | 'incarnation' | 'partition'>, bytes: Buffer): Promise<void>;
  /**
   * Appends the marker that opens an epoch in a partition. If writers have tokens, retire all tokens of older epochs first;
   * otherwise the log refuses from here on the appends of incarnations of every other epoch. Resolves with false if a later
   * epoch was opened there before: then that one stays open.
   */
  mark(partition: number, epoch: number, bytes: Buffer): Promise<boolean>;
  /** Partitions in which that epoch is not open although nothing else would mark them: they are new, or were emptied alone. */
  unmarked(epoch: number): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** The append has not certainly succeeded; the record may still be in the log. Retrying is safe. */
export class LogUnavailable extends Error {}

/** The log has refused the append, for good: its writer was ended. The record is not in the log and counts nowhere. */
export class Fenced extends Error {}

export interface LogBatch {
  readonly partition: number;
  /** Where this batch begins: the position at which the consumer was to continue. */
  readonly from: string;
  /** Where to continue after it. */
  readonly next: string;
  readonly records: readonly { readonly position: string; readonly bytes: Buffer }[];
}

export interface LogHandler {
  /** Where to begin reading a partition that is newly assigned to this consumer; '' is the beginning. */
  start(partition: number): Promise<string>;
  /**
   * Processes a whole batch, or throws and gets it again later (after another call of `start`). The batches of one partition
   * come one after another, never at once.
   */
  batch(batch: LogBatch): Promise<void>;
}

export interface LogConsumer {
  readonly kind: LogKind;
  /** Identifies this log for good: positions of a log that was wiped and recreated must not be used for it. */
  readonly name: string;
  /** The partitions that this consumer currently reads. */
  assigned(): readonly number[];
  /** Starts; resolves when the consumer is running. Afterwards it supervises itself until `close`. */
  run(handler: LogHandler): Promise<void>;
  /** Deletes records before the position, if the log does not do that by itself. */
  trim(partition: number, position: string): Promise<void>;
  close(): Promise<void>;
}

/** One gateway, one partition: its promise `through` is true because its records are in no other partition. */
export function partitionOf(gateway: number, partitions: number): number {
  return gateway % partitions;
}
