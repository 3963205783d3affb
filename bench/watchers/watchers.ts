/**
 * What waiting people cost: Redis' memory for each user in the queue, the gateway's for each watcher, and how long its
 * event loop is held while people watch and others pour in.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { signTicket } from '../../engine/contract/keys/ticket.ts';
import { runFleet } from '../load/fleet.ts';
import type { LoadResult } from '../load/result.ts';
import { userId } from '../load/tickets.ts';
import { LostRun, requireAllAccepted } from '../system/books.ts';
import type { Closing } from '../system/closing.ts';
import { clearCore, SHARED } from '../system/cores.ts';
import { type Process, untilSettled } from '../system/fairline.ts';
import { readMetrics, sumOf } from '../system/metrics.ts';
import type { Servers } from '../system/servers.ts';
import { until } from '../system/waiting.ts';
import { startWatchers, type WatcherProcess } from '../watch/fleet.ts';
import type { WatchResult } from '../watch/run.ts';
import { askProbe, askWhenSteady } from './ask-probe.ts';
import type { ProbeAnswer } from './probe.ts';
import { fill, loadFor, openQueue, QUEUED, type Queue, SETTLE_MS, withNewGateway } from './queue.ts';
import type { RedisMemory } from './redis-memory.ts';

export interface WatchersOptions {
  readonly watchers: number;
  /** Users in the queue before the watchers come; the watchers are among them. */
  readonly users: number;
  /** How long others pour in. */
  readonly seconds: number;
  readonly connections: number;
}

export interface WatchersFigures {
  readonly memory: readonly RedisMemory[];
  readonly gateway: {
    readonly watchers: number;
    readonly rssBeforeBytes: number;
    readonly rssBytes: number;
    /** Garbage was collected before the streams were opened, and not since. */
    readonly rssBytesPerWatcher: number;
    /** The same with another collection afterwards. */
    readonly liveRssBytesPerWatcher: number;
    readonly heapBytesPerWatcher: number;
  };
  readonly loop: Pick<ProbeAnswer, 'longestBlockMs' | 'longestOwnBlockMs' | 'over10Ms' | 'over20Ms'> & {
    /** While each of the watchers is told the outcome. */
    readonly longestBlockAtOutcomeMs: number;
    readonly longestOwnBlockAtOutcomeMs: number | null;
    readonly entriesPerSecond: number;
    readonly p99Ms: number;
    readonly positionsPerSecond: number;
  };
}

/** Users who leave one after another while others pour in. All watchers stand behind them, so all are shown a new position. */
const LEAVERS = 1_000;
const LEAVE_EVERY_MS = 1_000;
/** The limit on descriptors is often between 1,024 and 20,000 per process. */
const WATCHERS_A_PROCESS = 5_000;
/** New streams a second; at a higher rate the connecting would be measured. */
const ARRIVALS_A_SECOND = 2_000;
/** Upper bound of the requests a second of one generator; each needs a ticket. */
const REQUESTS_A_SECOND = 60_000;
/** Users who pour in first, without measurement, until the code is compiled. */
const WARM_USERS = 20_000;
/** How long streams may take to be told, and to get 204 when they reconnect. */
const END_LIMIT_MS = 120_000;
const LIMIT_SECONDS = 900;

export async function measureWatchers(
  servers: Servers,
  options: WatchersOptions,
  closing: Closing,
  say: (line: string) => void,
): Promise<WatchersFigures> {
  const directory = await mkdtemp(join(tmpdir(), 'fairline-watchers-'));
  await closing.own(Promise.resolve({ stop: () => rm(directory, { recursive: true, force: true }) }));
  const memory: RedisMemory[] = [];
  if (servers.env.KAFKA_BROKERS !== undefined) {
    const queue = await openQueue(servers, 'kafka', closing);
    memory.push(await fill(queue, options, directory, say));
    await queue.fairline.stop();
  } else {
    say('there is no Kafka: Redis as the log is measured alone');
  }
  const filled = await openQueue(servers, 'redis', closing);
  memory.unshift(await fill(filled, options, directory, say));
  const putOnCore = await clearCore([...Object.values(servers.pids), filled.fairline.engine.pid]);
  if (putOnCore === undefined) say(SHARED);
  const queue = await withNewGateway(filled, closing);
  await putOnCore?.(queue.gateway.pid);
  const { gateway, processes } = await letThemWatch(queue, options, closing, say);
  const loop = await pourIn(queue, options, processes, say);
  return { memory, gateway, loop };
}

interface Watched {
  readonly gateway: WatchersFigures['gateway'];
  readonly processes: readonly Watching[];
}

interface Watching {
  readonly process: WatcherProcess;
  readonly result: Promise<WatchResult>;
}

/** Opens the streams, and returns what each takes of the gateway. */
async function letThemWatch(
  queue: Queue,
  { watchers }: WatchersOptions,
  closing: Closing,
  say: (line: string) => void,
): Promise<Watched> {
  const { gateway } = queue;
  // The first streams load code and create shared objects; a further stream does not cost that.
  const first = await watch(queue, LEAVERS, LEAVERS + Math.min(100, watchers), closing);
  await untilWatching(gateway, Math.min(100, watchers));
  await first.process.stop();
  await first.result.catch(() => undefined);
  await untilWatching(gateway, 0);
  const before = await askWhenSteady(gateway);
  const processes: Watching[] = [];
  for (let from = 0; from < watchers; from += WATCHERS_A_PROCESS) {
    const to = Math.min(from + WATCHERS_A_PROCESS, watchers);
    processes.push(await watch(queue, LEAVERS + from, LEAVERS + to, closing));
  }
  await untilWatching(gateway, watchers);
  await sleep(SETTLE_MS);
  const after = await askProbe(gateway, { collect: false });
  const liveAfter = await askWhenSteady(gateway);
  const figures = {
    watchers,
    rssBeforeBytes: before.rssBytes,
    rssBytes: after.rssBytes,
    rssBytesPerWatcher: (after.rssBytes - before.rssBytes) / watchers,
    liveRssBytesPerWatcher: (liveAfter.rssBytes - before.rssBytes) / watchers,
    heapBytesPerWatcher: (liveAfter.heapBytes - before.heapBytes) / watchers,
  };
  say(`${watchers} watch, ${Math.round(figures.rssBytesPerWatcher)} bytes of the gateway each`);
  return { gateway: figures, processes };
}

async function watch(
  { fairline, gateway, campaign }: Queue,
  from: number,
  to: number,
  closing: Closing,
): Promise<Watching> {
  const process = await closing.own(
    startWatchers({
      bases: [gateway.base],
      groups: [
        {
          campaign,
          users: { ...QUEUED, from, to },
          enter: 'wait',
          spreadMs: ((to - from) / ARRIVALS_A_SECOND) * 1_000,
        },
      ],
      ticket: fairline.site.ticket,
      limitSeconds: LIMIT_SECONDS,
    }),
  );
  const result = process.go();
  // Awaited later, or never when the bench has failed before; this keeps a failure from counting as unhandled.
  result.catch(() => undefined);
  return { process, result };
}

async function untilWatching({ base }: Process, wanted: number): Promise<void> {
  await until(`${wanted} streams`, { everyMs: 100, limitMs: END_LIMIT_MS }, async () => {
    return sumOf(await readMetrics(base), 'fairline_watchers') === wanted || undefined;
  });
}

/** Lets others enter while all watch and some leave; then closes the raffle, so that all watchers are told. */
async function pourIn(
  queue: Queue,
  options: WatchersOptions,
  processes: readonly Watching[],
  say: (line: string) => void,
): Promise<WatchersFigures['loop']> {
  const { fairline, gateway, campaign, account } = queue;
  const { seconds, connections, users, watchers } = options;
  const warm = { from: 0, to: WARM_USERS, prefix: 'c' };
  const warmed = requireAllAccepted(await runFleet({ ...loadFor(queue, connections), users: warm }));
  const leaving = new AbortController();
  await askProbe(gateway, { collect: false });
  const left = leave(queue, leaving.signal);
  let result: LoadResult;
  try {
    result = await runFleet({
      ...loadFor(queue, connections),
      users: { from: 0, to: Math.ceil(seconds * REQUESTS_A_SECOND), prefix: 'p' },
      seconds,
    });
  } finally {
    leaving.abort();
  }
  await left;
  const pouring = await askProbe(gateway, { collect: false });
  const accepted = users + warmed + requireAllAccepted(result);
  await account.untilTakenIn(fairline, accepted);
  const shown = `${Math.round(result.entriesPerSecond)} entries/s`;
  say(`${shown}, the loop was held for up to ${pouring.longestBlockMs.toFixed(1)} ms`);
  await untilWatching(gateway, watchers);
  await fairline.operator.close(campaign);
  await untilSettled(fairline, campaign);
  const watched = await Promise.all(processes.map(one => one.result));
  const telling = await askProbe(gateway, { collect: false });
  requireAllTold(watched);
  const { entries } = await fairline.operator.totals(campaign);
  if (entries !== accepted) throw new LostRun(`${accepted} were accepted, and the ledger has ${entries}`);
  const { longestBlockMs, longestOwnBlockMs, over10Ms, over20Ms } = pouring;
  return {
    longestBlockMs,
    longestOwnBlockMs,
    over10Ms,
    over20Ms,
    longestBlockAtOutcomeMs: telling.longestBlockMs,
    longestOwnBlockAtOutcomeMs: telling.longestOwnBlockMs,
    entriesPerSecond: result.entriesPerSecond,
    p99Ms: result.p99Ms,
    positionsPerSecond: (sumOfPositions(watched) - watchers) / seconds,
  };
}

/** Users withdraw one after another, until `signal` is aborted. */
async function leave({ fairline, gateway, campaign }: Queue, signal: AbortSignal): Promise<void> {
  for (let number = 0; number < LEAVERS && !signal.aborted; number++) {
    const user = userId(QUEUED, number);
    const ticket = await signTicket(user, { ...fairline.site.ticket, lifetimeSeconds: 3_600 });
    const response = await fetch(`${gateway.base}/v1/campaigns/${campaign}/entries/me`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${ticket}` },
    });
    if (!response.ok)
      throw new LostRun(`leaving was answered with ${response.status}: ${await response.text()}`);
    await Promise.allSettled([sleep(LEAVE_EVERY_MS, undefined, { signal })]);
  }
}

function requireAllTold(results: readonly WatchResult[]): void {
  for (const result of results) {
    const { watchers, ends, positionsBackward, positionsMoved, outcomesChanged } = result;
    if (ends.told !== watchers || positionsBackward + positionsMoved + outcomesChanged > 0) {
      throw new LostRun(`not all who watched were told, and in order: ${JSON.stringify(result)}`);
    }
  }
}

/** Each watcher was shown one position when the stream opened, and the others while people left. */
function sumOfPositions(results: readonly WatchResult[]): number {
  return results.reduce((sum, { positions }) => sum + positions, 0);
}
