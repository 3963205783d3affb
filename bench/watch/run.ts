import { Histogram } from '../load/histogram.ts';
import { LoadError, loopback } from '../load/job.ts';
import { TicketBook, userId } from '../load/tickets.ts';
import { monotonicUs } from './clock.ts';
import type { WatchGroup, WatchJob } from './job.ts';
import { ShownLog, type WatchEnd, type WatchRecord, writeWatchRecord } from './record.ts';
import type { Reloading, WatcherRun } from './terms.ts';
import { Watcher } from './watcher.ts';

const SWEEP_MS = 500;

/**
 * The result of a run.
 *
 * - `ends`: watchers by how they ended (record.ts). `missingOutcomes`: those with a stream that were shown no outcome.
 * - `positions`: events with a position; `heartbeats`: comments; `stalled`: events that say that nothing moves.
 * - `positionsBackward`, `positionsMoved`, `outcomesChanged`: see sight.ts; all 0 in a correct run.
 * - `errors`: failures that a reconnect mended, by code: the system's, `closed`, `timeout`, `silent`, `stream_ended`
 *   (before an outcome), `queue_503`, `queue_429`.
 * - `firstShown…`: from the request for a stream to the first thing shown.
 * - `cpuUs`: user and system time from the first watcher's start on, `rssBytes`: memory at the end of the run.
 */
export interface WatchResult {
  readonly watchers: number;
  readonly ends: Readonly<Record<WatchEnd, number>>;
  readonly missingOutcomes: number;
  readonly streams: number;
  readonly reloads: number;
  readonly positions: number;
  readonly heartbeats: number;
  readonly stalled: number;
  readonly positionsBackward: number;
  readonly positionsMoved: number;
  readonly outcomesChanged: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly firstShownP50Ms: number;
  readonly firstShownP99Ms: number;
  readonly seconds: number;
  readonly cpuUs: number;
  readonly rssBytes: number;
  readonly recordPath: string | null;
}

export interface WatchHooks {
  /** Awaited before anything is sent. */
  readonly ready?: () => Promise<void>;
  /** From then on nobody waits for an entry that somebody else makes. */
  readonly finishing?: Promise<unknown>;
  /** From then on the run is over for all watchers, in whatever state they are. */
  readonly cutOff?: Promise<unknown>;
  readonly signal?: AbortSignal;
}

interface Beginning {
  /** Undefined: when the run begins. */
  readonly startAtUs?: number | undefined;
  readonly laterUs: number;
}

class WatchRun implements WatcherRun {
  readonly shown = new ShownLog();
  readonly firstShown = new Histogram();
  readonly errors = new Map<string, number>();
  readonly watchers: readonly Watcher[];
  positionsBackward = 0;
  positionsMoved = 0;
  outcomesChanged = 0;
  stalled = 0;
  finishing = false;
  readonly #job: WatchJob;
  /** When each watcher starts: on the machine's clock, or relative to the beginning of the run. */
  readonly #beginnings: readonly Beginning[];
  #running: number;
  #resolve: () => void = () => {};

  constructor(job: WatchJob) {
    this.#job = job;
    const watchers: Watcher[] = [];
    const beginnings: Beginning[] = [];
    for (const group of job.groups) {
      this.#makeGroup(group, watchers, beginnings);
    }
    this.watchers = watchers;
    this.#beginnings = beginnings;
    this.#running = watchers.length;
  }

  /** Resolves when all watchers are over; rejects with `LoadError` `aborted`. */
  async watch(signal: AbortSignal | undefined): Promise<void> {
    const { limitSeconds, answerTimeoutMs, silenceMs } = this.#job;
    const sweeper = setInterval(() => {
      const nowUs = monotonicUs();
      for (const watcher of this.watchers) watcher.sweep(nowUs, answerTimeoutMs, silenceMs);
    }, SWEEP_MS);
    const limit = setTimeout(() => this.cut(), limitSeconds * 1e3);
    let abort = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        this.#resolve = resolve;
        abort = () => reject(new LoadError('aborted', 'the run was aborted'));
        signal?.addEventListener('abort', abort);
        if (signal?.aborted === true) abort();
        const nowUs = monotonicUs();
        this.watchers.forEach((watcher, index) => {
          const { startAtUs = nowUs, laterUs } = this.#beginnings[index] ?? { laterUs: 0 };
          watcher.begin(Math.max(0, (startAtUs + laterUs - nowUs) / 1e3));
        });
      });
    } finally {
      signal?.removeEventListener('abort', abort);
      clearInterval(sweeper);
      clearTimeout(limit);
      this.cut();
    }
  }

  cut(): void {
    for (const watcher of this.watchers) watcher.cut();
  }

  error(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  over(): void {
    if (--this.#running === 0) this.#resolve();
  }

  #makeGroup(group: WatchGroup, watchers: Watcher[], beginnings: Beginning[]): void {
    const { users, campaign, enter, startAtUs, spreadMs } = group;
    const bases = this.#job.bases.map(loopback);
    const tickets = new TicketBook(users, this.#job.ticket);
    const count = users.to - users.from;
    for (let index = 0; index < count; index++) {
      const ticket = (): string => {
        const bytes = Buffer.allocUnsafe(tickets.ticketBytes);
        tickets.copyTo(bytes, 0, index);
        return bytes.toString('latin1');
      };
      const user = userId(users, users.from + index);
      const turn = watchers.length;
      const reloading = this.#reloadingOf(index, count);
      watchers.push(new Watcher(turn, { campaign, user, enter, bases, turn, ticket, reloading }, this));
      beginnings.push({ startAtUs, laterUs: (spreadMs * 1e3 * index) / count });
    }
  }

  /** Spreads the reloading watchers evenly over the group, and among them those that reload without an id. */
  #reloadingOf(index: number, count: number): Reloading | undefined {
    const { share, withoutIdShare, times, afterMs } = this.#job.reloads;
    const reloaders = (before: number): number => Math.floor((before * Math.round(share * count)) / count);
    const nth = reloaders(index);
    if (reloaders(index + 1) === nth) return undefined;
    const withoutId = Math.floor((nth + 1) * withoutIdShare) > Math.floor(nth * withoutIdShare);
    return { times, withoutId, afterMs };
  }
}

/**
 * Runs a job in this process: signs the tickets, awaits `ready`, watches until all is over, writes the record.
 * Rejects with `LoadError` `aborted`.
 */
export async function runWatch(
  job: WatchJob,
  hooks: WatchHooks = {},
): Promise<{ readonly result: WatchResult; readonly record: WatchRecord }> {
  const run = new WatchRun(job);
  await hooks.ready?.();
  const finish = (): void => {
    run.finishing = true;
  };
  hooks.finishing?.then(finish, finish);
  const cut = (): void => run.cut();
  hooks.cutOff?.then(cut, cut);
  const startedUs = monotonicUs();
  const cpu = process.cpuUsage();
  await run.watch(hooks.signal);
  const { user, system } = process.cpuUsage(cpu);
  const record: WatchRecord = { users: run.watchers.map(watcher => watcher.result()), shown: run.shown };
  const result = toResult(run, record, {
    seconds: (monotonicUs() - startedUs) / 1e6,
    cpuUs: user + system,
    rssBytes: process.memoryUsage.rss(),
    recordPath: job.recordPath ?? null,
  });
  if (job.recordPath !== undefined) await writeWatchRecord(job.recordPath, record);
  return { result, record };
}

function toResult(
  run: WatchRun,
  { users, shown }: WatchRecord,
  measured: Pick<WatchResult, 'seconds' | 'cpuUs' | 'rssBytes' | 'recordPath'>,
): WatchResult {
  const ends = { told: 0, refused: 0, 'no-entry': 0, failed: 0, limit: 0 };
  for (const { end } of users) ends[end] += 1;
  const sum = (of: 'streams' | 'reloads' | 'heartbeats'): number =>
    users.reduce((total, user) => total + user[of], 0);
  return {
    watchers: users.length,
    ends,
    missingOutcomes: users.filter(({ streams, outcomes }) => streams > 0 && outcomes.length === 0).length,
    streams: sum('streams'),
    reloads: sum('reloads'),
    positions: shown.length,
    heartbeats: sum('heartbeats'),
    stalled: run.stalled,
    positionsBackward: run.positionsBackward,
    positionsMoved: run.positionsMoved,
    outcomesChanged: run.outcomesChanged,
    errors: Object.fromEntries(run.errors),
    firstShownP50Ms: run.firstShown.percentileUs(0.5) / 1e3,
    firstShownP99Ms: run.firstShown.percentileUs(0.99) / 1e3,
    ...measured,
  };
}
