/**
 * The judge of rooms: how many may be admitted now. Pure; the caller passes the time (microseconds, of one clock for all
 * engines) and keeps the pace between two turns.
 *
 * Two rules apply, and the stricter one decides:
 * - Spacing (the generic cell rate algorithm, ITU-T I.371): admissions are due 1/rate apart, so that users arrive evenly.
 *   Admissions that fell due between two turns are caught up, at most CATCH_UP_US of them. Those that fell due while the
 *   budget held them back, or while no eligible user was admitted, are not: otherwise users would from then on arrive all at
 *   once, once a second.
 * - The budget: in any second (nowUs - 1 s, nowUs], whenever it ends, no more than the rate. Admissions of one turn share
 *   one instant, so spacing alone would let a turn's worth too many into some seconds.
 *
 * Both are part of the stored state, so an engine that takes over has the same pace and not a second budget.
 */
export interface Pace {
  /** When the next admission is due; 0: at once, and nothing was due before. */
  readonly nextUs: number;
  /** The admissions of the last second and of the one before (`worthKeeping`). */
  readonly recent: readonly Admissions[];
}

/**
 * How many were admitted when. If the clock was set back since, to before that, `backUs` is what it showed then. They count
 * in the second after either instant. If `backUs` replaced `atUs`, they would be lost once the clock is correct again.
 */
export type Admissions = readonly [atUs: number, count: number, backUs?: number];

export interface RoomTerms {
  /** Admissions per second, 0.01 to 10,000. */
  readonly perSecond: number;
  /** The maximum number of users inside; null: no limit. */
  readonly capacity: number | null;
  readonly paused: boolean;
}

const SECOND_US = 1_000_000;
/** Longer has no effect, as the budget covers one second. Shorter: the rate falls behind when steps are that slow. */
const CATCH_UP_US = SECOND_US;

/** How many may be admitted at `nowUs` with `inside` users inside. */
export function roomFor(pace: Pace, terms: RoomTerms, inside: number, nowUs: number): number {
  if (terms.paused) return 0;
  const stepUs = SECOND_US / terms.perSecond;
  const dueUs = nextDue(pace, stepUs, nowUs);
  const spaced = nowUs < dueUs ? 0 : Math.floor((nowUs - dueUs) / stepUs) + 1;
  const budget = budgetOf(worthKeeping(pace, nowUs), terms.perSecond, nowUs);
  const free = terms.capacity === null ? Number.POSITIVE_INFINITY : terms.capacity - inside;
  return Math.max(0, Math.min(spaced, budget, free));
}

/** The pace after admitting `admitted` users at `nowUs`. */
export function paceAfter(pace: Pace, perSecond: number, admitted: number, nowUs: number): Pace {
  const recent = worthKeeping(pace, nowUs);
  const stepUs = SECOND_US / perSecond;
  const nextUs = Math.round(nextDue(pace, stepUs, nowUs) + admitted * stepUs);
  const isHeldBack = admitted === 0 || admitted >= budgetOf(recent, perSecond, nowUs);
  return {
    nextUs: isHeldBack ? Math.max(nextUs, nowUs) : nextUs,
    recent: admitted === 0 ? recent : [...recent, [nowUs, admitted]],
  };
}

/** How many more may be admitted in the second that ends now. */
function budgetOf(recent: Pace['recent'], perSecond: number, nowUs: number): number {
  const counts = recent.map(([atUs, count, backUs = atUs]) =>
    isInLastSecond(atUs, nowUs) || isInLastSecond(backUs, nowUs) ? count : 0,
  );
  return Math.max(1, Math.floor(perSecond)) - counts.reduce((sum, count) => sum + count, 0);
}

/** Never further back than what is caught up, and at most one step ahead, in case the clock was set back. */
function nextDue({ nextUs }: Pace, stepUs: number, nowUs: number): number {
  if (nextUs === 0) return nowUs;
  return Math.min(Math.max(nextUs, nowUs - CATCH_UP_US), nowUs + stepUs);
}

function isInLastSecond(us: number, nowUs: number): boolean {
  return us > nowUs - SECOND_US && us <= nowUs;
}

/**
 * Keeps admissions of the second that ends now; those ahead of a clock that was set back, which gets there again; and those
 * of the second before: if the clock was set ahead, it gets there again after the correction.
 */
function worthKeeping({ recent }: Pace, nowUs: number): Admissions[] {
  const all = recent.map((admissions): Admissions => {
    const [atUs, count, backUs = atUs] = admissions;
    return backUs > nowUs ? [atUs, count, nowUs] : admissions;
  });
  const sinceUs = nowUs - SECOND_US;
  const beforeUs = Math.max(...all.map(lastCounted).filter(us => us <= sinceUs));
  return all.filter(admissions => lastCounted(admissions) > Math.min(sinceUs, beforeUs - SECOND_US));
}

function lastCounted([atUs, , backUs = atUs]: Admissions): number {
  return Math.max(atUs, backUs);
}
