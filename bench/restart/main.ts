import type { Bench } from '../bench.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { measureRestarts, type Recovery } from './measure.ts';

const options = {
  campaigns: whole(2_000, 1, 20_000, 'finished campaigns in the ledger'),
  entries: whole(5_000_000, 1_000, 50_000_000, 'entries of them'),
  'redis-log': flag('over Redis Streams, also where there is a Kafka'),
  json: flag('a JSON object as the last line'),
};

export const restart: Bench<typeof options> = {
  summary:
    'how soon entries are accepted and decided again after kill -9 of each part, and after Redis was emptied',
  options,
  kafka: 'if-possible',
  run: async ({ servers, options, say }) => {
    const { campaigns, entries } = options;
    const log = options['redis-log'] || servers.env.KAFKA_BROKERS === undefined ? 'redis' : 'kafka';
    const recoveries = await measureRestarts(servers, log, { campaigns, entries }, say);
    return {
      text: table(
        ['killed with -9, or emptied, s', 'back after', 'then the first 202', 'then the first settled'],
        recoveries.map(({ part, backAfter, accepted, settled }) => [part, backAfter, accepted, settled]),
      ),
      goals: recoveries.flatMap(goalsOf),
      json: { recoveries: Object.fromEntries(recoveries.map(({ part, ...rest }) => [part, rest])) },
    };
  },
};

/** With Redis emptied twice, everything that it had is made anew from the ledger, the second time from an unfinished state. */
export function goalsOf({ part, accepted, settled }: Recovery): readonly Goal[] {
  const isEmptied = part === 'redis, emptied twice';
  const since = isEmptied ? '' : ' after it is back';
  return [
    {
      what: `${part}: first 202${since}`,
      value: accepted,
      unit: ' s',
      must: isEmptied ? 15 : 5,
      aim: isEmptied ? 5 : 2,
      better: 'less',
    },
    { what: `${part}: first settled${since}`, value: settled, unit: ' s', must: 15, aim: 5, better: 'less' },
  ];
}
