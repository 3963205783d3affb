import { table } from '../report/table.ts';
import type { FairnessReport, Outcome } from './fairness.ts';
import { GAP_NAMES } from './pairs.ts';
import type { WayName } from './ways.ts';

const TITLES: Readonly<Record<WayName, string>> = {
  fairline: 'fairline',
  database: 'order of arrival at PostgreSQL',
  buckets: 'one-minute buckets, random inside',
  incr: 'INCR in Redis',
  clock: "each server's own clock",
};

/** Shares and counts for a person, a pair of tables for each scenario. */
export function tablesOf({ outcomes, skews, linkMs, seed }: FairnessReport): string {
  const scenarios = [...new Set(outcomes.map(({ scenario }) => scenario))];
  const parts = scenarios.map(scenario => {
    const ways = outcomes.filter(outcome => outcome.scenario === scenario);
    const shares = table(
      [`${scenario}: % of pairs, by gap`, ...GAP_NAMES],
      ways.map(outcome => [TITLES[outcome.way], ...outcome.fractions.map(percent)]),
    );
    const counts = table(
      ['of which, swapped / pairs', ...GAP_NAMES],
      ways.map(outcome => [
        TITLES[outcome.way],
        ...outcome.pairs.map((pairs, gap) => `${outcome.swapped[gap] ?? 0}/${pairs}`),
      ]),
    );
    return `${shares}\n\n${counts}`;
  });
  const offsets = skews.map(({ offsetMs, ppm }) => `${signed(offsetMs)} ms ${signed(ppm)} ppm`).join(', ');
  return [
    'Pairs that stand in another order than the one in which they arrived at the edge, by how far apart they arrived.',
    ...parts,
    latenessTable(outcomes),
    `The servers' clocks are off by ${offsets}; a slow link takes ${linkMs} ms each way; seed ${seed}.`,
  ].join('\n\n');
}

/** How late fairline's gateways, whose clocks are wrong by up to 200 ms, stamp, and the bound that they report. */
function latenessTable(outcomes: readonly Outcome[]): string {
  const ours = outcomes.filter(({ way }) => way === 'fairline');
  const most = Math.max(...ours.map(({ lateMs = [] }) => lateMs.length));
  return table(
    [
      'stamp less arrival at the edge, ms, median',
      ...Array.from({ length: most }, (_, index) => `gateway ${index + 1}`),
      'clock bound',
    ],
    ours.map(({ scenario, lateMs = [], clockBoundMs }) => [
      scenario,
      ...Array.from({ length: most }, (_, index) => lateMs[index]),
      clockBoundMs,
    ]),
  );
}

function percent(fraction: number | null): string | undefined {
  if (fraction === null) return undefined;
  return fraction === 0 ? '0' : (fraction * 100).toPrecision(3);
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : String(value);
}
