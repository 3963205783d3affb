/**
 * Which partitions this engine reads, where several do: the ownership says so, over and over, and readings follow it. The
 * same for both logs. A Kafka group could share them as well, but nobody is given those of an engine that was killed until its
 * session has run out. Measured with kill -9 and a start at once (`npm run bench -- restart --campaigns 100 --entries 100000`):
 * the first entry was settled 7.2 s after the engine was back with a group's session of 10 s, and 0.3 s with locks, which are
 * lost with the connection.
 */
import type { Logger } from 'pino';
import { pause } from './backoff.ts';
import type { PartitionReader, Readings } from './reading.ts';

/** Shares the partitions among engines. */
export interface PartitionOwnership {
  /**
   * The partitions that are this engine's from now on; asked about once a second. A partition it named before and does
   * not name any more has been lost. When it rejects, all are taken for lost until it answers again.
   */
  poll(): Promise<readonly number[]>;
  /** Gives all of them back; a later poll may name some again. */
  giveBack(): Promise<void>;
}

/** What the partitions are read from. */
export interface PartitionSource {
  /** How a partition is read that is the engine's from now on. */
  reader(partition: number): PartitionReader;
  /** It is not the engine's any more. */
  lost(partition: number): void;
}

/** A partition whose engine is gone, or that another has too many of, is taken up that much later. */
const POLL_MS = 1_000;

export class Owning {
  readonly #ownership: PartitionOwnership;
  readonly #readings: Readings;
  readonly #log: Logger;
  #source: PartitionSource | undefined;
  /** Nothing is owned that would have to be given back. */
  #isGivenBack = true;
  /** How often in a row the ownership has not answered. */
  #failures = 0;
  /** The last look: they come one after another. */
  #turn: Promise<void> = Promise.resolve();

  constructor(ownership: PartitionOwnership, readings: Readings, log: Logger) {
    this.#ownership = ownership;
    this.#readings = readings;
    this.#log = log;
  }

  /** Reads from there what is owned; what was read from another source is begun anew. */
  attach(source: PartitionSource): Promise<void> {
    this.#source = source;
    // A kafkajs consumer whose member the broker has forgotten joins again without a word of it before.
    this.#readings.dropAll();
    return this.look();
  }

  /** Nothing can be read for now, so others may. */
  detach(): void {
    this.#source = undefined;
    this.#readings.dropAll();
    void this.look();
  }

  /** Asks what is owned, and begins and ends readings. Never rejects. */
  look(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#look());
    return this.#turn;
  }

  async lookOn(closing: AbortSignal): Promise<void> {
    while (!closing.aborted) {
      await pause(POLL_MS, closing);
      if (!closing.aborted) await this.look();
    }
  }

  /** Gives all back, once nothing is under way. */
  async close(): Promise<void> {
    this.detach();
    await this.#turn;
  }

  async #look(): Promise<void> {
    const source = this.#source;
    if (source === undefined) {
      await this.#giveBack();
      return;
    }
    this.#isGivenBack = false;
    let owned: readonly number[] = [];
    try {
      owned = await this.#ownership.poll();
      this.#failures = 0;
    } catch (err) {
      this.#sayFailed(err, 'cannot tell which partitions are assigned: reading none');
    }
    if (this.#source === source) this.#follow(source, owned);
  }

  #follow(source: PartitionSource, owned: readonly number[]): void {
    const readings = this.#readings;
    const had = readings.assigned();
    for (const partition of had) {
      if (owned.includes(partition)) continue;
      readings.drop(partition);
      source.lost(partition);
    }
    for (const partition of owned) {
      if (!had.includes(partition)) readings.begin(partition, source.reader(partition));
    }
    if (had.join() !== readings.assigned().join()) {
      this.#log.info({ partitions: readings.assigned() }, 'partitions assigned');
    }
  }

  async #giveBack(): Promise<void> {
    if (this.#isGivenBack) return;
    try {
      // What is in hand is committed before somebody else begins behind it.
      await this.#readings.settled();
      await this.#ownership.giveBack();
      this.#isGivenBack = true;
      this.#failures = 0;
    } catch (err) {
      this.#sayFailed(err, 'cannot release partitions');
    }
  }

  /** Once for each time that the servers are away. */
  #sayFailed(err: unknown, what: string): void {
    this.#log[this.#failures === 0 ? 'warn' : 'debug']({ err, failures: this.#failures }, what);
    this.#failures += 1;
  }
}
