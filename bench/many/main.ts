import type { Bench } from '../bench.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import type { Lateness } from './decisions.ts';
import { type ManyFigures, measureMany } from './measure.ts';

const options = {
  rooms: whole(1_000, 1, 10_000, 'open waiting rooms'),
  visited: whole(50, 0, 64, 'of which so many have people in them'),
  coupons: whole(100, 1, 5_000, 'coupons that people enter and claim'),
  entries: whole(200, 1, 5_000, 'entries a second, over all coupons'),
  seconds: whole(60, 5, 600, 'seconds that are measured'),
  statements: flag('also which statements the engines send'),
  json: flag('a JSON object as the last line'),
};

export const many: Bench<typeof options> = {
  summary: 'many campaigns on two engines: how late deadlines pass, and what empty rooms cost',
  options,
  kafka: 'no',
  run: async ({ servers, options: chosen, closing, say }) => {
    const figures = await measureMany(servers, chosen, closing, say);
    const { decisions, available } = figures;
    const late = { unit: ' ms', must: 1_000, aim: 500, better: 'less' } as const;
    const goals: readonly Goal[] = [
      { what: 'an entry is decided after, p99', value: decisions.entries.p99Ms, ...late },
      { what: 'a deadline passes late by, p99', value: decisions.deadlines.p99Ms, ...late },
      { what: 'available time', value: 100 * available, unit: '%', must: 95, aim: 99, better: 'more' },
    ];
    const text = [
      cycleTable(figures),
      lateTable(figures),
      ...(chosen.statements ? [statementTable(figures, chosen.seconds)] : []),
    ].join('\n\n');
    return { text, goals, json: { ...figures } };
  },
};

function cycleTable({ engines, statementsPerSecond, cpu }: ManyFigures): string {
  const cycles = engines.map(
    ({ cycles, cycleP50Ms, cycleP99Ms, cycleMaxMs }, index) =>
      [`cycles of engine ${index + 1}`, cycles, cycleP50Ms, cycleP99Ms, cycleMaxMs] as const,
  );
  return [
    table(['', 'cycles', 'p50, ms', 'p99, ms', 'longest, ms'], cycles),
    table(
      ['', 'a second'],
      [
        ['statements of both engines', statementsPerSecond],
        ...Object.entries(cpu).map(([name, used]) => [`CPU of ${name}, s`, used] as const),
      ],
    ),
  ].join('\n\n');
}

function lateTable({ decisions, people, available }: ManyFigures): string {
  const row = (what: string, { count, p50Ms, p99Ms, maxMs }: Lateness) =>
    [what, count, p50Ms, p99Ms, maxMs] as const;
  const { entries, deadlines, claims, admissions, undecided } = decisions;
  return [
    table(
      ['', 'decided', 'after p50, ms', 'p99, ms', 'longest, ms'],
      [
        row('entries, since their stamp', entries),
        row('deadlines, since they were due', deadlines),
        row('claims, since their stamp', claims),
        row('let into rooms, since their stamp', admissions),
      ],
    ),
    table(
      ['', ''],
      [
        ['entered', people.entered],
        ['claimed', people.claimed],
        ['claimed in vain', people.claimedInVain],
        ['entries not decided at the end', undecided.entries],
        ['deadlines overdue at the end', undecided.deadlines],
        ['available time, %', 100 * available],
      ],
    ),
  ].join('\n\n');
}

function statementTable({ engines }: ManyFigures, seconds: number): string {
  return engines
    .map(({ slowest }, index) =>
      table(
        [`statements of engine ${index + 1}`, 'a second', 'ms a second', 'ms each'],
        slowest.map(({ words, count, totalMs }) => [
          words,
          count / seconds,
          totalMs / seconds,
          totalMs / count,
        ]),
      ),
    )
    .join('\n\n');
}
