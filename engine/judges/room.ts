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
  /** The admissions of the last second: instant and number, oldest first. */
  readonly recent: readonly (readonly [atUs: number, count: number])[];
}

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
  const budget = budgetOf(lastSecond(pace, nowUs), terms.perSecond);
  const places = terms.capacity === null ? Number.POSITIVE_INFINITY : terms.capacity - inside;
  return Math.max(0, Math.min(spaced, budget, places));
}

/** The pace once `admitted` were let in at `nowUs`. */
export function paceAfter(pace: Pace, perSecond: number, admitted: number, nowUs: number): Pace {
  const recent = lastSecond(pace, nowUs);
  const stepUs = SECOND_US / perSecond;
  const nextUs = Math.round(nextDue(pace, stepUs, nowUs) + admitted * stepUs);
  const isHeldBack = admitted === 0 || admitted >= budgetOf(recent, perSecond);
  return {
    nextUs: isHeldBack ? Math.max(nextUs, nowUs) : nextUs,
    recent: admitted === 0 ? recent : [...recent, [nowUs, admitted]],
  };
}

/** How many more may come in the second that ends now. */
function budgetOf(recent: Pace['recent'], perSecond: number): number {
  return Math.max(1, Math.floor(perSecond)) - recent.reduce((sum, [, count]) => sum + count, 0);
}

/** Never further back than what is made up for; and not beyond one step ahead, as where the clock was set back. */
function nextDue({ nextUs }: Pace, stepUs: number, nowUs: number): number {
  if (nextUs === 0) return nowUs;
  return Math.min(Math.max(nextUs, nowUs - CATCH_UP_US), nowUs + stepUs);
}

/** What a clock that was set back has put into the future counts as of now: a second later it is forgotten. */
function lastSecond({ recent }: Pace, nowUs: number): (readonly [number, number])[] {
  return recent
    .map(([atUs, count]) => [Math.min(atUs, nowUs), count] as const)
    .filter(([atUs]) => atUs > nowUs - SECOND_US);
}
