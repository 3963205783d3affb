import type { Bench } from '../bench.ts';
import type { Goal } from '../report/goals.ts';
import { flag, UsageError, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { growth, type Memory } from './memory.ts';
import { type Look, measureSoak, megabytes } from './soak.ts';

const options = {
  campaigns: whole(1_000, 1, 100_000, 'campaigns, one after another'),
  entries: whole(5_000, 1, 1_000_000, 'people who enter each'),
  'at-once': whole(3, 1, 100, 'campaigns at a time'),
  gateways: whole(2, 1, 16, 'gateways'),
  every: whole(50, 1, 10_000, 'campaigns between two looks at memory'),
  from: whole(100, 1, 100_000, 'campaigns after which nothing may grow any more'),
  'open-ms': whole(3_000, 500, 3_600_000, 'how long each is open'),
  json: flag('a JSON object as the last line'),
};

/**
 * Looks on each side of a comparison. Between two single looks, a gateway's RSS changes by 15 % and Redis' by 25 %, up as
 * often as down.
 */
const COMPARED = 5;
/** Most that the median of the last looks may be, divided by that of the earlier ones. */
const AT_MOST = 1.1;
const AIM = 1.05;

export const soak: Bench<typeof options> = {
  summary: 'whether memory grows with the campaigns that are over: RSS of each process, and Redis',
  options,
  kafka: 'no',
  run: async ({ servers, options, closing, say }) => {
    const { campaigns, entries, gateways, every, from } = options;
    const terms = { log: 'redis', campaigns, entries, gateways, every } as const;
    const { earlier, later } = comparedOf(campaigns, every, from);
    const more = { atOnce: options['at-once'], openMs: options['open-ms'] };
    const looks = await measureSoak(servers, { ...terms, ...more }, closing, say);
    const memoryAt = (numbers: readonly number[]): readonly Memory[] =>
      looks.filter(look => numbers.includes(look.campaigns)).map(({ memory }) => memory);
    const grown = growth(memoryAt(earlier), memoryAt(later));
    const goals: readonly Goal[] = Object.entries(grown).map(([what, value]) => ({
      what,
      value,
      unit: '',
      must: AT_MOST,
      aim: AIM,
      better: 'less',
    }));
    const text = [
      table(['', ...columnsOf(looks)], looks.map(rowOf)),
      `Median after campaigns ${later.join(', ')}, divided by the median after ${earlier.join(', ')}:`,
    ].join('\n\n');
    return { text, goals, json: { grown, earlier, later, looks } };
  },
};

/**
 * The looks that are compared, each by the number of campaigns before it: the first ones from campaign `from` on, and the
 * last ones, as many on each side as there are. Throws when there is only one.
 */
function comparedOf(
  campaigns: number,
  every: number,
  from: number,
): { readonly earlier: readonly number[]; readonly later: readonly number[] } {
  const all = Array.from({ length: Math.ceil(campaigns / every) }, (_, index) =>
    Math.min((index + 1) * every, campaigns),
  );
  const counted = all.slice(
    Math.max(
      0,
      all.findIndex(number => number >= from),
    ),
  );
  const each = Math.min(COMPARED, Math.floor(counted.length / 2));
  if (each === 0) {
    throw new UsageError(
      `--campaigns ${campaigns} --every ${every} --from ${from} compare nothing: expected two looks or more from --from on`,
    );
  }
  return { earlier: counted.slice(0, each), later: counted.slice(-each) };
}

function columnsOf([look]: readonly Look[]): readonly string[] {
  const processes = Object.keys(look?.memory.rss ?? {}).map(name => `${name}, MB`);
  return ['entries', 's', ...processes, 'used_memory, MB', 'keys', 'ledger, MB'];
}

function rowOf({ campaigns, accepted, seconds, memory }: Look): readonly string[] {
  const { rss, redisBytes, redisKeys, ledgerBytes } = memory;
  return [
    `${campaigns} campaigns`,
    ...[String(accepted), String(Math.round(seconds))],
    ...Object.values(rss).map(megabytes),
    ...[megabytes(redisBytes), String(redisKeys), megabytes(ledgerBytes)],
  ];
}
