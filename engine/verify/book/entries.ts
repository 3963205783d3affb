/**
 * The entries of a book: their columns, their leaf hashes, and the checks that need only their order. A million of them take
 * about 100 MB.
 */
import type { Findings } from '../findings.ts';
import type { HashJobs } from '../hashing/hash-jobs.ts';
import type { Sha256 } from '../hashing/hmac.ts';
import { HASH_BYTES } from '../hashing/lanes.ts';
import { HashList, PIECE_HASHES } from '../hashing/merkle.ts';
import { toBase64Url, utf8 } from '../text/bytes.ts';
import { float64, uint8, uint16, uint32 } from '../text/columns.ts';
import type { EntryLine } from './entry-line.ts';

/** How outcomes are encoded. */
export const part = { honoured: 0, withdrawn: 1, excluded: 2 } as const;

export class Entries {
  readonly stamps = float64();
  readonly slices = uint32();
  readonly leafIndexes = uint32();
  /** Values of `part`. */
  readonly parts = uint8();
  readonly tickets = uint16();
  readonly whos: HashList;
  /** Computed as jobs, a piece at a time: complete for all entries before the last value passed to `onHashed`. */
  readonly leaves: HashList;
  readonly #sources = uint8();
  readonly #groups = new HashList();
  /** The index of each entry's group in `#groups` + 1; 0 for none. */
  readonly #groupOf = uint32();
  readonly #reasons = new HashList();
  /** Likewise, for the hash of the entry's reason. */
  readonly #reasonOf = uint32();
  /** The same reason often occurs in succession. */
  #lastReason = { text: '', words: new Uint32Array(HASH_BYTES / 4) };
  readonly #campaign: number;
  readonly #jobs: HashJobs;
  readonly #sha256: Sha256;
  readonly #withdrawnAt = uint32();
  #excluded = 0;
  #weighted = 0;
  /** Whether each piece has its leaf hashes, and how many pieces from the first on have them. */
  readonly #isHashed: boolean[] = [];
  #hashedPieces = 0;
  readonly #onHashed: (to: number) => void;
  /** The `found` of a RepeatedJob. */
  #repeated: Uint32Array = new Uint32Array(1);

  /** `onHashed` is called, as leaf hashes are computed, with the index before which all of them are there. */
  constructor(campaign: number, jobs: HashJobs, hash: Sha256, onHashed: (to: number) => void) {
    this.#campaign = campaign;
    this.#jobs = jobs;
    this.#sha256 = hash;
    this.#onHashed = onHashed;
    this.whos = new HashList(jobs.memory);
    this.leaves = new HashList(jobs.memory);
  }

  get count(): number {
    return this.stamps.count;
  }

  get withdrawn(): number {
    return this.#withdrawnAt.count;
  }

  get excluded(): number {
    return this.#excluded;
  }

  /** The number of entries with more than one ticket. */
  get weighted(): number {
    return this.#weighted;
  }

  get grouped(): number {
    return this.#groups.count;
  }

  /** The number of entries that were not withdrawn. */
  get honoured(): number {
    return this.count - this.withdrawn;
  }

  /** Adds an entry whose `who` was read into the next place of `whos`. */
  add(line: EntryLine, groupWords: Uint32Array): void {
    const isWithdrawn = line.outcome === 'withdrawn';
    const isExcluded = line.outcome === 'excluded';
    if (isWithdrawn) this.#withdrawnAt.push(this.count);
    if (isExcluded) this.#excluded += 1;
    if (line.tickets > 1) this.#weighted += 1;
    this.stamps.push(line.stamp);
    this.slices.push(line.slice);
    this.leafIndexes.push(line.leaf);
    this.parts.push(isWithdrawn ? part.withdrawn : isExcluded ? part.excluded : part.honoured);
    this.tickets.push(line.tickets);
    this.#sources.push(line.source);
    this.whos.push();
    if (line.hasGroup) this.#groups.copyFrom(groupWords, 0);
    this.#groupOf.push(line.hasGroup ? this.#groups.count : 0);
    if (line.reason !== '') this.#reasons.copyFrom(this.#reasonWords(line.reason), 0);
    this.#reasonOf.push(line.reason === '' ? 0 : this.#reasons.count);
    if (this.count % PIECE_HASHES === 0) this.#hashPiece(PIECE_HASHES);
  }

  /** Call this after the last entry. */
  end(): void {
    const rest = this.count % PIECE_HASHES;
    if (rest > 0) this.#hashPiece(rest);
  }

  group(entry: number): string | undefined {
    const hash = this.groupHash(entry);
    return hash === undefined ? undefined : toBase64Url(hash);
  }

  /** The hash of its group, 32 bytes; undefined if it has none. */
  groupHash(entry: number): Uint8Array | undefined {
    const group = this.#groupOf.at(entry);
    return group === 0 ? undefined : this.#groups.at(group - 1);
  }

  /** H(the reason of its exclusion); undefined if there is none. */
  reasonHash(entry: number): Uint8Array | undefined {
    const reason = this.#reasonOf.at(entry);
    return reason === 0 ? undefined : this.#reasons.at(reason - 1);
  }

  /** The entries of these users, by `who` in base64url, in one pass over all entries. */
  ofWhos(whos: ReadonlySet<string>, firstWords: ReadonlySet<number>): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    if (whos.size === 0) return found;
    for (let entry = 0; entry < this.count; entry++) {
      if (!firstWords.has(this.whos.word(entry, 0))) continue;
      const who = toBase64Url(this.whos.at(entry));
      if (whos.has(who) && !found.has(who)) found.set(who, entry);
    }
    return found;
  }

  /** How many honoured entries come before this one. */
  honouredBefore(entry: number): number {
    let from = 0;
    let to = this.#withdrawnAt.count;
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      if (this.#withdrawnAt.at(middle) < entry) from = middle + 1;
      else to = middle;
    }
    return entry - from;
  }

  /** Starts the search for users with more than one entry; `checkOnce` completes it. */
  beginOnce(): void {
    const { count } = this;
    this.#repeated = new Uint32Array(this.#jobs.memory(4 * (count + 1)));
    this.#jobs.add({ kind: 'repeated', pieces: this.whos.pieces, count, found: this.#repeated });
  }

  /** Checks that each user has one entry, once the jobs are done. */
  checkOnce(findings: Findings): void {
    const [repeated = 0] = this.#repeated;
    const alike = [...this.#repeated.subarray(1, 1 + repeated)].map(entry => ({
      who: toBase64Url(this.whos.at(entry)),
      entry,
    }));
    alike.sort((a, b) => (a.who < b.who ? -1 : a.who > b.who ? 1 : a.entry - b.entry));
    alike.forEach(({ who, entry }, at) => {
      if (at > 0 && alike[at - 1]?.who === who) {
        findings.add(
          'entered-twice',
          `entries ${alike[at - 1]?.entry} and ${entry} (from 0) belong to the same user`,
        );
      }
    });
  }

  #reasonWords(text: string): Uint32Array {
    if (this.#lastReason.text !== text) {
      const hash = Uint8Array.from(this.#sha256.sha256(utf8(text)));
      this.#lastReason = { text, words: new Uint32Array(hash.buffer) };
    }
    return this.#lastReason.words;
  }

  /** Starts computing the leaf hashes of the last `count` entries. */
  #hashPiece(count: number): void {
    const piece = this.#isHashed.length;
    const from = piece * PIECE_HASHES;
    const whos = this.whos.pieces[piece] ?? new Uint32Array(0);
    const leaves = this.leaves.appendPiece(count);
    this.#isHashed.push(false);
    this.#jobs.add(
      {
        kind: 'leaves',
        campaign: this.#campaign,
        stamps: this.stamps.slice(from, from + count),
        sources: this.#sources.slice(from, from + count),
        whos,
        leaves,
      },
      () => this.#onPiece(piece),
    );
  }

  #onPiece(piece: number): void {
    this.#isHashed[piece] = true;
    while (this.#isHashed[this.#hashedPieces] === true) this.#hashedPieces += 1;
    this.#onHashed(Math.min(this.#hashedPieces * PIECE_HASHES, this.count));
  }
}
