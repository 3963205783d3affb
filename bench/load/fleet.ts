import { type LoadJob, type LoadRequest, parseJob } from './job.ts';
import { type LoadResult, mergeResults } from './result.ts';
import { resultOf, startWorker } from './worker-process.ts';

const WORKER = new URL('./worker.ts', import.meta.url);
/** Signing takes 5 us a ticket; a process with a million users needs a while before it is ready on a busy machine. */
const READY_TIMEOUT_MS = 120_000;

/** Generator processes that hold connections and signed tickets, and wait for `go`. */
export interface Fleet {
  readonly pids: readonly number[];
  /** Starts all at once, waits for all, adds up their results. Rejects with `LoadError` when one fails. Call it once. */
  go(): Promise<LoadResult>;
  /** Ends them at once, whatever they are doing. Safe to call again, and after `go`. */
  stop(): Promise<void>;
}

/**
 * Starts `processes` generators and divides the users and connections of the job between them; resolves when all are
 * connected. The record of the i-th goes to `recordPath` with `.i` appended; `recordPaths` of the result names them.
 */
export async function startFleet(request: LoadRequest, processes = 1): Promise<Fleet> {
  const job = parseJob(request);
  const starts = await Promise.allSettled(
    Array.from({ length: processes }, (_, index) =>
      startWorker(WORKER, {
        name: `load generator ${index}`,
        job: share(job, processes, index),
        readyTimeoutMs: READY_TIMEOUT_MS,
      }),
    ),
  );
  const children = starts.flatMap(start => (start.status === 'fulfilled' ? [start.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(child => child.stop()));
  };
  const failure = starts.find(start => start.status === 'rejected')?.reason;
  if (failure !== undefined) {
    await stop();
    throw failure;
  }
  const go = async (): Promise<LoadResult> => {
    for (const child of children) child.say('go');
    return mergeResults(await Promise.all(children.map(child => resultOf<LoadResult>(child, 'sent'))));
  };
  return { pids: children.map(child => child.pid), go, stop };
}

/** A whole run: starts the generators, runs them, and leaves none behind. */
export async function runFleet(request: LoadRequest, processes = 1): Promise<LoadResult> {
  const fleet = await startFleet(request, processes);
  try {
    return await fleet.go();
  } finally {
    await fleet.stop();
  }
}

/** The index-th part of a job: users in consecutive ranges, connections divided as evenly as possible. */
function share(job: LoadJob, processes: number, index: number): LoadJob {
  const { from, to } = job.users;
  const cut = (part: number): number => from + Math.floor(((to - from) * part) / processes);
  const cutConnections = (part: number): number => Math.floor((job.connections * part) / processes);
  return {
    ...job,
    hold: true,
    connections: cutConnections(index + 1) - cutConnections(index),
    users: { ...job.users, from: cut(index), to: cut(index + 1) },
    ...(job.recordPath === undefined ? {} : { recordPath: `${job.recordPath}.${index}` }),
  };
}
