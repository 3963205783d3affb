/**
 * Reads text that has one expected spelling directly from its bytes, member by member, without making strings. What is spelt
 * differently is for the caller to read again as JSON.
 */
import { base64Values, utf8 } from './bytes.ts';

/** A text to be matched, as words; the last one overlaps if the length is not a multiple of four. */
export interface Literal {
  readonly length: number;
  readonly words: Int32Array;
}

/** For four characters or more. */
export function literal(text: string): Literal {
  const view = new DataView(utf8(text).buffer);
  const { length } = text;
  const words = Int32Array.from({ length: Math.ceil(length / 4) }, (_, word) =>
    view.getInt32(Math.min(4 * word, length - 4)),
  );
  return { length, words };
}

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const DIGIT_0 = 0x30;
export const OPENING_BRACE = 0x7b;
export const CLOSING_BRACE = 0x7d;
export const CLOSING_BRACKET = 0x5d;
const MOST_DIGITS = 16;
/** What `base64` reads. */
const HASH_BYTES = 32;

/** The value of two base64url characters, indexed by both of their bytes; NO_PAIR if they are not base64url. */
const NO_PAIR = 0xf000;
const base64Pairs = Uint16Array.from({ length: 0x1_0000 }, (_, pair) => {
  const first = base64Values[pair >> 8] ?? 0;
  const second = base64Values[pair & 0xff] ?? 0;
  return first > 63 || second > 63 ? NO_PAIR : (first << 6) | second;
});

export class PlainText {
  protected bytes: Uint8Array = new Uint8Array();
  /** The next byte. */
  protected at = 0;
  /** False once something was spelt differently. */
  protected isGood = true;
  #view: DataView = new DataView(this.bytes.buffer);
  #lastWord = 0;

  protected open(bytes: Uint8Array, at: number): void {
    // Many texts come from one piece, so this check mostly saves the setup.
    if (this.bytes !== bytes) {
      this.bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#lastWord = bytes.byteLength - 4;
    }
    this.at = at;
    this.isGood = true;
  }

  /** Whether this text is next; if so, moves behind it. */
  protected goBehind({ length, words }: Literal): boolean {
    const view = this.#view;
    const at = this.at;
    const last = at + length - 4;
    // Fewer bytes are left than the text is long.
    if (last > this.#lastWord || view.getInt32(at) !== words[0]) return false;
    for (let word = 1; word < words.length - 1; word++) {
      if (view.getInt32(at + 4 * word) !== words[word]) return false;
    }
    if (view.getInt32(last) !== words[words.length - 1]) return false;
    this.at = at + length;
    return true;
  }

  /** Copies what was read since `begin` to `target`, whose view is `view`, from `to` on: in words, which is three times as fast. */
  protected copySince(begin: number, target: Uint8Array, view: DataView, to: number): void {
    const from = this.#view;
    const length = this.at - begin;
    const inWords = length - (length % 4);
    for (let at = 0; at < inWords; at += 4) view.setInt32(to + at, from.getInt32(begin + at));
    for (let at = inWords; at < length; at++) target[to + at] = this.bytes[begin + at] ?? 0;
  }

  /** Digits without a leading zero. */
  protected number(least: number, greatest: number): number {
    const bytes = this.bytes;
    const from = this.at;
    let at = from;
    let value = 0;
    for (; at < from + MOST_DIGITS; at++) {
      const digit = (bytes[at] ?? 0) - DIGIT_0;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    this.at = at;
    const hasLeadingZero = bytes[from] === DIGIT_0 && at > from + 1;
    if (at === from || hasLeadingZero || value > greatest || value < least) this.isGood = false;
    return value;
  }

  /** Reads 32 bytes into `target`, from `start` on, and the quotation mark behind them. */
  protected base64(target: Uint8Array, start: number): void {
    const bytes = this.bytes;
    const view = this.#view;
    let at = this.at;
    // The 43 characters and the mark do not fit.
    if (at + 44 > bytes.length) {
      this.isGood = false;
      return;
    }
    let faults = 0;
    for (let to = start; to < start + HASH_BYTES - 2; to += 3) {
      const ab = base64Pairs[view.getUint16(at)] ?? 0;
      const cd = base64Pairs[view.getUint16(at + 2)] ?? 0;
      at += 4;
      faults |= ab | cd;
      target[to] = ab >> 4;
      target[to + 1] = (ab << 4) | (cd >> 8);
      target[to + 2] = cd;
    }
    // The last three characters carry two bytes, and two bits that must be zero.
    const ab = base64Pairs[view.getUint16(at)] ?? 0;
    const c = base64Values[bytes[at + 2] ?? 0] ?? 0;
    faults |= ab | c;
    target[start + HASH_BYTES - 2] = ab >> 4;
    target[start + HASH_BYTES - 1] = (ab << 4) | (c >> 2);
    // A byte that is no base64url character has higher bits than any value.
    if ((faults & NO_PAIR) !== 0 || c > 63 || (c & 3) !== 0 || bytes[at + 3] !== QUOTE) this.isGood = false;
    this.at = at + 4;
  }
}
