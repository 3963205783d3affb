/** Runs every way through every scenario, and counts the pairs whose order differs from that of their arrival. */
import type { Closing } from '../system/closing.ts';
import type { Servers } from '../system/servers.ts';
import { startFairlineWay } from './fairline-way.ts';
import { addCounts, countPairs, type PairCounts } from './pairs.ts';
import { startPeerWays } from './peer-ways.ts';
import type { CrowdTerms, Route, RunOfWay, Skew, WayName } from './ways.ts';

export interface FairnessOptions {
  readonly rounds: number;
  readonly clients: number;
  readonly rate: number;
  readonly gateways: number;
  readonly link: number;
  readonly seed: number;
}

/** Offset and drift of the servers' clocks; the signs alternate from one server to the next. */
const SKEWS: readonly Skew[] = [
  { offsetMs: 200, ppm: 80 },
  { offsetMs: -200, ppm: -80 },
  { offsetMs: 100, ppm: -40 },
  { offsetMs: -100, ppm: 40 },
];
export const MOST_GATEWAYS = SKEWS.length;
/** Connections to all servers together. */
const CONNECTIONS = 256;
/** Clients of a discarded run, so that no way is measured while its code is being compiled. */
const WARMUP_CLIENTS = 400;

export interface Scenario extends Route {
  readonly title: string;
}

/** The result of one way in one scenario; counts are summed over the rounds. */
export interface Outcome extends PairCounts {
  readonly scenario: string;
  readonly way: WayName;
  /** Swapped pairs as a share of all, for each gap; null without any pair. */
  readonly fractions: readonly (number | null)[];
  /** From the last round. */
  readonly lateMs?: readonly number[];
  readonly clockBoundMs?: number;
}

export interface FairnessReport {
  readonly skews: readonly Skew[];
  readonly linkMs: number;
  readonly seed: number;
  readonly outcomes: readonly Outcome[];
}

/** One gateway, two, four; then all of them, the last one behind a slow link, without and with X-Request-Start. */
export function scenariosOf(gateways: number): Scenario[] {
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
  const outcomes = new Map<string, Outcome>();
  for (let round = 0; round < options.rounds; round++) {
    // Every other round goes in reverse, so that drift over time does not always hurt the same way.
    const scenarios = scenariosOf(options.gateways);
    for (const scenario of round % 2 === 0 ? scenarios : scenarios.reverse()) {
      say(`round ${round + 1} of ${options.rounds}  ${scenario.title}`);
      for (const way of ways) {
        // The other ways do not use the proxy's timestamp.
        if (scenario.link === 'noted' && way.name !== 'fairline') continue;
        const run = await way.run(scenario, terms(scenario.servers, options.seed + round));
        const name = `${way.name} ${scenario.title}`;
        outcomes.set(name, outcomeOf(way.name, scenario.title, run, outcomes.get(name)));
      }
    }
  }
  return { skews, linkMs: options.link, seed: options.seed, outcomes: [...outcomes.values()] };
}

/** The result of a run, added to those of the rounds before it. */
function outcomeOf(
  way: WayName,
  scenario: string,
  { placed, lateMs, clockBoundMs }: RunOfWay,
  before: PairCounts | undefined,
): Outcome {
  const counts = addCounts(countPairs(placed), before);
  const { pairs, swapped } = counts;
  return {
    scenario,
    way,
    pairs,
    swapped,
    fractions: pairs.map((count, gap) => (count === 0 ? null : (swapped[gap] ?? 0) / count)),
    ...(lateMs === undefined ? {} : { lateMs }),
    ...(clockBoundMs === undefined ? {} : { clockBoundMs }),
  };
}
