/** Runs a job in a generator process of its own. */
import { messageOf } from '../../engine/contract/process/message-of.ts';
import { resultOf, startWorker } from '../load/worker-process.ts';
import { LostRun } from '../system/books.ts';
import type { CouponJob, CouponRun } from './job.ts';

const WORKER = new URL('./worker.ts', import.meta.url);

/**
 * Calls `begin` when everything is connected and its result at the end, so that other measurements cover the same time.
 * Rejects with `LostRun` when an answer is not the expected one.
 */
export async function runJob<T>(
  job: CouponJob,
  begin: () => Promise<() => Promise<T>>,
): Promise<{ readonly run: CouponRun; readonly beside: T }> {
  const child = await startWorker(WORKER, { name: 'the generator', job });
  try {
    const end = await begin();
    child.say('go');
    const run = await resultOf<CouponRun>(child, 'answered').catch((error: unknown) => {
      throw new LostRun(messageOf(error), { cause: error });
    });
    return { run, beside: await end() };
  } finally {
    await child.stop();
  }
}
