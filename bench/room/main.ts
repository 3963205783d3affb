import type { Bench } from '../bench.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { measureAdmissions } from './admissions.ts';
import { measureCrowd } from './crowd.ts';

const options = {
  rate: whole(100, 1, 5_000, 'people let in a second'),
  seconds: whole(60, 20, 600, 'how long the line takes to be let in'),
  waiting: whole(100_000, 20_000, 1_000_000, 'people before the room'),
  watching: whole(10_000, 1, 12_000, 'of whom so many watch'),
  watch: whole(20, 5, 60, 'for how many seconds the loop is measured'),
  json: flag('a JSON object as the last line'),
};

export const room: Bench<typeof options> = {
  summary:
    'a waiting room: admissions beyond its budget, the error of the wait it shows, and a crowd before it',
  options,
  kafka: 'no',
  run: async ({ servers, options, closing, say }) => {
    const { rate: perSecond, seconds, waiting, watching, watch } = options;
    const admissions = await measureAdmissions(servers, { perSecond, seconds }, closing, say);
    const crowd = await measureCrowd(servers, { waiting, watching, seconds: watch }, closing, say);
    const percent = { unit: '%', must: 10, aim: 5, better: 'less' } as const;
    const block = { unit: ' ms', must: 20, aim: 10, better: 'less' } as const;
    const goals: readonly Goal[] = [
      {
        what: 'admissions beyond the budget, any second',
        value: admissions.beyondBudget,
        unit: '',
        must: 0,
        aim: 0,
        better: 'less',
      },
      { what: "error of the ETA's p50, steady rate", value: 100 * admissions.etaErrorP50, ...percent },
      { what: "longest block of the gateway's loop", value: crowd.longestBlockMs, ...block },
    ];
    const text = [
      table(
        ['three gateways, two engines', 'measured'],
        [
          ['let in', admissions.admitted],
          ['a second', admissions.measuredPerSecond],
          ['most in any second', admissions.mostInASecond],
          ['waits shown', admissions.etasShown],
          ['off by, nine in ten, %', 100 * admissions.etaErrorP90],
          ['waited no longer than p90, %', 100 * admissions.withinP90],
        ],
      ),
      table(
        ['one gateway, a crowd', 'measured'],
        [
          ['wait', crowd.waiting],
          ['watch', crowd.watching],
          ['let in meanwhile', crowd.admittedMeanwhile],
          ['skipped meanwhile', crowd.skippedMeanwhile],
          ['longest computed, ms', crowd.longestOwnBlockMs ?? undefined],
          ['blocks over 10 ms', crowd.over10Ms],
        ],
      ),
    ].join('\n\n');
    return { text, goals, json: { admissions, crowd } };
  },
};
