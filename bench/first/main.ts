import type { Bench } from '../bench.ts';
import { ratioOf, type Spread, spreadOf } from '../report/figures.ts';
import { flag, whole } from '../report/options.ts';
import { number, table } from '../report/table.ts';
import { BURSTS, type Burst, type BurstFigures, type FirstFigures, measureFirst, WAYS } from './measure.ts';

const options = {
  rounds: whole(
    4,
    1,
    50,
    'rounds; each starts a gateway that warms itself up and one that does not, in turns first',
  ),
  users: whole(50_000, 1_000, 1_000_000, 'entries of a burst; each gateway gets three, one behind the other'),
  connections: whole(50, 1, 4_000, 'clients that ask at once: few make many slices'),
  'redis-log': flag('over Redis Streams, also where there is a Kafka'),
  json: flag('a JSON object as the last line'),
};

/** Figures by their names in the tables. */
const SHOWN = {
  'CPU an entry, us': 'entryUs',
  'CPU a slice, us': 'sliceUs',
  'p50, ms': 'p50Ms',
  'p99, ms': 'p99Ms',
  slices: 'slices',
} as const satisfies Record<string, keyof BurstFigures>;

export const first: Bench<typeof options> = {
  summary: 'what the first slices of a new gateway cost, warmed up and not, beside its later ones',
  options,
  kafka: 'if-possible',
  run: async ({ servers, options: { rounds, users, connections, ...rest }, closing, say }) => {
    const log = rest['redis-log'] || servers.env.KAFKA_BROKERS === undefined ? 'redis' : 'kafka';
    const figures = await measureFirst(servers, { log, rounds, users, connections }, closing, say);
    const text = [burstTable(figures), startTable(figures)].join('\n\n');
    return { text: `log: ${log}\n\n${text}`, goals: [], json: { log, figures } };
  },
};

/** The first burst of both ways beside the later one of the same gateway, and divided by it. */
function burstTable(figures: FirstFigures): string {
  const rows = Object.entries(SHOWN).flatMap(([what, name]) =>
    WAYS.map(way => {
      const valuesOf = (burst: Burst): number[] => figures[way].map(life => life[burst][name]);
      const [before, after] = [valuesOf('first'), valuesOf('later')];
      const medians = [before, after].map(values => spreadOf(values).median);
      return [`${what}: ${way}`, ...medians, withSpread(ratioOf(before, after))];
    }),
  );
  return table(['median of the gateways', ...BURSTS.map(burst => `${burst} burst`), 'first / later'], rows);
}

function startTable(figures: FirstFigures): string {
  const rows = WAYS.map(way => {
    const starts = figures[way].map(({ start }) => start);
    return [
      way,
      withSpread(spreadOf(starts.map(({ seconds }) => seconds))),
      withSpread(spreadOf(starts.map(({ cpuSeconds }) => cpuSeconds))),
    ];
  });
  return table(['from its start until it is ready', 's', 'CPU, s'], rows);
}

function withSpread({ median, least, greatest }: Spread): string {
  return `${number(median)} (${number(least)} to ${number(greatest)})`;
}
