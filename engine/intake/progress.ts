import { type GatewayRow, nameOf } from '../../sql/statements/progress/gateways.ts';
import { INCARNATIONS_PER_EPOCH } from '../../sql/statements/progress/watermarks.ts';
import type { LogRecord } from '../contract/record/record.ts';

/** The progress of each incarnation in a batch: as stored in the ledger, then as moved by the records of the batch. */
export class Progress {
  readonly #rows = new Map<string, GatewayRow>();
  readonly #changed = new Set<string>();
  readonly #logName: string;
  readonly #partition: number;
  /** The incarnation of the latest epoch's marker in this partition. */
  #marker = 0;

  /** `known` includes the partition's markers; see readProgress. */
  constructor(known: readonly GatewayRow[], logName: string, partition: number) {
    this.#logName = logName;
    this.#partition = partition;
    for (const row of known) {
      this.#rows.set(nameOf(row), row);
      if (row.partition === partition && row.logName === logName) this.#mark(row);
    }
  }

  of(record: LogRecord): GatewayRow {
    return (
      this.#rows.get(nameOf(record)) ?? {
        gateway: record.gateway,
        incarnation: record.incarnation,
        logName: this.#logName,
        partition: this.#partition,
        state: 'live',
        throughUs: record.throughUs,
        rankedUs: record.rankedUs,
        sliceNumber: 0,
        backfilled: false,
      }
    );
  }

  /** One gateway, one partition: a record in another partition could overtake the gateway's other records. */
  isMisplaced(record: LogRecord): boolean {
    const { partition, logName } = this.of(record);
    return partition !== this.#partition || logName !== this.#logName;
  }

  /**
   * Whether the record's epoch is older than a marker before it. A fence counts in any partition, because it ends whatever is
   * still live.
   */
  isBehindMarker({ kind, incarnation }: LogRecord): boolean {
    return kind !== 'fence' && incarnation < this.#marker;
  }

  move(record: LogRecord): void {
    const row = this.of(record);
    const isEnd = record.kind === 'leave' || record.kind === 'fence';
    // The promise in a fence comes from the engine, not from the gateway; an earlier promise of the gateway stays.
    const isNew = !this.#rows.has(nameOf(record)) || record.kind !== 'fence';
    this.#rows.set(nameOf(record), {
      ...row,
      state: isEnd ? 'ended' : row.state,
      throughUs: isNew ? Math.max(row.throughUs, record.throughUs) : row.throughUs,
      rankedUs: isNew ? Math.max(row.rankedUs, record.rankedUs) : row.rankedUs,
      sliceNumber: Math.max(row.sliceNumber, record.sliceNumber),
    });
    this.#changed.add(nameOf(record));
    this.#mark(record);
  }

  #mark({ incarnation }: { readonly incarnation: number }): void {
    if (incarnation % INCARNATIONS_PER_EPOCH === 0) this.#marker = Math.max(this.#marker, incarnation);
  }

  changed(): GatewayRow[] {
    return [...this.#rows.values()].filter(row => this.#changed.has(nameOf(row)));
  }
}
