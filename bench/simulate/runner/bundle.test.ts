import { deepEqual, equal, notDeepEqual, notEqual, rejects } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { PROJECT } from '../../../engine/test/program.ts';
import type { Mutation } from '../mutations/mutation.ts';
import { planOf } from '../plans/make-plan.ts';
import { bundleMutations } from './bundle.ts';

const OTHER_PLANS: Mutation = {
  name: 'plans have other randomness',
  file: 'bench/simulate/kernel/random.ts',
  from: 'round < 12',
  to: 'round < 11',
};
const OTHER_RUNS: Mutation = {
  name: 'a raised stock is granted from the beginning again',
  file: 'engine/settling/coupon-turns.ts',
  from: 'after: raisedStamp, through',
  to: 'after: -1, through',
};

let directory: string;
before(async () => {
  directory = await mkdtemp(join(PROJECT, '.stack', 'simulate-test-'));
});
after(() => rm(directory, { recursive: true }));

async function load(file: string): Promise<typeof import('./entry.ts')> {
  return await import(pathToFileURL(file).href);
}

test('each bundle has its own mutation only, and shares what that does not touch', async () => {
  const bundles = await bundleMutations(directory, [OTHER_PLANS, OTHER_RUNS]);
  deepEqual(
    bundles.mutated.map(({ mutation }) => mutation),
    [OTHER_PLANS, OTHER_RUNS],
  );
  const clean = await load(bundles.clean);
  const [otherPlans, otherRuns] = await Promise.all(bundles.mutated.map(({ file }) => load(file)));
  deepEqual(clean.planOf(1), planOf(1));
  notDeepEqual(otherPlans?.planOf(1), planOf(1));
  equal(otherRuns?.planOf, clean.planOf);
  notEqual(otherRuns?.runPlan, clean.runPlan);
});

test('refuses a mutation that changes nothing that runs', async () => {
  const made = (change: Partial<Mutation>): Promise<unknown> =>
    bundleMutations(directory, [{ ...OTHER_PLANS, ...change }]);
  await rejects(
    made({ from: 'not there' }),
    /'plans have other randomness': .* has 0 times, not once: not there/,
  );
  await rejects(made({ from: 'round' }), /has 3 times, not once: round/);
  await rejects(made({ file: 'engine/main.ts' }), /a run has no part of engine\/main\.ts/);
});
