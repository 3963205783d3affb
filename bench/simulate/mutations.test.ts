/**
 * The simulator has teeth: each of the bugs of mutations.ts, put into the code on purpose, breaks an invariant before
 * long. Every copy of the project lies in a directory of its own, which is taken away afterwards.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Job, type JobResult, runJobs } from './jobs.ts';
import { MUTATIONS, PROJECT, plant, uproot } from './mutations.ts';

/** A bug that was not found by then is not found. */
const SEEDS_AT_MOST = 1_500;
const PROCESSES = 2;

test('every bug that is put in on purpose is found', async t => {
  const beganMs = performance.now();
  await mkdir(join(PROJECT, '.stack'), { recursive: true });
  const directory = await mkdtemp(join(PROJECT, '.stack', 'mutations-'));
  let results: readonly (readonly [string, JobResult])[];
  try {
    const jobs = await Promise.all(
      MUTATIONS.map(async (mutation, index): Promise<Job> => {
        const tree = join(directory, String(index));
        await plant(mutation, tree);
        return { tree, from: 1, to: SEEDS_AT_MOST, untilFailure: true };
      }),
    );
    const tried = await runJobs(jobs, PROCESSES);
    results = MUTATIONS.flatMap(({ name }, index) => {
      const result = tried[index];
      return result === undefined ? [] : [[name, result] as const];
    });
  } finally {
    await uproot(directory);
  }
  const missed = results.filter(([, { failures }]) => failures.length === 0).map(([name]) => name);
  for (const [name, { seeds, failures }] of results) {
    t.diagnostic(`after ${seeds} seeds: ${name}: ${failures[0]?.message.slice(0, 120) ?? 'NOT FOUND'}`);
  }
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  t.diagnostic(
    `simulator: ${MUTATIONS.length - missed.length} of ${MUTATIONS.length} mutations caught, in ${seconds} s`,
  );
  deepEqual(missed, []);
  equal(results.length, MUTATIONS.length);
});
