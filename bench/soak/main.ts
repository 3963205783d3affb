import type { Bench } from '../bench.ts';
import { flag, whole } from '../report/options.ts';
import { goalTable, table } from '../report/table.ts';
import { growth } from './memory.ts';
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

/** Most that the last measurement may be, divided by the earlier one. */
const AT_MOST = 1.1;
const AIM = 1.05;

export const soak: Bench<typeof options> = {
  summary: 'whether memory grows with the campaigns that are over: RSS of each process, and Redis',
  options,
  kafka: 'no',
  run: async ({ servers, options, closing, say }) => {
    const { campaigns, entries, gateways, every, from } = options;
    const terms = { log: 'redis', campaigns, entries, gateways, every } as const;
    const more = { atOnce: options['at-once'], openMs: options['open-ms'] };
    const looks = await measureSoak(servers, { ...terms, ...more }, closing, say);
    const last = looks.at(-1);
    const base = looks.find(look => look.campaigns >= from) ?? looks[0];
    if (last === undefined || base === undefined) throw new Error('nothing was looked at');
    const grown = growth(base.memory, last.memory);
    const text = [
      table(['', ...columnsOf(looks)], looks.map(rowOf)),
      `After the last, for each byte after campaign ${base.campaigns}:`,
      goalTable(
        Object.entries(grown).map(([what, value]) => ({
          what,
          value,
          unit: '',
          must: AT_MOST,
          aim: AIM,
          better: 'less',
        })),
      ),
    ].join('\n\n');
    if (Object.values(grown).some(ratio => ratio > AT_MOST)) process.exitCode = 1;
    return { text, json: { grown, comparedAfter: base.campaigns, looks } };
  },
};

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
