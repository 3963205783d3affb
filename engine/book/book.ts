/**
 * The contents of a book, as the writer (writer.ts) takes them. ../verify/README.md describes the format, line by line;
 * verifier and writer share no code, so each checks the other.
 *
 * Everything that can be long is an async iterable and is read once, in order: a cursor in Postgres is enough. Bytes are bytes
 * here (Buffers are), instants are microseconds since the epoch.
 */
import type { CanonicalValue } from '../draw/canonical.ts';

/** A key as `GET /v1/keys` shows it. */
export type BookKey = {
  /** The first 8 bytes of H(public key), in hex. */
  readonly id: string;
  /** 32 bytes in base64url. */
  readonly public: string;
  /** ISO 8601, UTC. */
  readonly from: string;
  readonly until: string | null;
  readonly revoked: string | null;
  readonly use: 'slices' | 'books';
};

/** A signed head of the operator log: `at` is ISO 8601 in UTC, to the millisecond. */
export interface BookLogHead {
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly at: string;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** A raise of a coupon's stock, with the hashes of the rules announced before and after; nothing else in them differs. */
export interface BookRaise {
  readonly version: number;
  readonly atUs: number;
  readonly stockBefore: number;
  readonly stock: number;
  readonly closesAtUs: number;
  readonly rulesHashBefore: Uint8Array;
  readonly rulesHash: Uint8Array;
}

/** A slice that was signed within the time of the book, or that begins or ends a chain. */
export interface BookSlice {
  /** The 192 bytes of the signed head. */
  readonly signedHead: Uint8Array;
  /**
   * All of its items in the order of the record; undefined for a slice outside the time of the book. At most one slice's items
   * are in memory at a time.
   */
  readonly items?: readonly BookItem[];
}

/**
 * The 46 bytes of leaf data of an item of another campaign, a withdrawal, a claim or a repeat; 'entry' for an entry that has a
 * line.
 */
export type BookItem = Uint8Array | 'entry';

/** The incarnations of an epoch, by their numbers in it: see "The book" in ../verify/README.md. */
export interface BookEpoch {
  readonly epoch: number;
  readonly beganUs: number;
  readonly last: number;
  readonly quiet: readonly (readonly [from: number, to: number])[];
  readonly ends: readonly (readonly [number: number, sliceNumber: number])[];
}

/** An entry's outcome, with its details. */
export type BookOutcome =
  | { readonly outcome: 'granted'; readonly serial: number }
  | { readonly outcome: 'won'; readonly serial: number /** From 0. */; readonly tier: number }
  | { readonly outcome: 'alternate' | 'waitlisted' /** From 1. */; readonly alternate: number }
  | { readonly outcome: 'excluded'; readonly reason: string }
  | { readonly outcome: 'sold_out' | 'not_drawn' | 'withdrawn' };

/** An entry, in stamp order. */
export interface BookEntry {
  readonly stamp: number;
  readonly source: 0 | 1;
  /** H(salt || user id), 32 bytes. */
  readonly who: Uint8Array;
  /** The index, from 0, of its slice among those given to the writer, and its index in that slice. */
  readonly slice: number;
  readonly leaf: number;
  readonly decided: BookOutcome;
  /** 1 to 1000; undefined is 1. */
  readonly tickets?: number;
  /** 32 bytes that only show who belongs together. */
  readonly group?: Uint8Array;
}

/** A move of an offer, or of a waitlisted user, where claims are required. Instants are microseconds. */
export interface BookMove {
  readonly move: 'offered' | 'claimed' | 'lapsed' | 'declined' | 'left';
  /** The stamp of the entry. */
  readonly stamp: number;
  readonly atUs: number;
  /** Null if the user left while waiting. */
  readonly serial: number | null;
  /** When it was offered, and the claim deadline; null for a new offer. */
  readonly offeredUs: number | null;
  readonly deadlineUs: number | null;
  /** Why the operator brought the deadline forward. */
  readonly early: string | null;
}

/** The randomness of a raffle, as revealed. */
export interface BookDraw {
  readonly randomness: Uint8Array;
  readonly seed: Uint8Array;
  readonly source:
    | { readonly secret: Uint8Array }
    | {
        readonly round: number;
        readonly signature: Uint8Array;
        /** When the pool was frozen, us since the epoch: present if that required a later round than the announced one. */
        readonly frozenAtUs?: number;
      };
}

export interface BookInput {
  readonly campaign: number;
  /** When it was closed; earlier than the rules say if the operator closed it. */
  readonly closedAtUs: number;
  /** The chains are shown up to here: the close, or behind the last withdrawal that counts. */
  readonly untilUs: number;
  /** From the epoch in force at the opening on, in order. */
  readonly epochs: readonly BookEpoch[];
  readonly keys: readonly BookKey[];
  /** As announced, and the SHA-256 of their canonical JSON. */
  readonly rules: { readonly [key: string]: CanonicalValue };
  readonly rulesHash: Uint8Array;
  /** Of the stock of a coupon, in order; absent if it never was. */
  readonly raises?: readonly BookRaise[];
  /** The last one when the book is made; absent if there is none yet. */
  readonly operatorLog?: BookLogHead;
  /** Ordered by gateway, incarnation and slice number. */
  readonly slices: AsyncIterable<BookSlice> | Iterable<BookSlice>;
  /** Ordered by stamp, taken after the last slice. */
  readonly entries: AsyncIterable<BookEntry> | Iterable<BookEntry>;
  /** Where claims are required: in the order of the decisions, read after the last entry. */
  readonly moves?: AsyncIterable<BookMove> | Iterable<BookMove>;
  /** Undefined for a coupon. */
  readonly draw?: BookDraw;
  /** The frozen pool, if known: the writer refuses a book that does not match it. */
  readonly frozen?: { readonly poolRoot: Uint8Array; readonly poolCount: number };
  /** Signs with the key for books: Ed25519 over the message. */
  readonly sign: (message: Uint8Array) => { readonly keyId: string; readonly signature: Uint8Array };
}

/** The input cannot become a book that verifies; `message` says what is wrong and where. */
export class BookRefused extends Error {}
