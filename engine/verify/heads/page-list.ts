/**
 * The pages of one keeper without their text: some 200 bytes each. Which heads a page showed is a range in a list of indexes of
 * a HeadStore, 4 bytes a head.
 */
import { HashList } from '../hashing/merkle.ts';
import { areEqual } from '../text/bytes.ts';
import { float64, uint8, uint32 } from '../text/columns.ts';
import type { HeadPosition, Span } from './head-positions.ts';

const HASH_BYTES = 32;
const NOTHING = new Uint8Array(HASH_BYTES);
const NUMBERS_A_SPAN = 8;

/** What is kept of a page. */
export interface ListedPage {
  /** The number of the record, or of the line. */
  readonly number: number;
  readonly atUs: number;
  /** Between which positions it showed all heads; undefined for none. */
  readonly span: Span | undefined;
  /** Of a record: its hash, and that of the one that it continues. */
  readonly hash?: Uint8Array;
  readonly previous?: Uint8Array;
}

export class PageList {
  readonly #numbers = float64();
  readonly #atUs = float64();
  readonly #hasSpan = uint8();
  readonly #spans = float64();
  readonly #hashes = new HashList();
  readonly #previous = new HashList();
  readonly #isUnsigned = uint8();
  /** Where the heads of each page begin in `#heads`. */
  readonly #from = uint32();
  readonly #heads = uint32();

  get count(): number {
    return this.#numbers.count;
  }

  add({ number, atUs, span, hash, previous }: ListedPage, heads: readonly number[]): void {
    this.#numbers.push(number);
    this.#atUs.push(atUs);
    this.#hasSpan.push(span === undefined ? 0 : 1);
    for (const position of [span?.from, span?.to]) {
      const { firstUs = 0, gateway = 0, incarnation = 0, sliceNumber = 0 } = position ?? {};
      for (const value of [firstUs, gateway, incarnation, sliceNumber]) this.#spans.push(value);
    }
    this.#hashes.add(hash ?? NOTHING);
    this.#previous.add(previous ?? NOTHING);
    this.#isUnsigned.push(0);
    this.#from.push(this.#heads.count);
    for (const head of heads) this.#heads.push(head);
  }

  number(page: number): number {
    return this.#numbers.at(page);
  }

  atUs(page: number): number {
    return this.#atUs.at(page);
  }

  span(page: number): Span | undefined {
    if (this.#hasSpan.at(page) === 0) return undefined;
    return { from: this.#position(page, 0), to: this.#position(page, 4) };
  }

  *heads(page: number): Generator<number> {
    const to = page + 1 < this.count ? this.#from.at(page + 1) : this.#heads.count;
    for (let at = this.#from.at(page); at < to; at++) yield this.#heads.at(at);
  }

  setUnsigned(page: number): void {
    this.#isUnsigned.add(page, 1);
  }

  isUnsigned(page: number): boolean {
    return this.#isUnsigned.at(page) > 0;
  }

  isSame(page: number, other: number): boolean {
    return areEqual(this.#hashes.at(page), this.#hashes.at(other));
  }

  /** Whether a record names another one as the one before it. */
  continues(page: number, before: number): boolean {
    return areEqual(this.#previous.at(page), this.#hashes.at(before));
  }

  /** Whether a record names none before it. */
  isStart(page: number): boolean {
    return areEqual(this.#previous.at(page), NOTHING);
  }

  /** All pages, by their numbers. */
  byNumber(): Uint32Array {
    return Uint32Array.from({ length: this.count }, (_, page) => page).sort(
      (a, b) => this.number(a) - this.number(b) || a - b,
    );
  }

  #position(page: number, from: number): HeadPosition {
    const at = NUMBERS_A_SPAN * page + from;
    return {
      firstUs: this.#spans.at(at),
      gateway: this.#spans.at(at + 1),
      incarnation: this.#spans.at(at + 2),
      sliceNumber: this.#spans.at(at + 3),
    };
  }
}
