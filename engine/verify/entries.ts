/**
 * The entries of a book: what is kept of each, their leaf hashes, and the checks that need no more than the order in
 * which they stand. A million of them take about 100 MB.
 */
import { toBase64Url, u32, utf8 } from './bytes.ts';
import { float64, uint8, uint16, uint32 } from './columns.ts';
import type { EntryLine } from './entry-line.ts';
import type { Findings } from './findings.ts';
import type { Sha256 } from './hmac.ts';
import { BLOCK_BYTES, HASH_BYTES, INITIAL_STATE, LANES, type Lanes, pad } from './lanes.ts';
import { ENTRY, LEAF_AT, LEAF_BYTES, WHO_BYTES } from './leaf.ts';
import { HashList } from './merkle.ts';
import { repeatedOnes } from './repeated.ts';

/**
 * Leaf messages of four entries, and their hashes. A message begins one byte behind a multiple of four, so that `who` lies
 * at one, and its words can be taken from where it was read to.
 */
const MESSAGE_AT = 1;
const HASHES_AT = LANES * BLOCK_BYTES + 16;
export const LEAVES_BYTES = HASHES_AT + LANES * HASH_BYTES;
const PREFIX_BYTES = 1;
const WHO_AT = MESSAGE_AT + PREFIX_BYTES + LEAF_AT.who;

/** How the outcome is kept. */
export const part = { honoured: 0, withdrawn: 1, excluded: 2 } as const;

export class Entries {
  readonly stamps = float64();
  readonly slices = uint32();
  readonly leafIndexes = uint32();
  /** Of `part`. */
  readonly parts = uint8();
  readonly tickets = uint16();
  readonly whos = new HashList();
  readonly leaves = new HashList();
  readonly #groups = new HashList();
  /** The index of each entry's group in `#groups` + 1; 0 for none. */
  readonly #groupOf = uint32();
  readonly #reasons = new HashList();
  /** As `#groupOf`, of the hash of its reason. */
  readonly #reasonOf = uint32();
  /** Reasons repeat themselves. */
  #lastReason = { text: '', words: new Uint32Array(HASH_BYTES / 4) };
  readonly #lanes: Lanes;
  readonly #sha256: Sha256;
  readonly #at: number;
  readonly #view: DataView;
  readonly #whoSlots: Uint8Array[] = [];
  #waiting = 0;
  readonly #withdrawnAt = uint32();
  #excluded = 0;
  #weighted = 0;

  /** `at` is where LEAVES_BYTES of the memory of `lanes` stay with this. */
  constructor(campaign: number, lanes: Lanes, at: number, hash: Sha256) {
    this.#lanes = lanes;
    this.#sha256 = hash;
    this.#at = at;
    this.#view = new DataView(lanes.bytes.buffer);
    for (let lane = 0; lane < LANES; lane++) {
      const message = at + lane * BLOCK_BYTES + MESSAGE_AT;
      lanes.bytes.fill(0, message, message + BLOCK_BYTES);
      lanes.bytes[message + PREFIX_BYTES + LEAF_AT.kind] = ENTRY;
      lanes.bytes.set(u32(campaign), message + PREFIX_BYTES + LEAF_AT.campaign);
      pad(lanes.bytes, message, PREFIX_BYTES + LEAF_BYTES, 0);
      this.#whoSlots.push(
        lanes.bytes.subarray(at + lane * BLOCK_BYTES + WHO_AT, at + lane * BLOCK_BYTES + WHO_AT + WHO_BYTES),
      );
    }
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

  /** How many have more than one ticket. */
  get weighted(): number {
    return this.#weighted;
  }

  get grouped(): number {
    return this.#groups.count;
  }

  /** Those that are not withdrawn. */
  get honoured(): number {
    return this.count - this.withdrawn;
  }

  /** Where the next entry's `who` is to be read to. */
  get whoSlot(): Uint8Array {
    return this.#whoSlots[this.#waiting] ?? new Uint8Array(WHO_BYTES);
  }

  /** Adds an entry that was read with its `who` in `whoSlot`. */
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
    this.whos.push(this.#lanes.words, (this.#at + this.#waiting * BLOCK_BYTES + WHO_AT) / 4);
    if (line.hasGroup) this.#groups.push(groupWords, 0);
    this.#groupOf.push(line.hasGroup ? this.#groups.count : 0);
    if (line.reason !== '') this.#reasons.push(this.#reasonWords(line.reason), 0);
    this.#reasonOf.push(line.reason === '' ? 0 : this.#reasons.count);
    this.#hash(line);
  }

  /** To be called behind the last entry. */
  end(): void {
    this.#flush();
  }

  /** Those that are not withdrawn, in stamp order. */
  honouredIndexes(): Uint32Array {
    const pool = new Uint32Array(this.honoured);
    let at = 0;
    for (let entry = 0; entry < this.count; entry++) {
      if (this.parts.at(entry) !== part.withdrawn) pool[at++] = entry;
    }
    return pool;
  }

  group(entry: number): string | undefined {
    const hash = this.groupHash(entry);
    return hash === undefined ? undefined : toBase64Url(hash);
  }

  /** What stands for its group, 32 bytes; undefined for none. */
  groupHash(entry: number): Uint8Array | undefined {
    const group = this.#groupOf.at(entry);
    return group === 0 ? undefined : this.#groups.at(group - 1);
  }

  /** H(why it is excluded); undefined where no reason is given. */
  reasonHash(entry: number): Uint8Array | undefined {
    const reason = this.#reasonOf.at(entry);
    return reason === 0 ? undefined : this.#reasons.at(reason - 1);
  }

  /** The entries of these users, by `who` in base64url: one pass for all of them. */
  ofWhos(whos: ReadonlySet<string>, firstWords: ReadonlySet<number>): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    for (let entry = 0; entry < this.count; entry++) {
      if (!firstWords.has(this.whos.word(entry, 0))) continue;
      const who = toBase64Url(this.whos.at(entry));
      if (whos.has(who) && !found.has(who)) found.set(who, entry);
    }
    return found;
  }

  /** How many honoured entries stand before this one. */
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

  /** A user has one entry. */
  checkOnce(findings: Findings): void {
    const alike = repeatedOnes(this.whos).map(entry => ({ who: toBase64Url(this.whos.at(entry)), entry }));
    alike.sort((a, b) => (a.who < b.who ? -1 : a.who > b.who ? 1 : a.entry - b.entry));
    alike.forEach(({ who, entry }, at) => {
      if (at > 0 && alike[at - 1]?.who === who) {
        findings.add(
          'entered-twice',
          `entries ${alike[at - 1]?.entry} and ${entry} (from 0) are of the same user`,
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

  /** Leaf hashes are computed four at a time, each when four entries wait. */
  #hash(line: EntryLine): void {
    const message = this.#at + this.#waiting * BLOCK_BYTES + MESSAGE_AT + PREFIX_BYTES;
    const { bytes } = this.#lanes;
    bytes[message + LEAF_AT.source] = line.source;
    this.#view.setUint32(message + LEAF_AT.stamp, Math.floor(line.stamp / 0x1_0000_0000));
    this.#view.setUint32(message + LEAF_AT.stamp + 4, line.stamp >>> 0);
    this.#waiting += 1;
    if (this.#waiting === LANES) this.#flush();
  }

  #flush(): void {
    const hashes = this.#at + HASHES_AT;
    this.#lanes.run(INITIAL_STATE, this.#at + MESSAGE_AT, BLOCK_BYTES, 1, hashes, HASH_BYTES);
    for (let lane = 0; lane < this.#waiting; lane++) {
      this.leaves.push(this.#lanes.words, (hashes + lane * HASH_BYTES) / 4);
    }
    this.#waiting = 0;
  }
}
