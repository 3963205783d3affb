/**
 * What all compared ways of putting people in order have in common: the same number of servers, the same wrong clocks, and
 * a slow link before the last server.
 */
import { type Child, startScript } from '../peers/process.ts';
import type { Closing } from '../system/closing.ts';
import type { Crowd } from './clients.ts';
import type { Placed } from './pairs.ts';

export const PEER_WAYS = ['database', 'buckets', 'incr', 'clock'] as const;
export type PeerWay = (typeof PEER_WAYS)[number];
export type WayName = 'fairline' | PeerWay;

/** How a server's clocks are wrong. */
export interface Skew {
  readonly offsetMs: number;
  readonly ppm: number;
}

/**
 * Which servers get the requests, and whether the last one is behind the slow link, with a proxy that notes arrivals or
 * without.
 */
export interface Route {
  readonly servers: number;
  readonly link: 'none' | 'slow' | 'noted';
}

/** The crowd as given to each way, which adds addresses and users. */
export type CrowdTerms = Pick<Crowd, 'clients' | 'perSecond' | 'seed' | 'connections'>;

export interface RunOfWay {
  readonly placed: readonly Placed[];
  /** fairline's: the median of instant minus arrival for each gateway, and the widest bound that a gateway reported. */
  readonly lateMs?: readonly number[];
  readonly clockBoundMs?: number;
}

export interface Way {
  readonly name: WayName;
  run(route: Route, terms: CrowdTerms): Promise<RunOfWay>;
}

const EDGE = new URL('./edge.ts', import.meta.url);

export function envOf({ offsetMs, ppm }: Skew): Record<string, string> {
  return { FAIRNESS_OFFSET_MS: String(offsetMs), FAIRNESS_RATE_PPM: String(ppm) };
}

export function baseOf({ ready }: Child): string {
  return `http://127.0.0.1:${ready.port}`;
}

/** The last server's addresses over a slow link: without and with a proxy that notes arrivals before it. */
export interface Edges {
  readonly slow: string;
  readonly noted: string;
}

export async function startEdges(base: string, linkMs: number, closing: Closing): Promise<Edges> {
  const start = async (notes: boolean): Promise<string> => {
    const { port } = new URL(base);
    const env = { TARGET_PORT: port, LINK_MS: String(linkMs), NOTES: notes ? '1' : '0', PORT: '0' };
    return baseOf(await closing.own(startScript(EDGE, { name: 'edge', env })));
  };
  return { slow: await start(false), noted: await start(true) };
}

/**
 * The addresses of a route: the first `servers` servers; with a link, the last ones, with the named edge for the last of
 * all.
 */
export function basesOf(
  { servers, link }: Route,
  direct: readonly string[],
  edges: Edges,
): readonly string[] {
  return link === 'none' ? direct.slice(0, servers) : [...direct.slice(-servers, -1), edges[link]];
}
