/** The burst: everybody enters both campaigns at the opening, some users twice and through another gateway. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { LoadRequest } from '../load/job.ts';
import { type LoadRecord, readRecord } from '../load/record.ts';
import { type LoadResult, mergeResults } from '../load/result.ts';
import { type Child, startScript } from '../peers/process.ts';
import type { Ask } from './checks/evidence.ts';

const WORKER = new URL('./burst-worker.ts', import.meta.url);
const READY_TIMEOUT_MS = 120_000;
/** Connections open at once, over all processes and campaigns. */
const CONNECTIONS = 400;
/** Share of the users who enter twice, at about the same time and through another gateway if there is one. */
const TWICE_SHARE = 0.1;
/** Share of the connections that carry the second requests. */
const TWICE_CONNECTIONS_SHARE = 0.1;
/** Requests without an answer by then are given up, so that the demo ends in any case. */
const LIMIT_SECONDS = 300;

export interface BurstOptions {
  readonly users: number;
  readonly digits: number;
  readonly campaigns: readonly number[];
  readonly bases: readonly string[];
  readonly ticket: { readonly secret: string; readonly audience: string };
  /** When to begin, on the machine's monotonic clock. */
  readonly startAtUs: number;
  /** Directory of the records. */
  readonly directory: string;
}

export interface BurstResult {
  readonly result: LoadResult;
  /** The requests to each campaign, by campaign. */
  readonly asks: ReadonlyMap<number, readonly Ask[]>;
}

/** Generator processes that are connected, and begin by themselves. */
export interface Burst {
  /** Resolves when all requests are answered or given up; rejects when a process fails. Call it once. */
  done(): Promise<BurstResult>;
  stop(): Promise<void>;
}

interface Output {
  readonly results: readonly LoadResult[];
  readonly offsetUs: number;
}

/** As many processes as needed for the generators not to be the bottleneck, leaving a core for the rest if there is one. */
function processCount(users: number): number {
  return Math.min(users, Math.max(2, Math.min(4, availableParallelism() - 1)));
}

/** Starts the processes; resolves when all are connected. */
export async function startBurst(options: BurstOptions): Promise<Burst> {
  const processes = processCount(options.users);
  const jobs = Array.from({ length: processes }, (_, index) => jobsOf(options, processes, index));
  const started = await Promise.allSettled(
    jobs.map((own, index) =>
      startScript(WORKER, {
        name: `generator ${index}`,
        input: JSON.stringify({ jobs: own, startAtUs: options.startAtUs }),
        readyTimeoutMs: READY_TIMEOUT_MS,
        isReady: line => line.ready === true,
      }),
    ),
  );
  const children = started.flatMap(start => (start.status === 'fulfilled' ? [start.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(child => child.stop()));
  };
  const failed = started.find(start => start.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return {
    stop,
    done: async () => {
      const outputs = await Promise.all(children.map(outputOf));
      const asks = new Map<number, Ask[]>(options.campaigns.map(campaign => [campaign, []]));
      for (const [index, { results, offsetUs }] of outputs.entries()) {
        for (const [number, job] of (jobs[index] ?? []).entries()) {
          const path = results[number]?.recordPaths[0];
          if (path === undefined) throw new Error('a generator wrote no record');
          const own = asks.get(Number(/\d+/.exec(job.path.slice('/v1/'.length))?.[0]));
          for (const ask of asksOf(await readRecord(path), offsetUs)) own?.push(ask);
        }
      }
      return { result: mergeResults(outputs.flatMap(({ results }) => results)), asks };
    },
  };
}

/**
 * The share of one process. For each campaign it has its own users, and again the first users of the next process, with the
 * gateways in another order, so that a user's two requests race each other.
 */
function jobsOf(options: BurstOptions, processes: number, index: number): readonly LoadRequest[] {
  const { users, digits, campaigns, bases, ticket } = options;
  const cut = (part: number): number => Math.floor((users * part) / processes);
  const next = (index + 1) % processes;
  const twice = Math.ceil((cut(next + 1) - cut(next)) * TWICE_SHARE);
  const connections = CONNECTIONS / processes / campaigns.length;
  return campaigns.flatMap(campaign => {
    const job = (name: string, from: number, to: number, share: number, turned: boolean): LoadRequest => ({
      bases: turned ? [...bases.slice(1), ...bases.slice(0, 1)] : [...bases],
      path: `/v1/campaigns/${campaign}/entries`,
      connections: Math.max(1, Math.min(to - from, Math.floor(connections * share))),
      users: { from, to, digits },
      ticket,
      retry: true,
      limitSeconds: LIMIT_SECONDS,
      expect: { campaign, stamp: true },
      recordPath: join(options.directory, `burst-${campaign}-${index}-${name}`),
    });
    return [
      job('first', cut(index), cut(index + 1), 1 - TWICE_CONNECTIONS_SHARE, false),
      job('again', cut(next), cut(next) + twice, TWICE_CONNECTIONS_SHARE, true),
    ];
  });
}

async function outputOf(child: Child): Promise<Output> {
  const { code, signal } = await child.exited;
  if (code !== 0)
    throw new Error(`${child.name} ended (${signal ?? code}) without a result: ${child.errors()}`);
  return JSON.parse(child.lastLine());
}

function* asksOf(record: LoadRecord, offsetUs: number): Generator<Ask> {
  for (const row of record.rows()) {
    if (row.sentUs === undefined) continue;
    yield {
      user: row.user,
      sentUs: row.sentUs + offsetUs,
      answeredUs: row.answeredUs === undefined ? undefined : row.answeredUs + offsetUs,
      status: row.status,
      stamp: row.stamp,
      // The burst begins after the opening and is over before the close.
      soldOut: row.status === 409,
      // A request is repeated only after a 503 or without an answer.
      unsure: row.attempts > 1 || row.lost > 0 || row.status === 0 || row.status >= 500,
    };
  }
}
