import type { KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';
import type { LogBatch } from '../log.ts';

/** The position of a partition's next record, and whether a fetched batch begins there. */
export class KafkaPartition {
  readonly #partition: number;
  readonly #log: Logger;
  #expected = 0n;
  /** The offset that was sought a second time, because a batch did not begin there. */
  #soughtAgain: bigint | undefined;

  constructor(partition: number, log: Logger) {
    this.#partition = partition;
    this.#log = log;
  }

  /** Expects that position next ('' is the beginning), and returns it as an offset. Throws if it is not an offset. */
  goTo(position: string): string {
    if (!/^\d*$/.test(position)) {
      throw new Error(`the position ${JSON.stringify(position)} is not an offset of a Kafka log`);
    }
    this.#expected = BigInt(position);
    this.#soughtAgain = undefined;
    return String(this.#expected);
  }

  /**
   * The records to take from a fetch, and where to continue. If there are none, seek `next`: the fetch began elsewhere. If the
   * next fetch does so again, the log no longer has a record there (retention, or it was recreated): that is logged as an
   * error, and reading continues with what the log has.
   */
  accept(messages: readonly KafkaMessage[]): {
    readonly next: string;
    readonly records: LogBatch['records'];
  } {
    const expected = this.#expected;
    const first = BigInt(messages[0]?.offset ?? expected);
    const last = BigInt(messages.at(-1)?.offset ?? expected - 1n);
    const elsewhere = first > expected || last < expected;
    if (elsewhere && this.#soughtAgain !== expected) {
      this.#soughtAgain = expected;
      return { next: String(expected), records: [] };
    }
    if (elsewhere) {
      this.#log.error(
        { partition: this.#partition, expected: String(expected), found: String(first) },
        first > expected
          ? 'RECORDS ARE MISSING: the log starts after the last consumed position; continuing with what it has'
          : 'THE LOG IS SHORTER than the last consumed position: it was recreated; continuing from its start',
      );
    }
    const records = messages
      .filter(({ offset }) => last < expected || BigInt(offset) >= expected)
      .map(({ offset, value }) => ({ position: offset, bytes: value ?? Buffer.alloc(0) }));
    return { next: String(last + 1n), records };
  }
}
