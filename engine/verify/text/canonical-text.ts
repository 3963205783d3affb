/**
 * Reads the texts and objects of one-line JSON from their bytes: whether an object is canonical already (json.ts), and which
 * UTF-8 a text stands for. What it refuses may still be valid, such as a text with \u; what it accepts means the same as JSON.
 */
import {
  CLOSING_BRACE,
  CLOSING_BRACKET,
  COMMA,
  DIGIT_0,
  literal,
  OPENING_BRACE,
  PlainText,
  QUOTE,
} from './plain-text.ts';

const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const OPENING_BRACKET = 0x5b;
const TRUE = literal('true');
const FALSE = literal('false');
export const NULL = literal('null');
/** Whether a byte in a text stands for itself: printable ASCII without quotation mark and backslash. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);
/** The byte for which an escape stands, by the letter after the backslash; 0 if it is not one that canonical JSON writes so. */
const escaped = new Uint8Array(256);
for (const [letter, text] of Object.entries({
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
})) {
  escaped[letter.charCodeAt(0)] = text.charCodeAt(0);
}
/** From here on, the order of bytes in UTF-8 may differ from that of code units in UTF-16. */
const FIRST_OF_OTHER_ORDER = 0xee;

/** What `copyText` returns for a text that it refuses. */
export const REFUSED = -1;

export class CanonicalText extends PlainText {
  /**
   * Copies a text, from behind its quotation mark, to `out` from `to` on, as UTF-8, and moves behind it. Returns where it ends in
   * `out`; REFUSED if that is beyond `end`.
   */
  protected copyText(out: Uint8Array, to: number, end: number): number {
    const bytes = this.bytes;
    let at = this.at;
    let written = to;
    while (written < end) {
      const byte = bytes[at] ?? 0;
      if (isPlain[byte] === 1) {
        out[written++] = byte;
        at += 1;
      } else if (byte === QUOTE) {
        this.at = at + 1;
        return written;
      } else if (byte === BACKSLASH) {
        const meant = escaped[bytes[at + 1] ?? 0] ?? 0;
        if (meant === 0) return REFUSED;
        out[written++] = meant;
        at += 2;
      } else {
        const length = lengthOfCharacter(bytes, at);
        if (length === 0 || written + length > end) return REFUSED;
        for (let index = 0; index < length; index++) out[written++] = bytes[at++] ?? 0;
      }
    }
    return REFUSED;
  }

  /** Moves behind an object in canonical JSON, nested at most `depth` deep; false if there is none. */
  protected skipObject(depth: number): boolean {
    if (depth <= 0 || this.bytes[this.at] !== OPENING_BRACE) return false;
    this.at += 1;
    if (this.#isNext(CLOSING_BRACE)) return true;
    let lastFrom = 0;
    let lastTo = 0;
    do {
      const from = this.at;
      if (!this.#skipText(false)) return false;
      const to = this.at;
      if (lastTo > 0 && !this.#isBefore(lastFrom, lastTo, from, to)) return false;
      lastFrom = from;
      lastTo = to;
      if (!this.#isNext(COLON) || !this.#skipValue(depth - 1)) return false;
    } while (this.#isNext(COMMA));
    return this.#isNext(CLOSING_BRACE);
  }

  #skipList(depth: number): boolean {
    if (depth <= 0) return false;
    this.at += 1;
    if (this.#isNext(CLOSING_BRACKET)) return true;
    do {
      if (!this.#skipValue(depth - 1)) return false;
    } while (this.#isNext(COMMA));
    return this.#isNext(CLOSING_BRACKET);
  }

  #skipValue(depth: number): boolean {
    const byte = this.bytes[this.at] ?? 0;
    if (byte === QUOTE) return this.#skipText(true);
    if (byte === OPENING_BRACE) return this.skipObject(depth);
    if (byte === OPENING_BRACKET) return this.#skipList(depth);
    if (byte === MINUS || (byte >= DIGIT_0 && byte < DIGIT_0 + 10)) return this.#skipNumber(byte);
    return this.goBehind(NULL) || this.goBehind(TRUE) || this.goBehind(FALSE);
  }

  /** An integer has one spelling; that of 0 has no sign. */
  #skipNumber(first: number): boolean {
    if (first === MINUS) this.at += 1;
    this.number(first === MINUS ? 1 : 0, Number.MAX_SAFE_INTEGER);
    return this.isGood;
  }

  /** With its quotation marks. A key must have no escapes: they have another place in the order. */
  #skipText(mayHaveEscapes: boolean): boolean {
    const bytes = this.bytes;
    if (bytes[this.at] !== QUOTE) return false;
    let at = this.at + 1;
    for (;;) {
      const byte = bytes[at] ?? 0;
      if (isPlain[byte] === 1) at += 1;
      else if (byte === QUOTE) break;
      else if (byte === BACKSLASH) {
        if (!mayHaveEscapes || escaped[bytes[at + 1] ?? 0] === 0) return false;
        at += 2;
      } else {
        const length = lengthOfCharacter(bytes, at);
        if (length === 0) return false;
        at += length;
      }
    }
    this.at = at + 1;
    return true;
  }

  /** Whether one key is before another in the order of UTF-16 code units, as far as bytes tell; both with quotation marks. */
  #isBefore(from: number, to: number, otherFrom: number, otherTo: number): boolean {
    const bytes = this.bytes;
    const shared = Math.min(to - from, otherTo - otherFrom) - 1;
    for (let index = 1; index < shared; index++) {
      const byte = bytes[from + index] ?? 0;
      const other = bytes[otherFrom + index] ?? 0;
      if (byte !== other)
        return byte < other && (byte < FIRST_OF_OTHER_ORDER || other < FIRST_OF_OTHER_ORDER);
    }
    return to - from < otherTo - otherFrom;
  }

  #isNext(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at += 1;
    return true;
  }
}

/** The bytes of a character that is not ASCII (Unicode, table 3-7); 0 if it is not UTF-8. */
function lengthOfCharacter(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  if (first < 0xc2 || first > 0xf4 || !continues(second)) return 0;
  if (first < 0xe0) return 2;
  if (!continues(bytes[at + 2] ?? 0)) return 0;
  // Below 0xa0 a shorter spelling exists; from 0xa0 on these are surrogates.
  if (first < 0xf0) return (first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f) ? 0 : 3;
  if (!continues(bytes[at + 3] ?? 0)) return 0;
  return (first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f) ? 0 : 4;
}

function continues(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
