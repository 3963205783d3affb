/** Runs a job in a generator process of its own. */
import { type Child, startScript } from '../peers/process.ts';
import { LostRun } from '../system/books.ts';
import type { CouponJob, CouponRun } from './job.ts';

const GENERATOR = new URL('./generator.ts', import.meta.url);

/** Calls `begin` when everything is connected and its result at the end, so that other measurements cover the same time. */
export async function runJob<T>(
  job: CouponJob,
  begin: () => Promise<() => Promise<T>>,
): Promise<{ readonly run: CouponRun; readonly beside: T }> {
  const child = await startScript(GENERATOR, { name: 'the generator', input: JSON.stringify(job) });
  try {
    const end = await begin();
    child.say('go');
    const run = await resultOf(child);
    return { run, beside: await end() };
  } finally {
    await child.stop();
  }
}

async function resultOf(child: Child): Promise<CouponRun> {
  const { code } = await child.exited;
  const result: unknown = JSON.parse(child.lastLine());
  if (code !== 0 || typeof result !== 'object' || result === null || !('answered' in result)) {
    throw new LostRun(`the generator ended with code ${code}: ${child.errors()}`);
  }
  return result as CouponRun;
}
