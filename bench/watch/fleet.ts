import { resultOf, startWorker } from '../load/worker-process.ts';
import { parseWatchJob, type WatchRequest } from './job.ts';
import type { WatchResult } from './run.ts';

const WORKER = new URL('./worker.ts', import.meta.url);
/** Signing takes 5 us a ticket, and the machine may be busy. */
const READY_TIMEOUT_MS = 60_000;

/** A process full of watchers that waits for `go`. */
export interface WatcherProcess {
  readonly pid: number;
  /**
   * Starts the watchers, at the times that their groups name; resolves when all are finished. Rejects when it fails. Call
   * it once.
   */
  go(): Promise<WatchResult>;
  /** Tells the watchers that nobody makes entries any more. */
  finish(): void;
  /** Ends the run for all watchers, in whatever state they are; `go` then resolves with the result so far. */
  cut(): void;
  /** Ends the process at once. Safe to call again. */
  stop(): Promise<void>;
}

/** Starts a watcher process. Throws `LoadError` `bad_job`. The process ends with this one, however that ends. */
export async function startWatchers(request: WatchRequest): Promise<WatcherProcess> {
  const job = parseWatchJob({ ...request, hold: true });
  const child = await startWorker(WORKER, { name: 'the watchers', job, readyTimeoutMs: READY_TIMEOUT_MS });
  return {
    pid: child.pid,
    go: async () => {
      child.say('go');
      return await resultOf<WatchResult>(child, 'watchers');
    },
    finish: () => child.say('finish'),
    cut: () => child.say('cut'),
    stop: async () => {
      await child.stop();
    },
  };
}
