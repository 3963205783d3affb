/**
 * What all ways of putting people in order have in common that are compared here: as many servers as the others, with
 * the same wrong clocks, and before the last of them a slow link.
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

/** Which servers are asked, and whether the last one behind the slow link, by a proxy that notes when it was there. */
export interface Route {
  readonly servers: number;
  readonly link: 'none' | 'slow' | 'noted';
}

/** The crowd as it is told to each way, which adds where and as whom. */
export type CrowdTerms = Pick<Crowd, 'clients' | 'perSecond' | 'seed' | 'connections'>;

export interface RunOfWay {
  readonly placed: readonly Placed[];
  /** fairline's: the median of instant less arrival for each gateway, and the widest bound that one of them named. */
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

/** The last server's address by a slow link, without a proxy that notes arrivals before it, and with one. */
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

/** Where a route leads: the first servers, the last of all of them by the edge that the route names. */
export function basesOf(
  { servers, link }: Route,
  direct: readonly string[],
  edges: Edges,
): readonly string[] {
  return link === 'none' ? direct.slice(0, servers) : [...direct.slice(-servers, -1), edges[link]];
}
