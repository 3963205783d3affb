/** The parts of a made book. */

export interface Item {
  readonly kind: 1 | 2 | 3;
  readonly source: 0 | 1;
  readonly campaign: number;
  readonly stamp: number;
  readonly user: string;
  /** The 46 bytes, and their hash. */
  readonly data: Buffer;
  readonly leaf: Buffer;
  /** Where it was placed. */
  at?: { readonly slice: number; readonly index: number };
}

/** A line of an entry. */
export interface EntryObject {
  leaf: number;
  outcome: string;
  slice: number;
  source: number;
  stamp: number;
  who: string;
  serial?: number;
  tier?: number;
  alternate?: number;
  tickets?: number;
  group?: string;
  reason?: string;
}
