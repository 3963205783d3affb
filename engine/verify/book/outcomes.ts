/**
 * Compares the outcomes in the book with what the rules make of the entries. Coupons are judged line by line; a raffle once
 * its draw is repeated.
 */
import { Draw, type Drawn } from '../draw/draw.ts';
import { type CouponRules, type DrawRules, type RaffleRules, tierOf, totalWinners } from '../draw/rules.ts';
import type { Findings } from '../findings.ts';
import type { HashJobs } from '../hashing/hash-jobs.ts';
import type { Sha256 } from '../hashing/hmac.ts';
import { PIECE_HASHES } from '../hashing/merkle.ts';
import { uint16, uint32 } from '../text/columns.ts';
import { type Entries, part } from './entries.ts';
import { type EntryLine, type Outcome, outcomes } from './entry-line.ts';
import type { MoveKind, Moves } from './moves.ts';

export interface Judge {
  /** Takes the next entry in stamp order. `number` is that of its line. */
  take(line: EntryLine, number: number): void;
  /** The number of coupons or prizes handed out. */
  readonly granted: number;
  /** The outcome of an entry; without findings, book and rules agree on it. */
  outcomeOf(entry: number, entries: Entries): Decided;
}

export interface Decided {
  /** In a campaign with claims, the final state. */
  readonly outcome: Outcome | MoveKind;
  /** The serial of a coupon or prize. */
  readonly serial?: number;
  /** The position among the alternates. */
  readonly alternate?: number;
  /** For an offer that was not claimed: its deadline. */
  readonly deadlineUs?: number;
}

/** The members required by each outcome, besides those that every entry has. */
const comesWith: Readonly<Record<Outcome, { serial?: true; tier?: true; alternate?: true; reason?: true }>> =
  {
    granted: { serial: true },
    sold_out: {},
    won: { serial: true, tier: true },
    alternate: { alternate: true },
    not_drawn: {},
    withdrawn: {},
    excluded: { reason: true },
    waitlisted: { alternate: true },
  };

function checkMembers(line: EntryLine, number: number, findings: Findings): void {
  const right = comesWith[line.outcome];
  const isRight =
    (line.serial !== -1) === (right.serial === true) &&
    (line.tier !== -1) === (right.tier === true) &&
    (line.alternate !== -1) === (right.alternate === true) &&
    (line.reason !== '') === (right.reason === true);
  if (isRight) return;
  const names = Object.keys(right).join(' and ') || 'none';
  findings.add(
    'outcome',
    `line ${number}: of serial, tier, alternate and reason, "${line.outcome}" needs ${names}, but the line has others`,
  );
}

/**
 * First come, first served: the first entries that were not withdrawn, up to the stock. With claims, the waitlist follows
 * behind them.
 */
export class CouponJudge implements Judge {
  readonly #rules: CouponRules;
  readonly #findings: Findings;
  #granted = 0;
  #waitlisted = 0;

  constructor(rules: CouponRules, findings: Findings) {
    this.#rules = rules;
    this.#findings = findings;
  }

  get granted(): number {
    return this.#granted;
  }

  take(line: EntryLine, number: number): void {
    checkMembers(line, number, this.#findings);
    if (line.hasGroup || line.tickets > 1) {
      this.#findings.add('outcome', `line ${number} has a group or tickets, which only a raffle has`);
    }
    if (line.outcome === 'withdrawn') return;
    const right = this.#next();
    if (line.outcome !== right) {
      this.#findings.add(
        'outcome',
        `line ${number} says "${line.outcome}"; expected "${right}" with a stock of ${this.#rules.stock}`,
      );
    } else if (right === 'granted' && line.serial !== this.#granted) {
      this.#findings.add('serial', `line ${number} has serial ${line.serial}; expected ${this.#granted}`);
    } else if (right === 'waitlisted' && line.alternate !== this.#waitlisted) {
      this.#findings.add(
        'outcome',
        `line ${number} has waitlist position ${line.alternate}; expected ${this.#waitlisted}`,
      );
    }
  }

  /** The right outcome of the next entry that was not withdrawn. */
  #next(): Outcome {
    const { stock, claims } = this.#rules;
    if (this.#granted < stock) {
      this.#granted += 1;
      return 'granted';
    }
    if (this.#waitlisted >= (claims?.waitlist ?? 0)) return 'sold_out';
    this.#waitlisted += 1;
    return 'waitlisted';
  }

  outcomeOf(entry: number, entries: Entries): Decided {
    if (entries.parts.at(entry) === part.withdrawn) return { outcome: 'withdrawn' };
    const { stock, claims } = this.#rules;
    const serial = entries.honouredBefore(entry) + 1;
    if (serial <= stock) return { outcome: 'granted', serial };
    const alternate = serial - stock;
    return alternate <= (claims?.waitlist ?? 0)
      ? { outcome: 'waitlisted', alternate }
      : { outcome: 'sold_out' };
  }
}

/** Combines the outcomes of a judge with the final states of offers. */
export class JudgeOfClaims implements Pick<Judge, 'granted' | 'outcomeOf'> {
  readonly #judge: Judge;
  readonly #moves: Moves;

  constructor(judge: Judge, moves: Moves) {
    this.#judge = judge;
    this.#moves = moves;
  }

  get granted(): number {
    return this.#judge.granted;
  }

  outcomeOf(entry: number, entries: Entries): Decided {
    const decided = this.#judge.outcomeOf(entry, entries);
    const moved = this.#moves.of(entries.stamps.at(entry));
    if (moved === undefined || moved.outcome === 'waitlisted') return decided;
    const { outcome, serial, deadlineUs } = moved;
    return {
      outcome,
      ...(serial > 0 ? { serial } : {}),
      ...(outcome === 'lapsed' ? { deadlineUs } : {}),
    };
  }
}

const NO_TIER = 0xffff;
const NOT_DRAWN = outcomes.indexOf('not_drawn');

export class RaffleJudge implements Judge {
  readonly #draw: DrawRules;
  readonly #findings: Findings;
  /** The outcomes stated in the book, by entry. */
  readonly #outcomes = uint16();
  readonly #ordinals = uint32();
  readonly #tiers = uint16();
  #granted = 0;
  #tickets = 0;

  constructor(rules: RaffleRules, findings: Findings) {
    this.#draw = rules.draw;
    this.#findings = findings;
  }

  get granted(): number {
    return this.#granted;
  }

  /** The tickets of all entrants together. */
  get tickets(): number {
    return this.#tickets;
  }

  take(line: EntryLine, number: number): void {
    checkMembers(line, number, this.#findings);
    if (line.outcome === 'granted' || line.outcome === 'sold_out' || line.outcome === 'waitlisted') {
      this.#findings.add(
        'outcome',
        `line ${number} says "${line.outcome}", which is not an outcome of a raffle`,
      );
    }
    if (line.outcome === 'won') this.#granted += 1;
    if (line.outcome !== 'withdrawn' && line.outcome !== 'excluded') this.#tickets += line.tickets;
    this.#outcomes.push(outcomes.indexOf(line.outcome));
    this.#ordinals.push(line.outcome === 'alternate' ? line.alternate : line.serial === -1 ? 0 : line.serial);
    this.#tiers.push(line.tier === -1 ? NO_TIER : line.tier);
  }

  outcomeOf(entry: number): Decided {
    const outcome = outcomes[this.#outcomes.at(entry)] ?? 'not_drawn';
    if (outcome === 'won') return { outcome, serial: this.#ordinals.at(entry) };
    if (outcome === 'alternate') return { outcome, alternate: this.#ordinals.at(entry) };
    return { outcome };
  }

  /** Starts computing the beginning of each entrant's key; excluded and withdrawn entries have none. */
  beginDraw(entries: Entries, seed: Uint8Array, jobs: HashJobs): Float64Array {
    const starts = new Float64Array(jobs.memory(Float64Array.BYTES_PER_ELEMENT * entries.count));
    entries.leaves.pieces.forEach((leaves, piece) => {
      const from = piece * PIECE_HASHES;
      const own = starts.subarray(from, from + PIECE_HASHES);
      const tickets = new Uint16Array(own.length);
      for (let at = 0; at < tickets.length; at++) tickets[at] = this.#ticketsOf(from + at, entries);
      jobs.add({ kind: 'keys', seed, leaves, tickets, starts: own });
    });
    return starts;
  }

  #ticketsOf(entry: number, entries: Entries): number {
    return entries.parts.at(entry) === part.honoured ? entries.tickets.at(entry) : 0;
  }

  /** Repeats the draw from the result of `beginDraw`, once the jobs are done, and compares every outcome with it. */
  checkDraw(entries: Entries, seed: Uint8Array, starts: Float64Array, hash: Sha256): Drawn {
    const pool = {
      leaves: entries.leaves,
      tickets: (entry: number) => this.#ticketsOf(entry, entries),
      group: (entry: number) => entries.group(entry),
    };
    const { alternates, groupLimit } = this.#draw;
    const draw = new Draw(pool, seed, hash);
    const drawn = draw.draw(starts, totalWinners(this.#draw), alternates, groupLimit);
    const right = new Map<
      number,
      { readonly outcome: Outcome; readonly ordinal: number; readonly tier: number }
    >();
    drawn.winners.forEach((entry, index) => {
      right.set(entry, { outcome: 'won', ordinal: index + 1, tier: tierOf(this.#draw, index + 1) });
    });
    drawn.alternates.forEach((entry, index) => {
      right.set(entry, { outcome: 'alternate', ordinal: index + 1, tier: NO_TIER });
    });
    const isDrawn = new Uint8Array(entries.count);
    for (const entry of right.keys()) isDrawn[entry] = 1;
    for (let entry = 0; entry < entries.count; entry++) {
      // Skips nearly all of them.
      if (isDrawn[entry] === 0 && this.#isNotDrawn(entry)) continue;
      this.#checkEntry(entry, entries.parts.at(entry), right.get(entry));
    }
    return drawn;
  }

  #isNotDrawn(entry: number): boolean {
    return (
      this.#outcomes.at(entry) === NOT_DRAWN &&
      this.#ordinals.at(entry) === 0 &&
      this.#tiers.at(entry) === NO_TIER
    );
  }

  #checkEntry(
    entry: number,
    itsPart: number,
    drawn: { readonly outcome: Outcome; readonly ordinal: number; readonly tier: number } | undefined,
  ): void {
    if (itsPart !== part.honoured) return;
    const outcome = outcomes[this.#outcomes.at(entry)] ?? 'not_drawn';
    const right = drawn ?? { outcome: 'not_drawn', ordinal: 0, tier: NO_TIER };
    const isRight =
      outcome === right.outcome &&
      this.#ordinals.at(entry) === right.ordinal &&
      this.#tiers.at(entry) === right.tier;
    if (isRight) return;
    const [says, wants] = [
      described(outcome, this.#ordinals.at(entry), this.#tiers.at(entry)),
      described(right.outcome, right.ordinal, right.tier),
    ];
    this.#findings.add(
      'draw-order',
      `entry ${entry} (from 0) is marked as ${says}, but the repeated draw gives ${wants}`,
    );
  }
}

function described(outcome: Outcome, ordinal: number, tier: number): string {
  return [
    `"${outcome}"`,
    ordinal === 0 ? '' : ` ${ordinal}`,
    tier === NO_TIER ? '' : ` in tier ${tier}`,
  ].join('');
}
