/**
 * Reads the line of one entry. Canonical JSON has one spelling, so the lines of nearly all entries are read directly from
 * their bytes, member by member in the required order. Any other line is read again as JSON, which either refuses it with a
 * reason or, if it has a `reason` of its own, accepts it.
 */
import { Unreadable } from '../findings.ts';
import { WHO_BYTES } from '../receipts/leaf.ts';
import { fromBase64Url } from '../text/bytes.ts';
import { Members, parseCanonical } from '../text/json.ts';
import { CLOSING_BRACE, COMMA, type Literal, literal, OPENING_BRACE, PlainText } from '../text/plain-text.ts';

export const outcomes = [
  'granted',
  'sold_out',
  'won',
  'alternate',
  'not_drawn',
  'withdrawn',
  'excluded',
  'waitlisted',
] as const;
export type Outcome = (typeof outcomes)[number];

/** The maximum of each number. */
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

/** One entry; the reader has a single one and writes each line into it. Absent numbers are -1, tickets 1. */
export interface EntryLine {
  alternate: number;
  /** Whether `group` holds the entry's group. */
  hasGroup: boolean;
  readonly group: Uint8Array;
  leaf: number;
  outcome: Outcome;
  /** '' if there is none. */
  reason: string;
  serial: number;
  slice: number;
  source: number;
  stamp: number;
  tickets: number;
  tier: number;
  /** Receives the 32 bytes, from the reader's `whoAt` on; both may be set before a line is read. */
  who: Uint8Array;
}

const outcomeLiterals = outcomes.map(outcome => ({ outcome, text: literal(`"${outcome}"`) }));
/** The text before the value of each member: a brace and the key for the first, a comma and the key for each other. */
const keys = {
  alternate: literal('"alternate":'),
  group: literal('"group":"'),
  leaf: literal('"leaf":'),
  outcome: literal(',"outcome":'),
  serial: literal(',"serial":'),
  slice: literal(',"slice":'),
  source: literal(',"source":'),
  stamp: literal(',"stamp":'),
  tickets: literal(',"tickets":'),
  tier: literal(',"tier":'),
  who: literal(',"who":"'),
} as const;

const NO_NUMBER = -1;

export class EntryReader extends PlainText {
  readonly entry: EntryLine = {
    alternate: NO_NUMBER,
    hasGroup: false,
    group: new Uint8Array(WHO_BYTES),
    leaf: 0,
    outcome: 'not_drawn',
    reason: '',
    serial: NO_NUMBER,
    slice: 0,
    source: 0,
    stamp: 0,
    tickets: 1,
    tier: NO_NUMBER,
    who: new Uint8Array(WHO_BYTES),
  };
  /** Where the bytes are written in `entry.who`. */
  whoAt = 0;
  readonly #depth: number;
  #lastOutcome: { readonly outcome: Outcome; readonly text: Literal } = {
    outcome: 'not_drawn',
    text: literal('"not_drawn"'),
  };

  constructor(depth: number) {
    super();
    this.#depth = depth;
  }

  /** Reads a line into `entry`. Throws Unreadable; `number` is that of the line. */
  read(bytes: Uint8Array, from: number, to: number, number: number): void {
    this.open(bytes, from);
    if (!this.#readFast(to)) this.#readSlowly(bytes.subarray(from, to), `line ${number}`);
  }

  #readFast(to: number): boolean {
    const { entry } = this;
    const bytes = this.bytes;
    if (bytes[this.at] !== OPENING_BRACE) return false;
    this.at += 1;
    entry.reason = '';
    entry.alternate = NO_NUMBER;
    if (this.goBehind(keys.alternate)) {
      entry.alternate = this.number(1, most.alternate);
      this.#comma();
    }
    entry.hasGroup = this.goBehind(keys.group);
    if (entry.hasGroup) {
      this.base64(entry.group, 0);
      this.#comma();
    }
    if (!this.goBehind(keys.leaf)) return false;
    entry.leaf = this.number(0, most.leaf);
    if (!this.goBehind(keys.outcome) || !this.#outcome()) return false;
    entry.serial = this.goBehind(keys.serial) ? this.number(1, most.serial) : NO_NUMBER;
    if (!this.goBehind(keys.slice)) return false;
    entry.slice = this.number(0, most.slice);
    if (!this.goBehind(keys.source)) return false;
    entry.source = this.number(0, most.source);
    if (!this.goBehind(keys.stamp)) return false;
    entry.stamp = this.number(0, most.stamp);
    entry.tickets = this.goBehind(keys.tickets) ? this.number(2, most.tickets) : 1;
    entry.tier = this.goBehind(keys.tier) ? this.number(0, most.tier) : NO_NUMBER;
    if (!this.isGood || !this.goBehind(keys.who)) return false;
    this.base64(entry.who, this.whoAt);
    return this.isGood && bytes[this.at] === CLOSING_BRACE && this.at + 1 === to;
  }

  #outcome(): boolean {
    // Nearly always the outcome of the previous line.
    if (!this.goBehind(this.#lastOutcome.text)) {
      const found = outcomeLiterals.find(({ text }) => this.goBehind(text));
      if (found === undefined) return false;
      this.#lastOutcome = found;
    }
    this.entry.outcome = this.#lastOutcome.outcome;
    return true;
  }

  #comma(): void {
    if (this.bytes[this.at] !== COMMA) this.isGood = false;
    this.at += 1;
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
    entry.reason = members.has('reason') ? members.text('reason', MOST_REASON_CHARACTERS) : '';
    if (members.has('reason') && entry.reason === '') {
      throw new Unreadable('malformed', `${what} has an empty reason`);
    }
    entry.serial = orAbsent('serial', NO_NUMBER, 1);
    entry.slice = members.whole('slice', 0, most.slice);
    entry.source = members.whole('source', 0, most.source);
    entry.stamp = members.whole('stamp', 0, most.stamp);
    entry.tickets = orAbsent('tickets', 1, 2);
    entry.tier = orAbsent('tier', NO_NUMBER, 0);
    entry.who.set(members.read('who', hash, hashRight), this.whoAt);
    members.end();
  }
}
