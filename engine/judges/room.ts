/**
 * The judge of rooms: how many may be let in now. Pure; the caller brings the time (microseconds, of one clock for all
 * engines) and keeps the pace between two turns.
 *
 * Two rules, and the stricter one holds:
 * - Spacing (the generic cell rate algorithm, ITU-T I.371): admissions are due 1/rate apart, so that people come in
 *   evenly. What fell due while nobody looked is made up for, at most CATCH_UP_US of it; what fell due while the budget
 *   held it back, or while nobody was let in who could have been, is not: else they would come in all at once from then on,
 *   once a second.
 * - The budget itself: in any second (nowUs - 1 s, nowUs], whenever it ends, no more than the rate. Admissions of one
 *   turn fall on one instant, so the spacing alone would let a turn's worth more into some seconds.
 *
 * Both live in what is kept, so an engine that takes over has the same pace and not a second budget.
 */
export interface Pace {
  /** The next admission is due then; 0: at once, and nothing was due before. */
  readonly nextUs: number;
  /** The admissions of the last second, and of the one before (`worthKeeping`). */
  readonly recent: readonly Admissions[];
}

/**
 * When how many were let in. `backUs` where the clock was set back since, to before that: what it showed then. They count in
 * the second behind either. Were `atUs` replaced by it, they would be forgotten as soon as the clock is right again.
 */
export type Admissions = readonly [atUs: number, count: number, backUs?: number];

export interface RoomTerms {
  /** Admissions a second, 0.01 to 10,000. */
  readonly perSecond: number;
  /** People inside at most; null: as many as come. */
  readonly capacity: number | null;
  readonly paused: boolean;
}

const SECOND_US = 1_000_000;
/** Longer: nothing, as the budget is that of a second. Shorter: the rate falls behind when steps are that slow. */
const CATCH_UP_US = SECOND_US;

/** How many may be admitted at `nowUs` with `inside` people inside. */
export function roomFor(pace: Pace, terms: RoomTerms, inside: number, nowUs: number): number {
  if (terms.paused) return 0;
  const stepUs = SECOND_US / terms.perSecond;
  const dueUs = nextDue(pace, stepUs, nowUs);
  const spaced = nowUs < dueUs ? 0 : Math.floor((nowUs - dueUs) / stepUs) + 1;
  const budget = budgetOf(worthKeeping(pace, nowUs), terms.perSecond, nowUs);
  const places = terms.capacity === null ? Number.POSITIVE_INFINITY : terms.capacity - inside;
  return Math.max(0, Math.min(spaced, budget, places));
}

/** The pace once `admitted` were let in at `nowUs`. */
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

/** How many more may come in the second that ends now. */
function budgetOf(recent: Pace['recent'], perSecond: number, nowUs: number): number {
  const counts = recent.map(([atUs, count, backUs = atUs]) =>
    isInLastSecond(atUs, nowUs) || isInLastSecond(backUs, nowUs) ? count : 0,
  );
  return Math.max(1, Math.floor(perSecond)) - counts.reduce((sum, count) => sum + count, 0);
}

/** Never further back than what is made up for; and not beyond one step ahead, as where the clock was set back. */
function nextDue({ nextUs }: Pace, stepUs: number, nowUs: number): number {
  if (nextUs === 0) return nowUs;
  return Math.min(Math.max(nextUs, nowUs - CATCH_UP_US), nowUs + stepUs);
}

function isInLastSecond(us: number, nowUs: number): boolean {
  return us > nowUs - SECOND_US && us <= nowUs;
}

/**
 * What counts in the second that ends now; what is ahead of a clock that was set back, which comes there once more; and the
 * last second before this one: where the clock was set ahead, it comes there again when the clock is right.
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
