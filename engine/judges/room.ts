/**
 * The judge of rooms: how many may be let in now. Pure; the caller brings the time (microseconds, of one clock for all
 * engines) and keeps the pace between two turns.
 *
 * Two rules, and the stricter one holds:
 * - Spacing (the generic cell rate algorithm, ITU-T I.371): admissions are due 1/rate apart, so that people come in
 *   evenly. What fell due while nobody looked is made up for at most CATCH_UP_US of it.
 * - The budget itself: in any second (nowUs - 1 s, nowUs], whenever it ends, no more than the rate. Admissions of one
 *   turn fall on one instant, so the spacing alone would let a turn's worth more into some seconds.
 *
 * Both live in what is kept, so an engine that takes over has the same pace and not a second budget.
 */
export interface Pace {
  /** The next admission is due then. */
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
/** Longer: a step that was held up is followed by a rush. Shorter: the rate falls behind when steps are slow. */
const CATCH_UP_US = 100_000;

/** How many may be admitted at `nowUs` with `inside` people inside. */
export function roomFor(pace: Pace, terms: RoomTerms, inside: number, nowUs: number): number {
  if (terms.paused) return 0;
  const stepUs = SECOND_US / terms.perSecond;
  const dueUs = nextDue(pace, stepUs, nowUs);
  const spaced = nowUs < dueUs ? 0 : Math.floor((nowUs - dueUs) / stepUs) + 1;
  const before = lastSecond(pace, nowUs).reduce((sum, [, count]) => sum + count, 0);
  const budget = Math.max(1, Math.floor(terms.perSecond)) - before;
  const places = terms.capacity === null ? Number.POSITIVE_INFINITY : terms.capacity - inside;
  return Math.max(0, Math.min(spaced, budget, places));
}

/** The pace once `admitted` were let in at `nowUs`. */
export function paceAfter(pace: Pace, perSecond: number, admitted: number, nowUs: number): Pace {
  const recent = lastSecond(pace, nowUs);
  const stepUs = SECOND_US / perSecond;
  if (admitted === 0) return { nextUs: Math.min(pace.nextUs, Math.round(nowUs + stepUs)), recent };
  const nextUs = Math.round(nextDue(pace, stepUs, nowUs) + admitted * stepUs);
  return { nextUs, recent: [...recent, [nowUs, admitted]] };
}

/** Never further back than what is made up for; and not beyond one step ahead, as where the clock was set back. */
function nextDue({ nextUs }: Pace, stepUs: number, nowUs: number): number {
  return Math.min(Math.max(nextUs, nowUs - CATCH_UP_US), nowUs + stepUs);
}

/** What a clock that was set back has put into the future counts as of now: a second later it is forgotten. */
function lastSecond({ recent }: Pace, nowUs: number): (readonly [number, number])[] {
  return recent
    .map(([atUs, count]) => [Math.min(atUs, nowUs), count] as const)
    .filter(([atUs]) => atUs > nowUs - SECOND_US);
}
