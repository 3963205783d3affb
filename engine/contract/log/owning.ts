/**
 * Decides which partitions this engine reads, if several engines run: the ownership is polled, and readings follow it, over
 * both logs. A Kafka group could share partitions too, but it would assign those of a killed engine only after its session has
 * expired. Measured with kill -9 and an immediate start (`npm run bench -- restart --campaigns 100 --entries 100000`): the
 * first entry was settled 7.2 s after the engine was back with a group's session of 10 s, and 0.3 s with locks, which are lost
 * with the connection.
 */
import type { Logger } from 'pino';
import { pause } from './backoff.ts';
import type { PartitionReader, Readings } from './reading.ts';

/** Shares the partitions among engines. */
export interface PartitionOwnership {
  /**
   * The partitions that this engine owns from now on; polled about once a second. A partition that an earlier result had and
   * this one lacks is lost. If it rejects, all count as lost until it answers again.
   */
  poll(): Promise<readonly number[]>;
  /** Gives all partitions back; a later poll may return some again. */
  giveBack(): Promise<void>;
}

/** Where the partitions are read from. */
export interface PartitionSource {
  /** How to read a partition that the engine owns from now on. */
  reader(partition: number): PartitionReader;
  /** The engine no longer owns the partition. */
  lost(partition: number): void;
}

/** The delay until a partition is taken over from an engine that is gone or has too many. */
const POLL_MS = 1_000;

export class Owning {
  readonly #ownership: PartitionOwnership;
  readonly #readings: Readings;
  readonly #log: Logger;
  #source: PartitionSource | undefined;
  /** No owned partition has to be given back. */
  #isGivenBack = true;
  /** Consecutive failures of the ownership. */
  #failures = 0;
  /** The latest look: looks run one after another. */
  #turn: Promise<void> = Promise.resolve();

  constructor(ownership: PartitionOwnership, readings: Readings, log: Logger) {
    this.#ownership = ownership;
    this.#readings = readings;
    this.#log = log;
  }

  /** Reads the owned partitions from this source; readings of another source start over. */
  attach(source: PartitionSource): Promise<void> {
    this.#source = source;
    // A kafkajs consumer that the broker has forgotten rejoins without a preceding event.
    this.#readings.dropAll();
    return this.look();
  }

  /** Nothing can be read for now, so other engines may take over. */
  detach(): void {
    this.#source = undefined;
    this.#readings.dropAll();
    void this.look();
  }

  /** Polls the ownership, and starts and ends readings. Never rejects. */
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

  /** Gives all partitions back, once no batch is in progress. */
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
      // The current batches are committed before another engine continues after them.
      await this.#readings.settled();
      await this.#ownership.giveBack();
      this.#isGivenBack = true;
      this.#failures = 0;
    } catch (err) {
      this.#sayFailed(err, 'cannot release partitions');
    }
  }

  /** Warns once per outage. */
  #sayFailed(err: unknown, what: string): void {
    this.#log[this.#failures === 0 ? 'warn' : 'debug']({ err, failures: this.#failures }, what);
    this.#failures += 1;
  }
}
