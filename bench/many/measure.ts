/**
 * Many campaigns at once, on two engines: open rooms, most of them empty, and coupons that people keep entering, claim, and
 * let lapse.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NewCampaignBody } from '../../engine/api/contract/campaign-schemas.ts';
import { measureCpu, treeCpuUs } from '../peers/usage.ts';
import { openBooks } from '../system/books.ts';
import type { Closing } from '../system/closing.ts';
import {
  makeSite,
  type Process,
  type Site,
  startEngine,
  startGateway,
  untilKnown,
} from '../system/fairline.ts';
import { inMs, Operator } from '../system/operator.ts';
import type { Servers } from '../system/servers.ts';
import { monotonicUs } from '../watch/clock.ts';
import { startWatchers } from '../watch/fleet.ts';
import { askProbe } from '../watchers/ask-probe.ts';
import { type Decisions, noteDecisions, readAvailabilityAt, readDecisions } from './decisions.ts';
import { People, type PeopleCounts } from './people.ts';
import type { EngineAnswer } from './probe.ts';

const PROBE = new URL('./probe.ts', import.meta.url);
const ENGINES = 2;
const OPEN_MS = 3_600_000;
const MADE_AT_ONCE = 8;
/** For each coupon: STOCK offers at once, each for CLAIM_WITHIN_S, and a waitlist for everybody else. */
const STOCK = 10;
const CLAIM_WITHIN_S = 5;
const WAITLIST = 100_000;
const PER_SECOND = 100;
const PEOPLE_A_ROOM = 10;
const VISITORS = { prefix: 'r', digits: 7 } as const;
/** Long enough that offers lapse all the time, and that the processes' code is compiled. */
const WARM_SECONDS = 12;

export interface ManyTerms {
  readonly rooms: number;
  /** The number of these rooms that have people in them. */
  readonly visited: number;
  readonly coupons: number;
  readonly entries: number;
  readonly seconds: number;
}

export interface ManyFigures {
  readonly engines: readonly EngineAnswer[];
  readonly statementsPerSecond: number;
  /** Share of the time that the availability clock counted, 0 to 1. */
  readonly available: number;
  readonly decisions: Decisions;
  readonly people: PeopleCounts;
  /** Seconds of CPU time per second. */
  readonly cpu: Readonly<Record<string, number>>;
}

export async function measureMany(
  servers: Servers,
  terms: ManyTerms,
  closing: Closing,
  say: (line: string) => void,
): Promise<ManyFigures> {
  const site = await closing.own(makeSite(servers, 'redis'));
  const books = await closing.own(openBooks(site));
  const engines: Process[] = [];
  for (let number = 0; number < ENGINES; number++) engines.push(await closing.own(startEngine(site, PROBE)));
  const gateway = await closing.own(startGateway(site));
  await noteDecisions(books.pool);
  const { rooms, coupons } = await makeCampaigns(engines, site, terms);
  await untilKnown({ gateways: [gateway] }, Math.max(...rooms, ...coupons));
  say(`${rooms.length} rooms and ${coupons.length} coupons are open`);
  const people = new People({
    base: gateway.base,
    ticket: site.ticket,
    coupons,
    perSecond: terms.entries,
    seconds: terms.seconds + 2 * WARM_SECONDS,
  });
  await closing.own(Promise.resolve({ stop: async () => people.end() }));
  people.start();
  await visit(gateway, site, rooms.slice(0, terms.visited), terms.seconds + WARM_SECONDS, closing);
  await sleep(WARM_SECONDS * 1e3);
  say(`people come: measuring for ${terms.seconds} s`);
  const end = await beginMeasuring(servers, engines, gateway);
  const before = { ...people.counts };
  const from = await readAvailabilityAt(books.pool);
  await sleep(terms.seconds * 1e3);
  const figures = await end();
  const to = await readAvailabilityAt(books.pool);
  const decisions = await readDecisions(books.pool, from.nowMs);
  const { entered, claimed, claimedInVain } = people.counts;
  people.end();
  people.requireFine();
  return {
    ...figures,
    available: (to.availableMs - from.availableMs) / (to.nowMs - from.nowMs),
    decisions,
    people: {
      entered: entered - before.entered,
      claimed: claimed - before.claimed,
      claimedInVain: claimedInVain - before.claimedInVain,
    },
  };
}

async function makeCampaigns(
  engines: readonly Process[],
  site: Site,
  { rooms, coupons }: ManyTerms,
): Promise<{ readonly rooms: readonly number[]; readonly coupons: readonly number[] }> {
  const operators = engines.map(({ base }) => new Operator(base, site.operatorToken));
  const room: NewCampaignBody = {
    kind: 'room',
    title: 'A room',
    per_second: PER_SECOND,
    closes_at: inMs(OPEN_MS),
  };
  const coupon: NewCampaignBody = {
    kind: 'coupon',
    title: 'A coupon',
    stock: STOCK,
    claim_within_s: CLAIM_WITHIN_S,
    waitlist: WAITLIST,
    closes_at: inMs(OPEN_MS),
  };
  const wanted = [
    ...Array<NewCampaignBody>(rooms).fill(room),
    ...Array<NewCampaignBody>(coupons).fill(coupon),
  ];
  const made = { room: [] as number[], coupon: [] as number[], raffle: [] as number[] };
  await Promise.all(
    Array.from({ length: MADE_AT_ONCE }, async (_, at) => {
      const operator = operators[at % operators.length];
      for (let next = wanted.pop(); next !== undefined && operator !== undefined; next = wanted.pop())
        made[next.kind].push((await operator.create(next)).id);
    }),
  );
  return { rooms: made.room, coupons: made.coupon };
}

/** People enter these rooms one after another, watch, and are let in. */
async function visit(
  gateway: Process,
  site: Site,
  rooms: readonly number[],
  seconds: number,
  closing: Closing,
): Promise<void> {
  if (rooms.length === 0) return;
  const groups = rooms.map((campaign, index) => ({
    campaign,
    users: { ...VISITORS, from: index * PEOPLE_A_ROOM, to: (index + 1) * PEOPLE_A_ROOM },
    enter: 'post' as const,
    startAtUs: monotonicUs(),
    spreadMs: seconds * 1e3,
  }));
  const watchers = await closing.own(
    startWatchers({ bases: [gateway.base], groups, ticket: site.ticket, limitSeconds: 2 * seconds + 60 }),
  );
  watchers.go().catch(() => undefined);
}

type Measured = Pick<ManyFigures, 'engines' | 'statementsPerSecond' | 'cpu'>;

async function beginMeasuring(
  { pids }: Servers,
  engines: readonly Process[],
  gateway: Process,
): Promise<() => Promise<Measured>> {
  const ask = async (): Promise<readonly EngineAnswer[]> => {
    const answers: EngineAnswer[] = [];
    for (const engine of engines) answers.push(await askProbe<EngineAnswer>(engine, { collect: false }));
    return answers;
  };
  await ask();
  const { postgres, redis } = pids;
  const beganMs = performance.now();
  const postgresUs = postgres === undefined ? 0 : await treeCpuUs(postgres);
  const cpu = await measureCpu({
    gateway: gateway.pid,
    ...Object.fromEntries(engines.map(({ pid }, index) => [`engine ${index + 1}`, pid])),
    ...(redis === undefined ? {} : { redis }),
  });
  return async () => {
    const usedUs = {
      ...(await cpu()),
      ...(postgres === undefined ? {} : { postgres: (await treeCpuUs(postgres)) - postgresUs }),
    };
    const us = (performance.now() - beganMs) * 1e3;
    const answers = await ask();
    return {
      engines: answers,
      statementsPerSecond: (answers.reduce((sum, { statements }) => sum + statements, 0) / us) * 1e6,
      cpu: Object.fromEntries(Object.entries(usedUs).map(([name, used]) => [name, used / us])),
    };
  };
}
