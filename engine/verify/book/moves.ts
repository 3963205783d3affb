/**
 * Checks the moves of a campaign with claims: the lines behind the entries, in the order of decision. They are replayed, and
 * each must follow from those before it: freed serials are passed on in the order in which they became free, each to the next
 * waiting user, and no two users hold the same serial.
 */
import type { ClaimRules } from '../draw/rules.ts';
import type { Findings } from '../findings.ts';
import { Members, parseCanonical } from '../text/json.ts';
import type { EntryLine } from './entry-line.ts';

const kinds = ['offered', 'claimed', 'lapsed', 'declined', 'left'] as const;
export type MoveKind = (typeof kinds)[number];

interface Claimant {
  state: MoveKind | 'waitlisted';
  /** The position on the waitlist; 0 for a user who was granted or drawn. */
  readonly waitlistPosition: number;
  serial: number;
  /** When it was offered; for users who were granted or drawn, unknown until their offer ends. */
  offeredUs: number;
  /** Set once the offer has ended. */
  deadlineUs: number;
}

interface MoveLine {
  readonly kind: MoveKind;
  readonly stamp: number;
  readonly atUs: number;
  readonly serial: number;
  /** For the end of an offer: its beginning and its deadline. */
  readonly offeredUs: number;
  readonly deadlineUs: number;
  /** Why the operator brought the deadline forward; undefined if nobody did. */
  readonly early: string | undefined;
}

const NONE = 0;
const MOST_REASON_CHARACTERS = 1_000;
/** Different reasons that the report lists; a list of all could have as many as the book has moves. */
const MOST_REASONS = 20;
const US_PER_S = 1_000_000;
const DAY_US = 86_400 * US_PER_S;

export interface Become {
  readonly outcome: MoveKind | 'waitlisted';
  readonly serial: number;
  /** For an offer that has ended; 0 if there is none. */
  readonly deadlineUs: number;
}

export class Moves {
  readonly #rules: ClaimRules;
  readonly #findings: Findings;
  readonly #depth: number;
  readonly #claimants = new Map<number, Claimant>();
  /** Stamps of users on the waitlist, present and past, by waitlist position - 1. */
  readonly #waiting: number[] = [];
  #next = 0;
  /** Free serials, in the order in which they became free, with the instant. */
  readonly #free: { readonly serial: number; readonly atUs: number }[] = [];
  readonly #counts: Record<MoveKind, number> = { offered: 0, claimed: 0, lapsed: 0, declined: 0, left: 0 };
  readonly #early = new Map<string | undefined, number>();
  #count = 0;

  constructor(rules: ClaimRules, findings: Findings, depth: number) {
    this.#rules = rules;
    this.#findings = findings;
    this.#depth = depth;
  }

  get count(): number {
    return this.#count;
  }

  get counts(): Readonly<Record<MoveKind, number>> {
    return this.#counts;
  }

  /** How many offers the operator has ended early, by the stated reason; MOST_REASONS of them, and the rest under `undefined`. */
  get early(): ReadonlyMap<string | undefined, number> {
    return this.#early;
  }

  /** Takes an entry that the judge of its kind has accepted. */
  takeEntry({ stamp, outcome, serial, alternate }: EntryLine): void {
    if (outcome === 'granted' || outcome === 'won') {
      this.#claimants.set(stamp, {
        state: 'offered',
        waitlistPosition: NONE,
        serial,
        offeredUs: NONE,
        deadlineUs: NONE,
      });
    } else if (outcome === 'waitlisted' || outcome === 'alternate') {
      this.#claimants.set(stamp, {
        state: 'waitlisted',
        waitlistPosition: alternate,
        serial: NONE,
        offeredUs: NONE,
        deadlineUs: NONE,
      });
      this.#waiting[alternate - 1] = stamp;
    }
  }

  /** Takes the line `number` of a move. Throws Unreadable; adds other problems as findings. */
  take(bytes: Uint8Array, number: number): void {
    const what = `line ${number}`;
    const move = readMove(new Members(parseCanonical(bytes, what, this.#depth), what));
    this.#count += 1;
    this.#counts[move.kind] += 1;
    const claimant = this.#claimants.get(move.stamp);
    const before = move.kind === 'offered' || move.kind === 'left' ? 'waitlisted' : 'offered';
    if (claimant?.state !== before) {
      const is = claimant === undefined ? 'is no claimant' : `is ${claimant.state}`;
      this.#wrong(what, `the book marks the entry with stamp ${move.stamp}, which ${is}, as ${move.kind}`);
      return;
    }
    if (move.kind === 'offered') this.#offer(what, claimant, move);
    else if (move.kind !== 'left') this.#end(what, claimant, move);
    claimant.state = move.kind;
  }

  /** Call this after the last line. */
  end(): void {
    for (const [stamp, { state }] of this.#claimants) {
      if (state === 'offered')
        this.#wrong('the book', `the offer of the entry with stamp ${stamp} never ends`);
    }
    const next = this.#nextWaiting();
    // Once claims can no longer be stamped, nothing is offered any more.
    const isFree = this.#free.some(({ atUs }) => atUs < this.#rules.lastUs - DAY_US);
    if (isFree && next !== undefined) {
      this.#wrong('the book', `a prize is free, but the entry with stamp ${next} still waits for one`);
    }
  }

  /** The final state of a claimant's entry; undefined for other entries. */
  of(stamp: number): Become | undefined {
    const claimant = this.#claimants.get(stamp);
    return claimant && { outcome: claimant.state, serial: claimant.serial, deadlineUs: claimant.deadlineUs };
  }

  #offer(what: string, claimant: Claimant, { stamp, serial, atUs }: MoveLine): void {
    const next = this.#nextWaiting();
    if (next !== stamp) {
      this.#wrong(
        what,
        `the entry with stamp ${stamp} gets an offer, but the one with stamp ${next} is next`,
      );
    }
    const free = this.#free.shift();
    if (free === undefined || free.serial !== serial || free.atUs > atUs) {
      const right = free === undefined ? 'nothing is free' : `${free.serial} became free first`;
      this.#wrong(what, `serial ${serial} is offered, but ${right}`);
    }
    claimant.serial = serial;
    claimant.offeredUs = atUs;
  }

  #end(what: string, claimant: Claimant, move: MoveLine): void {
    const { kind, serial, atUs, offeredUs, deadlineUs, early } = move;
    claimant.deadlineUs = deadlineUs;
    const leastUs = offeredUs + this.#rules.withinS * US_PER_S;
    if (serial !== claimant.serial) {
      this.#wrong(what, `serial ${serial} is named, but ${claimant.serial} was offered`);
    }
    if (claimant.offeredUs !== NONE && claimant.offeredUs !== offeredUs) {
      this.#wrong(what, `it was offered at ${claimant.offeredUs}, not at ${offeredUs}`);
    }
    if (early !== undefined) this.#countEarly(early);
    else if (deadlineUs < leastUs && deadlineUs < this.#rules.lastUs) {
      this.#wrong(what, `the deadline is ${deadlineUs}, but the rules require at least ${leastUs}`);
    }
    if (kind === 'lapsed' ? atUs !== deadlineUs : atUs > deadlineUs) {
      this.#wrong(what, `it is ${kind} at ${atUs}, with deadline ${deadlineUs}`);
    }
    if (kind !== 'claimed') this.#free.push({ serial: claimant.serial, atUs });
  }

  #countEarly(reason: string): void {
    const isListed = this.#early.has(reason) || this.#early.size < MOST_REASONS;
    const listed = isListed ? reason : undefined;
    this.#early.set(listed, (this.#early.get(listed) ?? 0) + 1);
  }

  #nextWaiting(): number | undefined {
    for (; this.#next < this.#waiting.length; this.#next++) {
      const stamp = this.#waiting[this.#next];
      if (stamp !== undefined && this.#claimants.get(stamp)?.state === 'waitlisted') return stamp;
    }
    return undefined;
  }

  #wrong(what: string, message: string): void {
    this.#findings.add('claims', `${what}: ${message}`);
  }
}

function readMove(members: Members): MoveLine {
  const instant = (key: string): number => members.whole(key, 0, Number.MAX_SAFE_INTEGER);
  const kind = members.oneOf('move', kinds);
  const isEnd = kind !== 'offered' && kind !== 'left';
  const move = {
    kind,
    stamp: instant('stamp'),
    atUs: instant('at_us'),
    serial: kind === 'left' ? NONE : members.whole('serial', 1, Number.MAX_SAFE_INTEGER),
    offeredUs: isEnd ? instant('offered_us') : NONE,
    deadlineUs: isEnd ? instant('deadline_us') : NONE,
    early: isEnd && members.has('early') ? members.text('early', MOST_REASON_CHARACTERS) : undefined,
  };
  members.end();
  return move;
}
