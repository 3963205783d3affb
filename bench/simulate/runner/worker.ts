/**
 * A simulating process: it reads jobs (jobs.ts) from its standard input, one line of JSON each, and answers each with a line of
 * JSON, the result. It ends with its input, and so with its parent.
 */
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Tally } from '../kernel/tally.ts';
import type { Job, JobResult } from './job.ts';
import { FAILURES_KEPT } from './jobs.ts';

async function runJob(job: Job): Promise<JobResult> {
  const { runPlan, planOf, writtenPlan }: typeof import('./entry.ts') = await import(
    pathToFileURL(job.file).href
  );
  const { plan } = job;
  const faults = new Tally();
  const failures: { seed: number; message: string }[] = [];
  let [seeds, steps, virtualMs, accepted] = [0, 0, 0, 0];
  for (let seed = job.from; seed <= job.to; seed += 1) {
    const result = await runPlan(plan === undefined ? planOf(seed) : writtenPlan(plan, seed));
    seeds += 1;
    steps += result.steps;
    virtualMs += result.virtualMs;
    accepted += result.accepted;
    faults.add(result.faults);
    if (result.failure === undefined) continue;
    if (failures.length < FAILURES_KEPT) failures.push({ seed, message: result.failure.message });
    if (job.untilFailure) break;
  }
  return { job, seeds, steps, virtualMs, accepted, faults: faults.toJSON(), failures };
}

// Nothing reads stacks here, and making them takes longer than most steps.
Error.stackTraceLimit = 0;
process.stdout.on('error', () => process.exit(1));
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await runJob(JSON.parse(line)))}\n`);
}
process.exit(0);
