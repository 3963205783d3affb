/**
 * Kept heads as bytes, each once: some 220 bytes a head, so that five million of them take 1.1 GB. They are found by their
 * slot: gateway, incarnation and slice number.
 */
import { decodeHead, SIGNED_HEAD_BYTES, type SignedHead } from '../receipts/head.ts';
import { readU64 } from '../text/bytes.ts';
import { uint8, uint32 } from '../text/columns.ts';
import { type HeadPosition, headPositionText } from './head-positions.ts';

const PIECE_LOG2 = 14;
const PIECE_HEADS = 1 << PIECE_LOG2;
const IN_PIECE = PIECE_HEADS - 1;
const FIRST_TABLE = 1 << 12;

/** Where a head was kept first. */
export interface KeptLocation {
  readonly keeper: number;
  readonly page: number;
  /** From 0, on its page. */
  readonly index: number;
}

/** The position of a head, and what else it says of its items. */
export interface HeadNumbers extends HeadPosition {
  readonly lastUs: number;
  readonly count: number;
}

const FIRST = 1;
const FOUND = 2;

export class HeadStore {
  readonly #pieces: Uint8Array[] = [];
  readonly #views: DataView[] = [];
  #count = 0;
  /** Indexes + 1 of the first head of each slot, by open addressing; 0 is free. */
  #table = new Uint32Array(FIRST_TABLE);
  #slots = 0;
  /** A number that nobody can know beforehand, so that no document can choose slots that collide. */
  readonly #seed = Math.floor(Math.random() * 0x1_0000_0000);
  readonly #flags = uint8();
  readonly #keepers = uint8();
  readonly #pages = uint32();
  readonly #indexes = uint32();
  /** Heads that are not the first in their slot and begin at another instant, by their position. */
  readonly #elsewhere = new Map<string, number>();

  get count(): number {
    return this.#count;
  }

  /** The index of a head, which is added unless it is there already as the first of its slot. */
  add(head: SignedHead, { keeper, page, index }: KeptLocation): number {
    const first = this.find(head);
    if (first !== undefined && this.isSame(first, head)) return first;
    const added = this.#push(head.bytes);
    this.#keepers.push(keeper);
    this.#pages.push(page);
    this.#indexes.push(index);
    this.#flags.push(first === undefined ? FIRST : 0);
    if (first === undefined) this.#enter(head, added);
    else if (this.numbers(first).firstUs !== head.firstUs) {
      const position = headPositionText(head);
      if (!this.#elsewhere.has(position)) this.#elsewhere.set(position, added);
    }
    return added;
  }

  /** The first head that was added in the slot of this one. */
  find(head: HeadPosition): number | undefined {
    const mask = this.#table.length - 1;
    for (let at = this.#hash(head) & mask; ; at = (at + 1) & mask) {
      const entry = this.#table[at] ?? 0;
      if (entry === 0) return undefined;
      if (this.#isInSlot(entry - 1, head)) return entry - 1;
    }
  }

  /** The head that stands for all in this position. */
  findPosition(head: HeadPosition): number | undefined {
    const first = this.find(head);
    if (first === undefined || this.numbers(first).firstUs === head.firstUs) return first;
    return this.#elsewhere.size === 0 ? undefined : this.#elsewhere.get(headPositionText(head));
  }

  isSame(index: number, { bytes }: Pick<SignedHead, 'bytes'>): boolean {
    const own = this.#bytes(index);
    for (let at = 0; at < SIGNED_HEAD_BYTES; at++) if (own[at] !== bytes[at]) return false;
    return true;
  }

  /** Whether it is the first head in its slot. */
  isFirst(index: number): boolean {
    return (this.#flags.at(index) & FIRST) !== 0;
  }

  /** Whether the book has a head in its slot. */
  isFound(index: number): boolean {
    return (this.#flags.at(index) & FOUND) !== 0;
  }

  setFound(index: number): void {
    if (!this.isFound(index)) this.#flags.add(index, FOUND);
  }

  locationOf(index: number): KeptLocation {
    return {
      keeper: this.#keepers.at(index),
      page: this.#pages.at(index),
      index: this.#indexes.at(index),
    };
  }

  head(index: number, what: string): SignedHead {
    return decodeHead(this.#bytes(index), what);
  }

  numbers(index: number): HeadNumbers {
    const view = this.#views[index >>> PIECE_LOG2];
    if (view === undefined) throw new RangeError(`there is no head ${index}`);
    const at = (index & IN_PIECE) * SIGNED_HEAD_BYTES;
    return {
      gateway: view.getUint16(at + 16),
      count: view.getUint32(at + 20),
      incarnation: readU64(view, at + 24) ?? 0,
      sliceNumber: readU64(view, at + 32) ?? 0,
      firstUs: readU64(view, at + 40) ?? 0,
      lastUs: readU64(view, at + 48) ?? 0,
    };
  }

  #bytes(index: number): Uint8Array {
    const at = (index & IN_PIECE) * SIGNED_HEAD_BYTES;
    return this.#pieces[index >>> PIECE_LOG2]?.subarray(at, at + SIGNED_HEAD_BYTES) ?? new Uint8Array(0);
  }

  #push(bytes: Uint8Array): number {
    const index = this.#count;
    if ((index & IN_PIECE) === 0) {
      const piece = new Uint8Array(PIECE_HEADS * SIGNED_HEAD_BYTES);
      this.#pieces.push(piece);
      this.#views.push(new DataView(piece.buffer));
    }
    this.#count += 1;
    this.#bytes(index).set(bytes);
    return index;
  }

  #enter(head: HeadPosition, index: number): void {
    this.#slots += 1;
    if (4 * this.#slots > 3 * this.#table.length) {
      const all = this.#table;
      this.#table = new Uint32Array(2 * all.length);
      for (const entry of all) if (entry !== 0) this.#put(this.numbers(entry - 1), entry);
    }
    this.#put(head, index + 1);
  }

  #put(head: HeadPosition, entry: number): void {
    const mask = this.#table.length - 1;
    let at = this.#hash(head) & mask;
    while (this.#table[at] !== 0) at = (at + 1) & mask;
    this.#table[at] = entry;
  }

  #isInSlot(index: number, { gateway, incarnation, sliceNumber }: HeadPosition): boolean {
    const own = this.numbers(index);
    return own.sliceNumber === sliceNumber && own.incarnation === incarnation && own.gateway === gateway;
  }

  /** The finishing steps of MurmurHash3, once for each word. */
  #hash({ gateway, incarnation, sliceNumber }: HeadPosition): number {
    const high = 0x1_0000_0000;
    let hash = this.#seed ^ gateway;
    for (const word of [incarnation / high, incarnation, sliceNumber / high, sliceNumber]) {
      hash = Math.imul(hash ^ (word % high), 0x85eb_ca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
      hash ^= hash >>> 16;
    }
    return hash >>> 0;
  }
}
