import { number, table } from './table.ts';

/** A target beside the measured figure. */
export interface Goal {
  readonly what: string;
  /** Undefined where this run could not measure it. */
  readonly value: number | undefined;
  readonly unit: string;
  /** The limit: a run that misses it fails. */
  readonly must: number;
  readonly aim: number;
  /** Whether less or more is better. */
  readonly better: 'less' | 'more';
}

type Verdict = 'not measured' | 'aim' | 'must' | 'MISSED';

export function goalTable(goals: readonly Goal[]): string {
  return table(
    ['what', 'measured', 'must', 'aim', ''],
    goals.map(goal => [
      goal.what,
      goal.value === undefined ? undefined : `${number(goal.value)}${goal.unit}`,
      bound(goal, goal.must),
      bound(goal, goal.aim),
      verdictOf(goal),
    ]),
  );
}

/** The goals whose limit the measured figure misses, each in one line. */
export function missedOf(goals: readonly Goal[]): readonly string[] {
  return goals
    .filter(goal => verdictOf(goal) === 'MISSED')
    .map(
      goal =>
        `${goal.what}: ${number(goal.value ?? Number.NaN)}${goal.unit}, must be ${bound(goal, goal.must)}`,
    );
}

function verdictOf({ value, must, aim, better }: Goal): Verdict {
  if (value === undefined) return 'not measured';
  const reaches = (limit: number): boolean => (better === 'less' ? value <= limit : value >= limit);
  if (reaches(aim)) return 'aim';
  return reaches(must) ? 'must' : 'MISSED';
}

function bound({ unit, better }: Goal, limit: number): string {
  return `${better === 'less' ? '<=' : '>='} ${limit}${unit}`;
}
