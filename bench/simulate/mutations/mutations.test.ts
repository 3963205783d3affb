/** Each of the bugs of mutations.ts, put into the code on purpose, soon breaks an invariant. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { foundBy, runWrittenPlans, tryMutations } from '../runner/jobs.ts';
import { MUTATIONS } from './mutations.ts';

/** A bug that is not found among this many seeds counts as missed. */
const SEEDS_AT_MOST = 1_500;
const PROCESSES = 2;

test('every bug that is put in on purpose is found', async t => {
  const { tried, seconds } = await tryMutations(MUTATIONS, { atMost: SEEDS_AT_MOST }, PROCESSES);
  for (const each of tried) t.diagnostic(foundBy(each));
  const missed = tried.filter(({ result }) => result.failures.length === 0);
  const caught = MUTATIONS.length - missed.length;
  t.diagnostic(`simulator: ${caught} of ${MUTATIONS.length} mutations caught, in ${Math.round(seconds)} s`);
  deepEqual(
    missed.map(({ mutation }) => mutation.name),
    [],
  );
  equal(tried.length, MUTATIONS.length);
});

test('the code as it is holds under each plan that was written for a bug', async () => {
  deepEqual(await runWrittenPlans(PROCESSES), []);
});
