/**
 * The demo: a coupon and a raffle on a private stack, a burst at the opening, watchers, the close, and the count.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isoOfMs } from '../../engine/contract/api/instants.ts';
import { monotonicUs } from '../watch/clock.ts';
import { startWatchers, type WatcherProcess } from '../watch/fleet.ts';
import type { WatchGroupRequest } from '../watch/job.ts';
import { readWatchRecord } from '../watch/record.ts';
import type { WatchResult } from '../watch/run.ts';
import { type BurstResult, startBurst } from './burst.ts';
import { checkCampaign } from './checks/check.ts';
import { Faults } from './checks/faults.ts';
import { keepWholeLog } from './checks/log-reader.ts';
import { checkProofs } from './checks/proofs.ts';
import { tooEarlyIn } from './checks/watched.ts';
import { type Campaigns, collect } from './collect.ts';
import { Operator } from './operator.ts';
import type { DemoOptions } from './options.ts';
import { makeReport, type Report } from './report.ts';
import { type Closers, type Servers, type Site, startProcesses, startServers } from './site.ts';
import { type Scene, startView } from './view.ts';

/**
 * From making the campaigns to their opening. Meanwhile the generators start, and sign a ticket for every user. A busy
 * machine needs longer for that, in proportion to the time that its gateways took to start.
 */
const LEAD_MS = { from: 5_000, to: 60_000 };
const LEAD_A_START = 1.5;
const LEAD_MS_A_USER = 0.03;
/** The burst begins this long after the opening: the gateways' clock and this one differ by some milliseconds. */
const BURST_DELAY_MS = 30;
/** Watchers ask a little early and are told to retry after two seconds, which is just after the opening. */
const EARLY_MS = 1_990;
const EARLY_SPREAD_MS = 60;
/** How long watchers watch at least between the burst and the close; some reload the page meanwhile. */
const WATCH_MS = 2_000;
const WINDOW_MS = 3_600_000;
/** Time after the close within which everything must be settled and told to the watchers. */
const SETTLE_MS = 60_000;
const TELL_MS = 30_000;
const WATCH_LIMIT_SECONDS = 1_200;
const POLL_MS = 100;

/** Share of the watchers. Most watch the raffle, where everybody waits for the draw; a coupon is soon decided. */
const COUPON_SHARE = 0.25;
const RELOADS = { share: 0.3, withoutIdShare: 0.5, times: 2, afterMs: { from: 200, to: 1_500 } };

export interface DemoEnvironment {
  readonly options: DemoOptions;
  /** Directory of the private stack; its data is deleted first. */
  readonly dir: string;
  /** Everything that must be undone, whatever happens, is added here as soon as it exists. */
  readonly closers: Closers;
  readonly onProgress: (line: string) => void;
  /** Where the live view goes; absent for none. */
  readonly stream?: NodeJS.WriteStream;
}

/** Runs the whole demo. Rejects with StackError, or when something that the count depends on fails. */
export async function runDemo(environment: DemoEnvironment): Promise<Report> {
  const { options, closers, dir } = environment;
  const siteOptions = { ...environment, gateways: options.gateways, log: options.log };
  const servers = await startServers(siteOptions, closers);
  await keepWholeLog(servers.env);
  const beganMs = performance.now();
  const site = await startProcesses(siteOptions, servers, closers);
  const startMs = performance.now() - beganMs;
  const directory = join(dir, 'records');
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const faults = new Faults();
  const show = new Show(environment, servers, site);
  closers.add(() => show.end());
  const run = { options, site, startMs, directory, closers, show, faults };
  const { campaigns, burst, watching } = await Promise.race([runCampaigns(run), site.broken]);
  show.phase('counting');
  const watched = await readWatchRecord(join(directory, 'watchers'));
  const evidence = await collect({ servers, campaigns, options, burst, watched }, faults);
  const counts = evidence.map(one => checkCampaign(one, faults));
  checkBurst(burst, faults);
  show.phase('verifying books and receipts');
  const proofs = await Promise.race([checkProofs(site, evidence, directory, faults), site.broken]);
  await show.end();
  const tooEarly = tooEarlyIn(watched);
  return makeReport({
    options,
    log: servers.env.LOG,
    campaigns: counts,
    faults,
    burst,
    watching,
    tooEarly,
    proofs,
  });
}

/** The live view, if there is one. */
class Show {
  readonly #scene: Scene;
  readonly #end: () => Promise<void>;

  constructor({ options, stream }: DemoEnvironment, servers: Servers, site: Site) {
    const number = new Intl.NumberFormat('en-US');
    const log = servers.env.LOG === 'kafka' ? 'Kafka' : 'Redis Streams';
    const title =
      `fairline demo: ${number.format(options.users)} users, ${number.format(options.watchers)} watchers, ` +
      `${options.gateways === 1 ? 'one gateway' : `${options.gateways} gateways`}, ${log}`;
    this.#scene = { title, asks: options.users * 2, phase: 'waiting for the opening' };
    this.#end =
      stream === undefined
        ? async () => {}
        : startView({ scene: this.#scene, gateways: site.gateways, engine: site.operator.base, stream });
  }

  phase(phase: string): void {
    this.#scene.phase = phase;
  }

  /** Safe to call again. */
  end(): Promise<void> {
    return this.#end();
  }
}

interface Run {
  readonly options: DemoOptions;
  readonly site: Site;
  /** How long engine and gateways took to start. */
  readonly startMs: number;
  readonly directory: string;
  readonly closers: Closers;
  readonly show: Show;
  readonly faults: Faults;
}

async function runCampaigns(run: Run): Promise<{
  readonly campaigns: Campaigns;
  readonly burst: BurstResult;
  readonly watching: WatchResult;
}> {
  const { options, site, directory, closers, show, faults } = run;
  const operator = new Operator(site.operator);
  const opensAtMs = Date.now() + leadMs(options.users, run.startMs);
  const campaigns = await createCampaigns(operator, options, opensAtMs);
  const opensAtUs = monotonicUs() + (opensAtMs - Date.now()) * 1e3;
  const digits = Math.max(6, String(options.users).length);
  const common = { bases: site.gateways, ticket: site.ticket };
  const starting = {
    burst: startBurst({
      ...common,
      users: options.users,
      digits,
      campaigns: [campaigns.coupon, campaigns.raffle],
      startAtUs: opensAtUs + BURST_DELAY_MS * 1e3,
      directory,
    }),
    watchers: startWatchers({
      ...common,
      bases: [...common.bases],
      groups: groupsOf(options, campaigns, digits, opensAtUs),
      reloads: RELOADS,
      limitSeconds: WATCH_LIMIT_SECONDS,
      recordPath: join(directory, 'watchers'),
    }),
  };
  for (const started of Object.values(starting)) {
    started.then(({ stop }) => closers.add(stop)).catch(() => undefined);
  }
  const burst = await starting.burst;
  const watchers = await starting.watchers;
  const watching = watchers.go();
  // It is awaited below; this keeps a failure before that from counting as unhandled.
  watching.catch(() => undefined);
  const opened = sleep(Math.max(0, opensAtMs - Date.now())).then(() => show.phase('the burst'));
  const bursted = await burst.done();
  await opened;
  show.phase('people watch');
  await sleep(WATCH_MS);
  show.phase('closing');
  await Promise.all([operator.close(campaigns.coupon), operator.close(campaigns.raffle)]);
  show.phase('settling');
  await untilSettled(operator, campaigns, faults);
  show.phase('telling the outcomes');
  const watched = await untilTold(watchers, watching);
  return { campaigns, burst: bursted, watching: watched };
}

function leadMs(users: number, startMs: number): number {
  const toStart = Math.min(LEAD_MS.to, Math.max(LEAD_MS.from, startMs * LEAD_A_START));
  return Math.ceil(toStart + users * LEAD_MS_A_USER);
}

async function createCampaigns(
  operator: Operator,
  { stock, winners }: DemoOptions,
  opensAtMs: number,
): Promise<Campaigns> {
  const times = {
    opens_at: isoOfMs(opensAtMs),
    closes_at: isoOfMs(opensAtMs + WINDOW_MS),
  };
  const coupon = await operator.create({ kind: 'coupon', title: 'A coupon drop', stock, ...times });
  const raffle = await operator.create({ kind: 'raffle', title: 'A raffle', winners, ...times });
  return { coupon: coupon.id, raffle: raffle.id };
}

/**
 * The first users watch the coupon, the last ones the raffle. Half of the raffle's watchers let the burst make their entry.
 * All watchers who make their own entry come too early.
 */
function groupsOf(
  { users, watchers }: DemoOptions,
  { coupon, raffle }: Campaigns,
  digits: number,
  opensAtUs: number,
): readonly WatchGroupRequest[] {
  const startAtUs = opensAtUs - EARLY_MS * 1e3;
  const early = { enter: 'post' as const, startAtUs, spreadMs: EARLY_SPREAD_MS };
  const ofCoupon = Math.ceil(watchers * COUPON_SHARE);
  const waiting = Math.floor((watchers - ofCoupon) / 2);
  const groups: readonly WatchGroupRequest[] = [
    { campaign: coupon, users: { from: 0, to: ofCoupon, digits }, ...early },
    {
      campaign: raffle,
      users: { from: users - (watchers - ofCoupon), to: users - waiting, digits },
      ...early,
    },
    {
      campaign: raffle,
      users: { from: users - waiting, to: users, digits },
      enter: 'wait',
      startAtUs: opensAtUs,
    },
  ];
  return groups.filter(({ users: { from, to } }) => from < to);
}

async function untilSettled(operator: Operator, campaigns: Campaigns, faults: Faults): Promise<void> {
  const untilMs = performance.now() + SETTLE_MS;
  const open = new Set(Object.values(campaigns));
  for (;;) {
    for (const id of open) {
      const { status } = await operator.get(id);
      if (status === 'settled') open.delete(id);
      else if (performance.now() > untilMs) {
        faults.add(
          'other',
          `a campaign is not settled ${SETTLE_MS / 1e3} s after its close`,
          `${id} is ${status}`,
        );
        open.delete(id);
      }
    }
    if (open.size === 0) return;
    await sleep(POLL_MS);
  }
}

/** Waits, for a limited time, until every watcher has been told an outcome; then takes what there is. */
async function untilTold(watchers: WatcherProcess, watching: Promise<WatchResult>): Promise<WatchResult> {
  watchers.finish();
  const late = setTimeout(() => watchers.cut(), TELL_MS);
  try {
    return await watching;
  } finally {
    clearTimeout(late);
  }
}

/** Faults of the burst itself, beside those that the count finds. */
function checkBurst({ result }: BurstResult, faults: Faults): void {
  for (const [code, count] of Object.entries(result.errors)) {
    faults.add('other', `a generator had trouble: ${code}`, 'see answers in --json', count);
  }
  if (result.ended !== 'done') {
    faults.add('other', 'the burst was given up before all was answered', `it ended with ${result.ended}`);
  }
}
