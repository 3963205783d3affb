/**
 * The line of one entry. Canonical JSON has one spelling, so the lines of nearly all entries are read from their bytes,
 * member by member in the order they must have; whatever does not fit is read again as JSON, to be refused with a reason
 * or, if it has a `reason` of its own, to be taken.
 */
import { base64Values, fromBase64Url, utf8 } from './bytes.ts';
import { Unreadable } from './findings.ts';
import { Members, parseCanonical } from './json.ts';
import { WHO_BYTES } from './leaf.ts';

export const outcomes = [
  'granted',
  'sold_out',
  'won',
  'alternate',
  'not_drawn',
  'withdrawn',
  'excluded',
] as const;
export type Outcome = (typeof outcomes)[number];

/** The greatest number of each member. */
export const most = {
  alternate: 10_000_000,
  leaf: 0xffff_ffff,
  serial: Number.MAX_SAFE_INTEGER,
  slice: 0xffff_ffff,
  source: 1,
  stamp: Number.MAX_SAFE_INTEGER,
  tickets: 1000,
  tier: 1000,
} as const;
const MOST_REASON_CHARACTERS = 10_000;
const WHO_CHARACTERS = Math.ceil((WHO_BYTES * 4) / 3);

/** One entry; the reader has one and writes each line into it. Absent numbers are -1, tickets 1. */
export interface EntryLine {
  alternate: number;
  /** Whether `group` holds the entry's group. */
  hasGroup: boolean;
  readonly group: Uint8Array;
  leaf: number;
  outcome: Outcome;
  hasReason: boolean;
  serial: number;
  slice: number;
  source: number;
  stamp: number;
  tickets: number;
  tier: number;
  readonly who: Uint8Array;
}

const outcomeLiterals = outcomes.map(outcome => ({ outcome, literal: utf8(`"${outcome}"`) }));
const keys = {
  alternate: utf8('"alternate":'),
  group: utf8('"group":"'),
  leaf: utf8('"leaf":'),
  outcome: utf8('"outcome":'),
  serial: utf8('"serial":'),
  slice: utf8('"slice":'),
  source: utf8('"source":'),
  stamp: utf8('"stamp":'),
  tickets: utf8('"tickets":'),
  tier: utf8('"tier":'),
  who: utf8('"who":"'),
} as const;

const NO_NUMBER = -1;
const DIGIT_0 = 0x30;
const COMMA = 0x2c;
const MOST_DIGITS = 16;

export class EntryReader {
  readonly entry: EntryLine = {
    alternate: NO_NUMBER,
    hasGroup: false,
    group: new Uint8Array(WHO_BYTES),
    leaf: 0,
    outcome: 'not_drawn',
    hasReason: false,
    serial: NO_NUMBER,
    slice: 0,
    source: 0,
    stamp: 0,
    tickets: 1,
    tier: NO_NUMBER,
    who: new Uint8Array(WHO_BYTES),
  };
  readonly #depth: number;
  #bytes = new Uint8Array(0);
  #at = 0;
  #to = 0;
  #isGood = true;

  constructor(depth: number) {
    this.#depth = depth;
  }

  /** Reads a line into `entry`. Throws Unreadable; `number` is that of the line. */
  read(bytes: Uint8Array, from: number, to: number, number: number): void {
    this.#bytes = bytes as Uint8Array<ArrayBuffer>;
    this.#at = from;
    this.#to = to;
    if (!this.#readFast()) this.#readSlowly(bytes.subarray(from, to), `line ${number}`);
  }

  #readFast(): boolean {
    const { entry } = this;
    this.#isGood = this.#bytes[this.#at] === 0x7b;
    this.#at += 1;
    entry.hasReason = false;
    entry.alternate = this.#optional(keys.alternate, most.alternate, NO_NUMBER, 1);
    entry.hasGroup = this.#literal(keys.group);
    if (entry.hasGroup) {
      this.#base64(entry.group);
      this.#comma();
    }
    entry.leaf = this.#needed(keys.leaf, most.leaf);
    if (!this.#literal(keys.outcome)) return false;
    if (!this.#outcome()) return false;
    this.#comma();
    entry.serial = this.#optional(keys.serial, most.serial, NO_NUMBER, 1);
    entry.slice = this.#needed(keys.slice, most.slice);
    entry.source = this.#needed(keys.source, most.source);
    entry.stamp = this.#needed(keys.stamp, most.stamp);
    entry.tickets = this.#optional(keys.tickets, most.tickets, 1, 2);
    entry.tier = this.#optional(keys.tier, most.tier, NO_NUMBER, 0);
    if (!this.#isGood || !this.#literal(keys.who)) return false;
    this.#base64(entry.who);
    return this.#isGood && this.#bytes[this.#at] === 0x7d && this.#at + 1 === this.#to;
  }

  #outcome(): boolean {
    for (const { outcome, literal } of outcomeLiterals) {
      if (!this.#literal(literal)) continue;
      this.entry.outcome = outcome;
      return true;
    }
    return false;
  }

  /** Whether these bytes are next; if so, goes behind them. */
  #literal(literal: Uint8Array): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    for (let index = 0; index < literal.length; index++) {
      if (bytes[at + index] !== literal[index]) return false;
    }
    this.#at = at + literal.length;
    return true;
  }

  #comma(): void {
    if (this.#bytes[this.#at] === COMMA) this.#at += 1;
    else this.#isGood = false;
  }

  #needed(key: Uint8Array, greatest: number): number {
    if (this.#literal(key)) return this.#number(greatest, 0);
    this.#isGood = false;
    return NO_NUMBER;
  }

  #optional(key: Uint8Array, greatest: number, absent: number, least: number): number {
    return this.#literal(key) ? this.#number(greatest, least) : absent;
  }

  /** Digits without a zero in front, and the comma behind them. */
  #number(greatest: number, least: number): number {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let value = 0;
    for (; at < from + MOST_DIGITS; at++) {
      const digit = (bytes[at] ?? 0) - DIGIT_0;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const hasLeadingZero = bytes[from] === DIGIT_0 && at > from + 1;
    if (at === from || hasLeadingZero || value > greatest || value < least) this.#isGood = false;
    this.#at = at;
    this.#comma();
    return value;
  }

  /** 32 bytes and the quotation mark behind them. */
  #base64(target: Uint8Array): void {
    const bytes = this.#bytes;
    let at = this.#at;
    let faults = 0;
    for (let to = 0; to < WHO_BYTES; to += 3) {
      const a = base64Values[bytes[at] ?? 0] ?? 0;
      const b = base64Values[bytes[at + 1] ?? 0] ?? 0;
      const c = base64Values[bytes[at + 2] ?? 0] ?? 0;
      // The last three characters carry two bytes, and two bits that must be zero.
      const isLast = to === WHO_BYTES - 2;
      const d = isLast ? 0 : (base64Values[bytes[at + 3] ?? 0] ?? 0);
      faults |= a | b | c | d | (isLast && (c & 3) !== 0 ? 0x80 : 0);
      target[to] = (a << 2) | (b >> 4);
      target[to + 1] = (b << 4) | (c >> 2);
      if (!isLast) target[to + 2] = (c << 6) | d;
      at += isLast ? 3 : 4;
    }
    // Values have six bits; what is no character has all eight.
    if (faults > 63 || bytes[at] !== 0x22 || at !== this.#at + WHO_CHARACTERS) this.#isGood = false;
    this.#at = at + 1;
  }

  #readSlowly(bytes: Uint8Array, what: string): void {
    const members = new Members(parseCanonical(bytes, what, this.#depth), what);
    const { entry } = this;
    const orAbsent = (
      key: 'alternate' | 'serial' | 'tickets' | 'tier',
      absent: number,
      least: number,
    ): number => (members.has(key) ? members.whole(key, least, most[key]) : absent);
    const hash = (text: string): Uint8Array | undefined => fromBase64Url(text, WHO_BYTES);
    const hashRight = `${WHO_BYTES} bytes in base64url`;
    entry.alternate = orAbsent('alternate', NO_NUMBER, 1);
    entry.hasGroup = members.has('group');
    if (entry.hasGroup) entry.group.set(members.read('group', hash, hashRight));
    entry.leaf = members.whole('leaf', 0, most.leaf);
    entry.outcome = members.oneOf('outcome', outcomes);
    entry.hasReason = members.has('reason');
    if (entry.hasReason && members.text('reason', MOST_REASON_CHARACTERS) === '') {
      throw new Unreadable('malformed', `${what} has an empty reason`);
    }
    entry.serial = orAbsent('serial', NO_NUMBER, 1);
    entry.slice = members.whole('slice', 0, most.slice);
    entry.source = members.whole('source', 0, most.source);
    entry.stamp = members.whole('stamp', 0, most.stamp);
    entry.tickets = orAbsent('tickets', 1, 2);
    entry.tier = orAbsent('tier', NO_NUMBER, 0);
    entry.who.set(members.read('who', hash, hashRight));
    members.end();
  }
}
