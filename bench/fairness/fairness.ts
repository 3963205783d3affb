/** Runs every way through every scenario, and counts the pairs that do not stand as they arrived. */
import type { Closing } from '../system/closing.ts';
import type { Servers } from '../system/servers.ts';
import { startFairlineWay } from './fairline-way.ts';
import { addCounts, countPairs, type PairCounts } from './pairs.ts';
import { startPeerWays } from './peer-ways.ts';
import type { CrowdTerms, Route, Skew, Way, WayName } from './ways.ts';

export interface FairnessOptions {
  readonly rounds: number;
  readonly clients: number;
  readonly rate: number;
  readonly gateways: number;
  readonly link: number;
  readonly seed: number;
}

/** What a server's clocks are off by and run fast by, in turn; the sign changes from one to the next. */
const SKEWS: readonly Skew[] = [
  { offsetMs: 200, ppm: 80 },
  { offsetMs: -200, ppm: -80 },
  { offsetMs: 100, ppm: -40 },
  { offsetMs: -100, ppm: 40 },
];
export const MOST_GATEWAYS = SKEWS.length;
/** Connections to all servers together. */
const CONNECTIONS = 256;
/** Discarded, so that no way is measured while its code is being compiled. */
const WARMUP_CLIENTS = 400;

export interface Scenario extends Route {
  readonly title: string;
}

/** One way through one scenario; counts are summed over the rounds. */
export interface Outcome extends PairCounts {
  readonly scenario: string;
  readonly way: WayName;
  /** Swapped pairs as a share of all, for each gap; null where there was no pair. */
  readonly fractions: readonly (number | null)[];
  readonly lateMs?: readonly number[];
  readonly clockBoundMs?: number;
}

export interface FairnessReport {
  readonly skews: readonly Skew[];
  readonly linkMs: number;
  readonly seed: number;
  readonly outcomes: readonly Outcome[];
}

/** One gateway, two, four; then the last one of them over a slow link, which fairline can be told of. */
export function scenariosOf(gateways: number): readonly Scenario[] {
  const counts = [1, 2, 4].filter(count => count < gateways).concat(gateways);
  const name = (count: number): string => (count === 1 ? '1 server' : `${count} servers`);
  return [
    ...counts.map(servers => ({ title: name(servers), servers, link: 'none' as const })),
    { title: `${name(gateways)}, slow link before one`, servers: gateways, link: 'slow' },
    { title: `${name(gateways)}, slow link before one, X-Request-Start`, servers: gateways, link: 'noted' },
  ];
}

export async function measureFairness(
  servers: Servers,
  options: FairnessOptions,
  closing: Closing,
  say: (line: string) => void,
): Promise<FairnessReport> {
  const skews = SKEWS.slice(0, options.gateways);
  await servers.setFsync('always');
  const fairline = await startFairlineWay(servers, skews, options.link, closing);
  const ways = [fairline, ...(await startPeerWays(servers, skews, options.link, closing))];
  const terms = (servers: number, seed: number): CrowdTerms => ({
    clients: options.clients,
    perSecond: options.rate,
    seed,
    connections: Math.ceil(CONNECTIONS / servers),
  });
  for (const way of ways) {
    const all = { servers: options.gateways, link: 'none' } as const;
    await way.run(all, { ...terms(options.gateways, 0), clients: WARMUP_CLIENTS });
  }
  const outcomes: Outcome[] = [];
  for (const scenario of scenariosOf(options.gateways)) {
    say(
      `${scenario.title}: ${options.clients} clients at ${options.rate}/s, ${options.rounds} round(s) each way`,
    );
    for (const way of ways) {
      // The others have no use for what a proxy notes.
      if (scenario.link === 'noted' && way.name !== 'fairline') continue;
      outcomes.push(await outcomeOf(way, scenario, options, seed => terms(scenario.servers, seed)));
    }
  }
  return { skews, linkMs: options.link, seed: options.seed, outcomes };
}

async function outcomeOf(
  way: Way,
  scenario: Scenario,
  { rounds, seed }: FairnessOptions,
  termsOf: (seed: number) => CrowdTerms,
): Promise<Outcome> {
  let counts: PairCounts | undefined;
  let last: Awaited<ReturnType<Way['run']>> | undefined;
  for (let round = 0; round < rounds; round++) {
    last = await way.run(scenario, termsOf(seed + round));
    const one = countPairs(last.placed);
    counts = counts === undefined ? one : addCounts(counts, one);
  }
  const { pairs = [], swapped = [] } = counts ?? {};
  return {
    scenario: scenario.title,
    way: way.name,
    pairs,
    swapped,
    fractions: pairs.map((count, gap) => (count === 0 ? null : (swapped[gap] ?? 0) / count)),
    ...(last?.lateMs === undefined ? {} : { lateMs: last.lateMs }),
    ...(last?.clockBoundMs === undefined ? {} : { clockBoundMs: last.clockBoundMs }),
  };
}
