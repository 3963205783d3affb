/**
 * Which incarnations may have signed between the opening and the last withdrawal, and whether the book shows all of it.
 * Incarnations are numbered from 1 within an epoch of the registry, across all gateways. A book accounts for
 * every number of the epochs that extend into the campaign: it shows the number's chain of heads, or declares it as quiet. A
 * chain begins with the first head of its incarnation or with one from before the opening, and ends with one from
 * after `untilUs` or with a declared end.
 *
 * So an operator who leaves somebody out must sign a false declaration, which a head or a receipt of that user refutes.
 */
import type { Findings } from '../findings.ts';
import { Unreadable } from '../findings.ts';
import type { BookTime } from '../heads/kept-heads.ts';
import { nameOf, type SignedHead } from '../receipts/head.ts';
import { isoOf } from '../receipts/leaf.ts';
import type { Json, Members } from '../text/json.ts';

const NUMBERS_PER_EPOCH = 2 ** 32;
/** Incarnations are below 2^53. */
const MOST_EPOCH = 2 ** 21 - 1;
/** The header is one line, whose length is limited; a longer list would not fit into it. */
const MOST_LISTED = 1_000_000;

interface Epoch {
  readonly epoch: number;
  /** No incarnation of this epoch stamped before. */
  readonly beganUs: number;
  /** The greatest number that was assigned. */
  readonly last: number;
  /** Ranges of numbers that signed nothing during the time of the book, increasing. */
  readonly quiet: readonly Pair[];
  /** By number, the last slice of chains that have none after `untilUs`. */
  readonly ends: ReadonlyMap<number, number>;
}

type Pair = readonly [number, number];

/** What a book declares about all of its chains. */
export interface Roll {
  readonly epochs: readonly Epoch[];
  readonly opensAtUs: number;
  /** Withdrawals counted up to here: the close, or later. */
  readonly untilUs: number;
}

/** Reads it from the header. Throws Unreadable. */
export function readRoll(members: Members, opensAtUs: number): Roll {
  const untilUs = members.whole('until_us', 0, Number.MAX_SAFE_INTEGER);
  const epochs = members.objects('epochs', MOST_LISTED).map(readEpoch);
  epochs.forEach(({ epoch }, index) => {
    if (epoch <= (epochs[index - 1]?.epoch ?? -1))
      throw new Unreadable('malformed', `epoch ${epoch} does not follow the previous one`);
  });
  return { epochs, opensAtUs, untilUs };
}

function readEpoch(members: Members): Epoch {
  const epoch = members.whole('epoch', 0, MOST_EPOCH);
  const last = members.whole('last', 0, NUMBERS_PER_EPOCH - 1);
  const quiet = members.array('quiet', MOST_LISTED).map(pairOf);
  const ends = members.array('ends', MOST_LISTED).map(pairOf);
  let least = 1;
  for (const [from, to] of quiet) {
    if (from < least || to < from || to > last)
      throw new Unreadable(
        'malformed',
        `the quiet numbers of epoch ${epoch} do not increase from 1 to ${last}`,
      );
    least = to + 1;
  }
  ends.forEach(([number], index) => {
    if (number <= (ends[index - 1]?.[0] ?? 0))
      throw new Unreadable('malformed', `the ends of chains of epoch ${epoch} do not increase`);
  });
  const beganUs = members.whole('began_us', 0, Number.MAX_SAFE_INTEGER);
  members.end();
  return { epoch, beganUs, last, quiet, ends: new Map(ends) };
}

function pairOf(value: Json): Pair {
  const [first, second, ...rest] = Array.isArray(value) ? (value as readonly Json[]) : [];
  if (isWhole(first) && isWhole(second) && rest.length === 0) return [first, second];
  throw new Unreadable('malformed', 'an epoch has a value that is not a pair of whole numbers');
}

function isWhole(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export class Chains {
  readonly roll: Roll;
  readonly #findings: Findings;
  readonly #epochs: ReadonlyMap<number, Epoch>;
  /** The gateway of each incarnation. */
  readonly #shown = new Map<number, number>();
  #last: SignedHead | undefined;
  #ended = 0;

  constructor(roll: Roll, findings: Findings) {
    this.roll = roll;
    this.#findings = findings;
    this.#epochs = new Map(roll.epochs.map(each => [each.epoch, each]));
  }

  get count(): number {
    return this.#shown.size;
  }

  /** Chains that are declared, but not shown, to have ended. */
  get ended(): number {
    return this.#ended;
  }

  /** Incarnations that are declared, but not shown, to have signed nothing. */
  get quiet(): number {
    return this.roll.epochs.flatMap(({ quiet }) => quiet).reduce((sum, [from, to]) => sum + to - from + 1, 0);
  }

  /** The time in which the accounted incarnations can have signed items of the campaign. */
  get time(): BookTime {
    const { epochs, opensAtUs, untilUs } = this.roll;
    const fromUs = Math.min(opensAtUs, ...epochs.slice(0, 1).map(({ beganUs }) => beganUs));
    return { fromUs, untilUs, isWithin: head => this.isWithin(head) };
  }

  /** Whether a slice may have an item that counts in the campaign. */
  isWithin({ firstUs, lastUs }: Pick<SignedHead, 'firstUs' | 'lastUs'>): boolean {
    return lastUs >= this.roll.opensAtUs && firstUs < this.roll.untilUs;
  }

  /** Takes the next head of the book; `what` names its line. */
  take(head: SignedHead, showsItems: boolean, what: string): void {
    const last = this.#last;
    if (last?.gateway !== head.gateway || last.incarnation !== head.incarnation) {
      this.#finish();
      this.#begin(head, what);
    }
    this.#last = head;
    if (!showsItems && this.isWithin(head)) {
      this.#findings.add(
        'slice-hidden',
        `${what}: ${nameOf(head)} was signed during the campaign, but the book does not show its items`,
      );
    }
  }

  /** Call this after the last head. */
  end(): void {
    this.#finish();
    this.#last = undefined;
    const [first] = this.roll.epochs;
    if (first === undefined || first.beganUs > this.roll.opensAtUs) {
      this.#findings.add(
        'epoch-missing',
        `the book names no epoch in effect at the opening, ${isoOf(this.roll.opensAtUs)}: the gateways of that time are unknown`,
      );
    }
    for (const epoch of this.roll.epochs) this.#checkNumbers(epoch);
  }

  #begin(head: SignedHead, what: string): void {
    const { opensAtUs } = this.roll;
    if (head.previous.some(byte => byte !== 0) && head.lastUs >= opensAtUs) {
      this.#findings.add(
        'chain-start',
        `${what}: ${nameOf(head)} follows the opening and continues a slice that is not in the book: the start of its chain is missing`,
      );
    }
    const { epoch, number } = this.#epochOf(head);
    const other = this.#shown.get(head.incarnation);
    this.#shown.set(head.incarnation, head.gateway);
    if (other !== undefined) {
      this.#findings.add(
        'incarnation-twice',
        `${what}: incarnation ${head.incarnation} appears for gateways ${head.gateway} and ${other}, but each number is assigned once`,
      );
    }
    const fault = faultOf(epoch, number);
    if (fault !== undefined)
      this.#findings.add('incarnation-unknown', `${what}: ${nameOf(head)} is of an incarnation ${fault}`);
    if (epoch !== undefined && head.firstUs < epoch.beganUs) {
      this.#findings.add(
        'incarnation-unknown',
        `${what}: ${nameOf(head)} has an instant before its epoch began at ${isoOf(epoch.beganUs)}`,
      );
    }
  }

  #finish(): void {
    const last = this.#last;
    if (last === undefined) return;
    const { epoch, number } = this.#epochOf(last);
    const end = epoch?.ends.get(number);
    const isBehind = last.firstUs >= this.roll.untilUs;
    if (end !== undefined) this.#ended += 1;
    if (end === undefined && !isBehind) {
      this.#findings.add(
        'chain-end',
        `${nameOf(last)} is the last of its chain in the book, before ${isoOf(this.roll.untilUs)}, and the book does not declare it as the end: later slices are missing`,
      );
    } else if (end !== undefined && end !== last.sliceNumber) {
      this.#findings.add(
        'chain-end',
        `${nameOf(last)} is the last of its chain in the book, but the book declares slice ${end} as the end`,
      );
    }
  }

  #checkNumbers({ epoch, last, quiet, ends }: Epoch): void {
    const base = epoch * NUMBERS_PER_EPOCH;
    const shown = [...this.#shown.keys()]
      .map(incarnation => incarnation - base)
      .filter(number => number >= 1 && number <= last);
    const told = [...quiet, ...shown.map((number): Pair => [number, number])].sort(([a], [b]) => a - b);
    let next = 1;
    const missing = (before: number): void => {
      if (next >= before) return;
      this.#findings.add(
        'incarnation-missing',
        `incarnations ${base + next} to ${base + before - 1} are neither in the book nor declared as silent: a gateway was left out`,
      );
    };
    for (const [from, to] of told) {
      missing(from);
      next = Math.max(next, to + 1);
    }
    missing(last + 1);
    for (const [number, slice] of ends) {
      if (!this.#shown.has(base + number)) {
        this.#findings.add(
          'chain-end',
          `incarnation ${base + number} is declared to end with slice ${slice}, but is not in the book`,
        );
      }
    }
  }

  #epochOf({ incarnation }: SignedHead): { readonly epoch: Epoch | undefined; readonly number: number } {
    return {
      epoch: this.#epochs.get(Math.floor(incarnation / NUMBERS_PER_EPOCH)),
      number: incarnation % NUMBERS_PER_EPOCH,
    };
  }
}

/** Why no incarnation can have that number; undefined if one can. */
function faultOf(epoch: Epoch | undefined, number: number): string | undefined {
  if (epoch === undefined) return 'of an epoch that the book does not name';
  if (number === 0) return 'with number 0, which is never assigned';
  if (number > epoch.last) return `with number ${number}, but the last assigned number is ${epoch.last}`;
  const isQuiet = epoch.quiet.some(([from, to]) => number >= from && number <= to);
  return isQuiet ? 'that is declared as silent in this time' : undefined;
}
