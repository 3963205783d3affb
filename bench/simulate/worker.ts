/**
 * A process that simulates: reads jobs (jobs.ts) as JSON from its standard input, and writes the result of each as a
 * line of JSON. It ends when its parent does, as its pipe is closed then.
 */
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { FAILURES_KEPT, type Job, type JobResult } from './jobs.ts';
import { Tally } from './tally.ts';

async function runJob(job: Job): Promise<JobResult> {
  const load = (file: string) => import(pathToFileURL(join(job.tree, 'bench/simulate', file)).href);
  const { runPlan }: typeof import('./run.ts') = await load('run.ts');
  const { planOf }: typeof import('./plan.ts') = await load('plan.ts');
  const faults = new Tally();
  const failures: { seed: number; message: string }[] = [];
  let [seeds, steps, virtualMs, accepted] = [0, 0, 0, 0];
  for (let seed = job.from; seed <= job.to; seed += job.step) {
    const result = await runPlan(planOf(seed));
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

// A stack is read by nobody here, and takes longer to make than most steps.
Error.stackTraceLimit = 0;
process.stdout.on('error', () => process.exit(1));
const jobs: readonly Job[] = JSON.parse(await text(process.stdin));
for (const job of jobs) process.stdout.write(`${JSON.stringify(await runJob(job))}\n`);
process.exit(0);
