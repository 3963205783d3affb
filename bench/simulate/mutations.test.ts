/**
 * The simulator has teeth: each of the bugs of mutations.ts, put into the code on purpose, breaks an invariant before
 * long.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundle } from './bundle.ts';
import { type Job, runJobs, withBundles } from './jobs.ts';
import { MUTATIONS } from './mutations.ts';

/** A bug that was not found by then is not found. */
const SEEDS_AT_MOST = 1_500;
const PROCESSES = 2;

test('every bug that is put in on purpose is found', async t => {
  let beganMs = 0;
  const tried = await withBundles(async directory => {
    beganMs = performance.now();
    const jobs = await Promise.all(
      MUTATIONS.map(async (mutation, index): Promise<Job> => {
        const file = join(directory, `${index}.mjs`);
        await bundle(file, mutation);
        const { seed: from = 1 } = mutation;
        return { file, from, to: from + SEEDS_AT_MOST - 1, untilFailure: true };
      }),
    );
    return await runJobs(jobs, PROCESSES);
  });
  const results = MUTATIONS.flatMap(({ name }, index) => {
    const result = tried[index];
    return result === undefined ? [] : [[name, result] as const];
  });
  const missed = results.filter(([, { failures }]) => failures.length === 0).map(([name]) => name);
  for (const [name, { job, seeds, failures }] of results) {
    const [failure] = failures;
    const how =
      failure === undefined ? 'NOT FOUND' : `seed ${failure.seed}: ${failure.message.slice(0, 120)}`;
    t.diagnostic(`${seeds} seeds from ${job.from}: ${name}: ${how}`);
  }
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  t.diagnostic(
    `simulator: ${MUTATIONS.length - missed.length} of ${MUTATIONS.length} mutations caught, in ${seconds} s`,
  );
  deepEqual(missed, []);
  equal(results.length, MUTATIONS.length);
});
