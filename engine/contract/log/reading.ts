/**
 * The partitions assigned to a consumer, and the position in each. Common to both logs: ask the handler where to begin, pass
 * batches to it one after another, and after a rejected batch wait, ask again and continue.
 */
import type { Logger } from 'pino';
import { backoffMs, pause } from './backoff.ts';
import type { LogBatch, LogHandler } from './log.ts';

/** How to read a partition; only Readings calls it. */
export interface PartitionReader {
  /** Continues reading at that position. If it rejects, the handler is asked for a position again, after a pause. */
  seek(position: string): Promise<void>;
  /** Reads nothing from the partition until the next `seek`. */
  hold(): void;
}

interface Reading {
  readonly partition: number;
  readonly reader: PartitionReader;
  readonly ended: AbortController;
  from: string;
  failures: number;
}

export class Readings {
  readonly #handler: LogHandler;
  readonly #log: Logger;
  readonly #readings = new Map<number, Reading>();
  /**
   * The batch of a partition that the handler is processing. It is stored separately because it can outlive its reading: a
   * partition that comes back before the batch is done must wait for it.
   */
  readonly #inHand = new Map<number, Promise<boolean>>();

  constructor(handler: LogHandler, log: Logger) {
    this.#handler = handler;
    this.#log = log;
  }

  assigned(): readonly number[] {
    return [...this.#readings.keys()].sort((a, b) => a - b);
  }

  /** Whether the handler is processing a batch. */
  get busy(): boolean {
    return this.#inHand.size > 0;
  }

  /** Starts reading a partition, or starts over; it must be on hold until `reader.seek` is called. */
  begin(partition: number, reader: PartitionReader): void {
    this.drop(partition);
    const reading = { partition, reader, ended: new AbortController(), from: '', failures: 0 };
    this.#readings.set(partition, reading);
    void this.#start(reading);
  }

  drop(partition: number): void {
    this.#readings.get(partition)?.ended.abort();
    this.#readings.delete(partition);
  }

  dropAll(): void {
    for (const partition of this.assigned()) this.drop(partition);
  }

  /** Resolves when the handler is processing nothing. */
  async settled(): Promise<void> {
    await Promise.all(this.#inHand.values());
  }

  /**
   * Passes a batch to the handler. Resolves with whether to read on after it: not if the handler rejected it (then the
   * partition is on hold until it is sought again), nor if the partition was lost meanwhile. Never rejects.
   */
  take(partition: number, next: string, records: LogBatch['records']): Promise<boolean> {
    const reading = this.#readings.get(partition);
    if (reading === undefined) return Promise.resolve(false);
    const turn = this.#hand(reading, next, records).finally(() => {
      if (this.#inHand.get(partition) === turn) this.#inHand.delete(partition);
    });
    this.#inHand.set(partition, turn);
    return turn;
  }

  async #hand(reading: Reading, next: string, records: LogBatch['records']): Promise<boolean> {
    const { partition, from, ended, reader } = reading;
    try {
      await this.#handler.batch({ partition, from, next, records });
    } catch (err) {
      if (ended.signal.aborted) return false;
      this.#log[levelOf(reading)](
        { err, partition, from, failures: reading.failures },
        'a batch was rejected; reading it again',
      );
      reader.hold();
      void this.#startLater(reading);
      return false;
    }
    if (ended.signal.aborted) return false;
    reading.from = next;
    reading.failures = 0;
    return true;
  }

  async #startLater(reading: Reading): Promise<void> {
    await pause(backoffMs(reading.failures++), reading.ended.signal);
    await this.#start(reading);
  }

  async #start(reading: Reading): Promise<void> {
    const { partition, reader, ended } = reading;
    while (!ended.signal.aborted) {
      try {
        await this.#inHand.get(partition);
        if (ended.signal.aborted) return;
        const position = await this.#handler.start(partition);
        if (ended.signal.aborted) return;
        reading.from = position;
        await reader.seek(position);
        return;
      } catch (err) {
        const { failures } = reading;
        this.#log[levelOf(reading)]({ err, partition, failures }, 'cannot start reading a partition');
      }
      await pause(backoffMs(reading.failures++), ended.signal);
    }
  }
}

/** Warns once until a batch was taken. */
function levelOf({ failures }: Reading): 'warn' | 'debug' {
  return failures === 0 ? 'warn' : 'debug';
}
