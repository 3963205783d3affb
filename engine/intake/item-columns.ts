/** The items of a batch as columns for statements, and the way back from a row to the item's location in its record. */
import type { EntryColumns } from '../../sql/statements/entries/entries.ts';
import type { LogItem, LogRecord } from '../contract/record/record.ts';

export interface ItemLocation {
  readonly item: LogItem;
  readonly record: LogRecord;
  /** The index of the record in the batch. */
  readonly recordIndex: number;
  /** The index of the item in the record. */
  readonly number: number;
}

export class ItemColumns {
  readonly #campaignIds: number[] = [];
  readonly #userIds: string[] = [];
  readonly #stamps: number[] = [];
  readonly #records: { readonly record: LogRecord; readonly index: number }[] = [];
  readonly #numbers: number[] = [];
  /** Indices of items that Postgres cannot store: their user id contains U+0000. */
  readonly unstorable = new Set<number>();

  add(item: LogItem, indexed: { readonly record: LogRecord; readonly index: number }, number: number): void {
    if (item.userId.includes('\0')) this.unstorable.add(this.#userIds.length);
    this.#campaignIds.push(item.campaignId);
    this.#userIds.push(item.userId);
    this.#stamps.push(item.stamp);
    this.#records.push(indexed);
    this.#numbers.push(number);
  }

  /** The storable items; normally all of them, without a copy, because gateways never send anything unstorable. */
  storable(): EntryColumns {
    const columns = { campaignIds: this.#campaignIds, userIds: this.#userIds, stamps: this.#stamps };
    if (this.unstorable.size === 0) return columns;
    const isKept = (_: unknown, index: number): boolean => !this.unstorable.has(index);
    return {
      campaignIds: columns.campaignIds.filter(isKept),
      userIds: columns.userIds.filter(isKept),
      stamps: columns.stamps.filter(isKept),
    };
  }

  /** The index among all items of the `storable` item at `index`. */
  indexOfStorable(index: number): number {
    let at = index;
    for (const left of this.unstorable) if (left <= at) at += 1;
    return at;
  }

  locationOf(index: number): ItemLocation {
    const indexed = this.#records[index];
    const number = this.#numbers[index];
    const item = number === undefined ? undefined : indexed?.record.items[number];
    if (indexed === undefined || number === undefined || item === undefined) {
      throw new RangeError(`there is no item ${index}`);
    }
    return { item, record: indexed.record, recordIndex: indexed.index, number };
  }
}
