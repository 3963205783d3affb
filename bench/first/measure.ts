import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { startFleet } from '../load/fleet.ts';
import { measureCpu, processUsage } from '../peers/usage.ts';
import { type Books, openAccount, openBooks, requireAllAccepted } from '../system/books.ts';
import { Closing } from '../system/closing.ts';
import {
  type Fairline,
  makeSite,
  type Process,
  type Site,
  startEngine,
  startGateway,
  untilBooked,
  untilKnown,
  untilSettled,
} from '../system/fairline.ts';
import { inMs, Operator } from '../system/operator.ts';
import type { Servers } from '../system/servers.ts';

export const WAYS = ['warmed up', 'not warmed up'] as const;
/** Whether a gateway warms itself up before it is ready. */
export type Way = (typeof WAYS)[number];

export const BURSTS = ['first', 'later'] as const;
/** Which burst of a gateway. */
export type Burst = (typeof BURSTS)[number];

export interface BurstFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the gateway, in microseconds. */
  readonly entryUs: number;
  readonly sliceUs: number;
  readonly slices: number;
}

export interface Life extends Readonly<Record<Burst, BurstFigures>> {
  /** From the start of the process until it takes entries, with the CPU time used by then. */
  readonly start: { readonly seconds: number; readonly cpuSeconds: number };
}

/** By way, one gateway per round. */
export type FirstFigures = Readonly<Record<Way, readonly Life[]>>;

export interface FirstTerms {
  readonly log: LogKind;
  readonly rounds: number;
  readonly users: number;
  readonly connections: number;
}

interface Setup {
  readonly site: Site;
  readonly engine: Process;
  readonly books: Books;
  readonly directory: string;
}

const OPEN_MS = 3_600_000;

/**
 * Starts a gateway for each round and way, and gives each three bursts. Rejects with LostRun when a burst has lost
 * something.
 */
export async function measureFirst(
  servers: Servers,
  terms: FirstTerms,
  closing: Closing,
  say: (line: string) => void,
): Promise<FirstFigures> {
  const directory = await mkdtemp(join(tmpdir(), 'fairline-first-'));
  await closing.own(Promise.resolve({ stop: () => rm(directory, { recursive: true, force: true }) }));
  const site = await closing.own(makeSite(servers, terms.log));
  const books = await closing.own(openBooks(site));
  const engine = await closing.own(startEngine(site));
  const setup: Setup = { site, engine, books, directory };
  await servers.setFsync(terms.log === 'redis' ? 'always' : 'everysec');
  // Otherwise the first gateway would be measured beside a cold engine and a cold broker.
  say('a gateway that does not count, for the engine and the servers');
  await live(setup, terms, 'not warmed up', 'r0');
  const figures: Record<Way, Life[]> = { 'warmed up': [], 'not warmed up': [] };
  for (let round = 1; round <= terms.rounds; round++) {
    for (const way of round % 2 === 1 ? WAYS : [...WAYS].reverse()) {
      const life = await live(setup, terms, way, `r${round}${way.charAt(0)}`);
      figures[way].push(life);
      const { start, first, later } = life;
      say(
        `round ${round} of ${terms.rounds}, ${way}: ready after ${start.seconds.toFixed(1)} s; ${shown(first)}; later ${shown(later)}`,
      );
    }
  }
  return figures;
}

function shown({ entryUs, p50Ms, p99Ms, slices }: BurstFigures): string {
  return `${entryUs.toFixed(1)} us an entry, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${slices} slices`;
}

/** From the start of a gateway to its stop. `name` is unique. */
async function live(setup: Setup, terms: FirstTerms, way: Way, name: string): Promise<Life> {
  const { site, engine } = setup;
  const closing = new Closing();
  try {
    const told: Site = way === 'warmed up' ? site : { ...site, env: { ...site.env, WARM_UP_MS: '0' } };
    const beganMs = performance.now();
    const gateway = await closing.own(startGateway(told));
    const seconds = (performance.now() - beganMs) / 1e3;
    const { cpuUs } = await processUsage(gateway.pid);
    const operator = new Operator(engine.base, site.operatorToken);
    const fairline = { site, engine, gateways: [gateway], operator, stop: () => closing.close() };
    const first = await runBurst(fairline, setup, terms, `${name}f`);
    // Otherwise the later burst would begin with work that the first one left half done.
    await runBurst(fairline, setup, terms, `${name}b`);
    const later = await runBurst(fairline, setup, terms, `${name}l`);
    return { start: { seconds, cpuSeconds: cpuUs / 1e6 }, first, later };
  } finally {
    await closing.close();
  }
}

async function runBurst(
  fairline: Fairline,
  { books, directory }: Setup,
  { users, connections }: FirstTerms,
  name: string,
): Promise<BurstFigures> {
  const { site, operator, gateways } = fairline;
  const closes_at = inMs(OPEN_MS);
  const { id } = await operator.create({ kind: 'raffle', title: `First ${name}`, winners: 10, closes_at });
  await untilKnown(fairline, id);
  const account = await openAccount(fairline);
  const fleet = await startFleet({
    bases: gateways.map(({ base }) => base),
    path: `/v1/campaigns/${id}/entries`,
    ticket: site.ticket,
    expect: { campaign: id, stamp: true, position: true },
    connections,
    users: { from: 0, to: users, prefix: `${name}-` },
    recordPath: join(directory, name),
  });
  try {
    const cpu = await measureCpu({ gateway: gateways[0]?.pid ?? 0 });
    const result = await fleet.go();
    const { gateway = 0 } = await cpu();
    const accepted = requireAllAccepted(result);
    await account.untilTakenIn(fairline, accepted);
    const { slices } = await account.balance(fairline, books, id, result.recordPaths);
    await operator.close(id);
    await untilSettled(fairline, id);
    await untilBooked(fairline, id);
    const { p50Ms, p99Ms } = result;
    return { p50Ms, p99Ms, entryUs: gateway / accepted, sliceUs: gateway / slices, slices };
  } finally {
    await fleet.stop();
  }
}
