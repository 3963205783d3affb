/**
 * What a book is made of, as it is fed to the writer (writer.ts). The format itself, line by line, is described in
 * ../verify/README.md; verifier and writer share no code, so each holds the other to it.
 *
 * Everything that can be long comes as an async iterable and is taken once, in order: a cursor in Postgres will do.
 * Bytes are bytes here (Buffers are), instants microseconds since the epoch.
 */
import type { CanonicalValue } from '../draw/canonical.ts';

/** As `GET /v1/keys` shows it. */
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

/** One slice that was signed in the time of the book, or one that a chain begins or ends with. */
export interface BookSlice {
  /** The 192 bytes of the signed head. */
  readonly signedHead: Uint8Array;
  /**
   * All of its items in the order of the record; undefined for one from outside the time of the book. At most a slice's
   * worth is held at a time.
   */
  readonly items?: readonly BookItem[];
}

/** The leaf data, 46 bytes, of an item of another campaign, a withdrawal, a claim, a repeat; 'entry' for one that has a line. */
export type BookItem = Uint8Array | 'entry';

/** The incarnations of an epoch, by their numbers in it: see "The book" in ../verify/README.md. */
export interface BookEpoch {
  readonly epoch: number;
  readonly beganUs: number;
  readonly last: number;
  readonly quiet: readonly (readonly [from: number, to: number])[];
  readonly ends: readonly (readonly [number: number, sliceNumber: number])[];
}

/** What became of an entry, with what belongs to it. */
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
  /** The index, from 0, of its slice among those fed to the writer, and its place in that slice. */
  readonly slice: number;
  readonly leaf: number;
  readonly decided: BookOutcome;
  /** 1 to 1000; undefined is 1. */
  readonly tickets?: number;
  /** 32 bytes that say nothing but who belongs together. */
  readonly group?: Uint8Array;
}

/** What has become of an offer, or of waiting for one, where there are claims. Instants are microseconds. */
export interface BookMove {
  readonly move: 'offered' | 'claimed' | 'lapsed' | 'declined' | 'left';
  /** Of the entry. */
  readonly stamp: number;
  readonly atUs: number;
  /** Not of who left while they waited. */
  readonly serial: number | null;
  /** When it was offered and until when it could be claimed; not of one that is offered now. */
  readonly offeredUs: number | null;
  readonly deadlineUs: number | null;
  /** Why the operator has brought the deadline forward. */
  readonly early: string | null;
}

/** The randomness of a raffle, as it was revealed. */
export interface BookDraw {
  readonly randomness: Uint8Array;
  readonly seed: Uint8Array;
  readonly source:
    | { readonly secret: Uint8Array }
    | {
        readonly round: number;
        readonly signature: Uint8Array;
        /** When the pool was frozen, us since the epoch: where that left a later round than the announced one. */
        readonly frozenAtUs?: number;
      };
}

export interface BookInput {
  readonly campaign: number;
  /** When it was closed; earlier than the rules say when the operator closed it. */
  readonly closedAtUs: number;
  /** Up to here chains are shown: the close, or behind the last withdrawal that counts. */
  readonly untilUs: number;
  /** From the one that was in force at the opening on, in order. */
  readonly epochs: readonly BookEpoch[];
  readonly keys: readonly BookKey[];
  /** As announced, and the SHA-256 of their canonical JSON. */
  readonly rules: { readonly [key: string]: CanonicalValue };
  readonly rulesHash: Uint8Array;
  /** Ordered by gateway, incarnation and slice number. */
  readonly slices: AsyncIterable<BookSlice> | Iterable<BookSlice>;
  /** Ordered by stamp, taken after the last slice. */
  readonly entries: AsyncIterable<BookEntry> | Iterable<BookEntry>;
  /** Where there are claims: in the order in which it was decided, taken after the last entry. */
  readonly moves?: AsyncIterable<BookMove> | Iterable<BookMove>;
  /** Undefined for a coupon. */
  readonly draw?: BookDraw;
  /** What was frozen, if that is known: a book that does not agree with it is not written to its end. */
  readonly frozen?: { readonly poolRoot: Uint8Array; readonly poolCount: number };
  /** Signs with the key for books: Ed25519 over the message. */
  readonly sign: (message: Uint8Array) => { readonly keyId: string; readonly signature: Uint8Array };
}

/** What was fed cannot become a book that verifies; `message` says what and where. */
export class BookRefused extends Error {}
