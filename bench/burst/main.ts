import type { Bench } from '../bench.ts';
import { flag, whole } from '../report/options.ts';
import { goalsOf, measureBurst, reportOf, tablesOf } from './burst.ts';

const options = {
  rounds: whole(5, 1, 100, 'rounds; in each one, all take their turn'),
  users: whole(
    100_000,
    1_000,
    1_000_000,
    'requests of a burst, each of a new user; the idiomatic way: a fifth',
  ),
  connections: whole(4_000, 1, 10_000, 'clients that ask, wait for the answer and ask again: rates'),
  few: whole(400, 1, 10_000, 'the same where there is less of a crowd: p99'),
  warmup: whole(
    200_000,
    1_000,
    1_000_000,
    'requests of each of the two discarded bursts that warm each; the idiomatic way: a fifth',
  ),
  receipts: flag('fairline without receipts beside it, to see what they cost'),
  json: flag('a JSON object as the last line'),
};

export const burst: Bench<typeof options> = {
  summary: 'accepted entries/s and p99: both logs against a bare echo and the idiomatic way',
  options,
  kafka: 'if-possible',
  run: async ({ servers, options, closing, say }) => {
    const crowds = { ...options, fewConnections: options.few };
    const report = reportOf(await measureBurst(servers, crowds, closing, say), crowds);
    return {
      text: tablesOf(report),
      goals: goalsOf(report),
      json: { generator: 'bench/load, 1 process', ...report },
    };
  },
};
