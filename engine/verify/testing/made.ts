/** What a book is made from, and its parts. */
import type { LogHeadObject } from './log-maker.ts';

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

/** The plan of a book, which determines its whole content. */
export interface Plan {
  readonly kind: 'coupon' | 'raffle';
  readonly entries: number;
  readonly stock?: number;
  /** The stocks before it was raised to `stock`, in order. */
  readonly raisedFrom?: readonly number[];
  /** If given, grants must be claimed, and this many users wait for those that are not. */
  readonly waitlist?: number;
  /** Why the operator ended an offer before its deadline. */
  readonly early?: string;
  readonly randomness?: 'commit' | 'drand' | 'late';
  readonly tiers?: readonly number[];
  readonly alternates?: number;
  readonly groupLimit?: number | null;
  readonly gateways?: number;
  readonly sliceItems?: number;
  /** Withdrawals, repeats, another campaign, tickets, groups, exclusions. Default true. */
  readonly isMixed?: boolean;
  /** Whether the book names a head of an operator log. */
  readonly hasLog?: boolean;
  /** The names of the announced monitors. */
  readonly monitors?: readonly string[];
  /** Changes the terms of the pool's entries, in stamp order, before everything that depends on them is made. */
  readonly changeTerms?: (pool: readonly EntryObject[]) => void;
}

/** A line of a move, in a campaign with claims. */
export interface MoveObject {
  at_us: number;
  move: string;
  stamp: number;
  serial?: number;
  offered_us?: number;
  deadline_us?: number;
  early?: string;
}

export interface SliceObject {
  head: string;
  others?: [number, string][];
}

export interface EpochObject {
  began_us: number;
  ends: [number, number][];
  epoch: number;
  last: number;
  quiet: [number, number][];
}

export interface KeyObject {
  id: string;
  public: string;
  from: string;
  until: string | null;
  revoked: string | null;
  use: string;
}

/** A book before it is written: tests change it here and sign the result. */
export interface Parts {
  header: {
    book: number;
    campaign: number;
    closed_at_us: number;
    epochs: EpochObject[];
    until_us: number;
    keys: KeyObject[];
    operator_log?: LogHeadObject;
    raises?: RaiseObject[];
    rules: object;
    rules_hash: string;
  };
  slices: SliceObject[];
  entries: EntryObject[];
  moves: MoveObject[];
  end: {
    moves?: number;
    count: number;
    draw?: object;
    entries: number;
    lines: number;
    pool_root: string;
    slices: number;
  };
}

export interface RaiseObject {
  at_us: number;
  closes_at_us: number;
  rules_hash: string;
  rules_hash_before: string;
  stock: number;
  stock_before: number;
  version: number;
}

export interface ReceiptObject {
  v: 1;
  campaign: number;
  kind: number;
  source: number;
  stamp: number;
  salt: string;
  leaf: number;
  path: string;
  head: string;
}

export interface MadeBook {
  readonly parts: Parts;
  /** One for every item of the campaign, including withdrawals and repeats. */
  readonly receiptOf: (item: Item) => ReceiptObject;
  readonly items: readonly Item[];
  readonly slices: readonly MadeSlice[];
  readonly proof: object | undefined;
}

export interface MadeSlice {
  readonly head: Buffer;
  readonly items: readonly Item[];
}
