/**
 * The root over a book's pool: all entries that were not withdrawn, by stamp. A coupon's leaves are those of the entries. A
 * raffle's also bind what decides the draw: H(0x00 || leaf hash || tickets u16 || group || exclusion), where group and
 * exclusion are one byte 0 if there is none, else 1 and 32 bytes.
 *
 * It is computed a piece at a time, as soon as the leaf hashes of the piece's entries are there.
 */
import type { HashJobs } from '../hashing/hash-jobs.ts';
import type { Sha256 } from '../hashing/hmac.ts';
import { FREE_AT, HASH_BYTES } from '../hashing/lanes.ts';
import { emptyRoot, HASH_WORDS, PIECE_HASHES, type TreeHasher } from '../hashing/merkle.ts';
import type { PoolJob } from '../hashing/pool-hasher.ts';
import { concat, u16 } from '../text/bytes.ts';
import { type Entries, part } from './entries.ts';

const NONE = Uint8Array.of(0);
const SOME = Uint8Array.of(1);

/** Collects the pool from the entries, and starts the jobs of its pieces. */
export class PoolCollector {
  readonly #entries: Entries;
  readonly #kind: 'coupon' | 'raffle';
  readonly #jobs: HashJobs;
  readonly #indexes = new Uint32Array(PIECE_HASHES);
  #filled = 0;
  #scanned = 0;
  readonly #roots: Uint32Array[] = [];

  constructor(entries: Entries, kind: 'coupon' | 'raffle', jobs: HashJobs) {
    this.#entries = entries;
    this.#kind = kind;
    this.#jobs = jobs;
  }

  /** Takes the entries before `to`, whose leaf hashes are there. */
  advance(to: number): void {
    for (; this.#scanned < to; this.#scanned++) {
      if (this.#entries.parts.at(this.#scanned) === part.withdrawn) continue;
      this.#indexes[this.#filled++] = this.#scanned;
      if (this.#filled === PIECE_HASHES) this.#handOut();
    }
  }

  /** Call this after the last entry. */
  end(): void {
    if (this.#filled > 0) this.#handOut();
  }

  /** The root, once all pieces have theirs. */
  root(trees: TreeHasher, hash: Sha256): Uint8Array {
    if (this.#roots.length === 0) return emptyRoot(hash);
    return trees.root(this.#roots.length, (from, count) => {
      this.#roots.slice(from, from + count).forEach((root, at) => {
        trees.words.set(root, FREE_AT / 4 + at * HASH_WORDS);
      });
    });
  }

  #handOut(): void {
    const entries = this.#indexes.slice(0, this.#filled);
    const first = Math.floor((entries[0] ?? 0) / PIECE_HASHES);
    const last = Math.floor((entries[entries.length - 1] ?? 0) / PIECE_HASHES);
    const isRaffle = this.#kind === 'raffle';
    const root = new Uint32Array(this.#jobs.memory(HASH_BYTES));
    this.#roots.push(root);
    this.#jobs.add({
      kind: 'pool',
      pieces: this.#entries.leaves.pieces.slice(first, last + 1),
      first: first * PIECE_HASHES,
      entries,
      tickets: isRaffle ? this.#ticketsOf(entries) : undefined,
      terms: isRaffle ? this.#termsOf(entries) : [],
      root,
    });
    this.#filled = 0;
  }

  #ticketsOf(entries: Uint32Array): Uint16Array {
    const tickets = new Uint16Array(entries.length);
    for (let at = 0; at < entries.length; at++) tickets[at] = this.#entries.tickets.at(entries[at] ?? 0);
    return tickets;
  }

  #termsOf(entries: Uint32Array): PoolJob['terms'] {
    const { tickets } = this.#entries;
    const some = (hash: Uint8Array | undefined): Uint8Array =>
      hash === undefined ? NONE : concat(SOME, hash);
    const terms: PoolJob['terms'][number][] = [];
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[at] ?? 0;
      const group = this.#entries.groupHash(entry);
      const reason = this.#entries.reasonHash(entry);
      if (group === undefined && reason === undefined) continue;
      terms.push({ at, bytes: concat(u16(tickets.at(entry)), some(group), some(reason)) });
    }
    return terms;
  }
}
