/**
 * Runs seeds that once failed, and two thousand new ones: every invariant holds in all of them. A failing seed is named, run
 * again on its own, and shrunk; `npm run simulate -- --seed N` does the same, and with `--verbose` shows all that happens.
 */
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programArguments } from '../../engine/test/program.ts';
import { Tally } from './kernel/tally.ts';
import { planOf } from './plans/make-plan.ts';
import type { Plan } from './plans/plan.ts';
import { shrink } from './plans/shrink.ts';
import { bundle } from './runner/bundle.ts';
import type { JobResult } from './runner/job.ts';
import { runJobs, runSeeds, withBundles } from './runner/jobs.ts';
import { failuresOf, totalOf } from './runner/progress.ts';
import { KNOWN_SEEDS } from './testing/known-seeds.ts';

/** The number of new seeds; they differ each time. */
const FRESH = 2_000;
/** The first new seed, derived from the minute: no range repeats for years. */
const FROM = 1_000_000 + (Math.floor(Date.now() / 60_000) % 499_000) * FRESH;
const PROCESSES = 2;

async function simulate(...args: string[]): Promise<{ readonly code: number; readonly output: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
  const child = spawn(process.execPath, [...programArguments(cli), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number>(resolve => child.once('close', code => resolve(code ?? 1)));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, output: output + errors };
}

test('every invariant holds whatever fails', async t => {
  const { results, seconds } = await runSeeds(FROM, FROM + FRESH - 1, PROCESSES);
  const faults = new Tally();
  for (const result of results) faults.add(result.faults);
  const hours = Math.round(totalOf(results, result => result.virtualMs) / 3_600_000);
  t.diagnostic(
    `simulator: ${FRESH} fresh seeds, npm run simulate -- --seeds ${FROM}-${FROM + FRESH - 1}: ` +
      `${totalOf(results, result => result.steps)} steps, ${hours} hours of virtual time, ` +
      `${totalOf(results, result => result.accepted)} times accepted, in ${Math.round(seconds)} s`,
  );
  const kinds = Object.entries(faults.toJSON());
  t.diagnostic(`simulator: faults: ${kinds.map(([kind, times]) => `${kind} ${times}`).join(', ')}`);
  await holds(failuresOf(results));
  equal(
    totalOf(results, result => result.seeds),
    FRESH,
  );
});

test('seeds that once failed pass', async () => {
  const seeds = KNOWN_SEEDS.flatMap(known => known.seeds);
  const failures = await withBundles(async directory => {
    const file = join(directory, 'run.mjs');
    await bundle(file);
    const jobs = seeds.map(seed => ({ file, from: seed, to: seed, untilFailure: false }));
    return failuresOf(await runJobs(jobs, PROCESSES));
  });
  await holds(failures);
});

/** Asserts that no seed failed; otherwise runs the first failing one again and shows it. */
async function holds(failures: JobResult['failures']): Promise<void> {
  const [first] = failures;
  const replayed = first === undefined ? '' : (await simulate('--seed', String(first.seed))).output;
  deepEqual(failures, [], replayed);
}

test('a seed runs identically each time, to the last line', async () => {
  // Coupon codes come from the machine's own randomness.
  const runs = await Promise.all([1, 2].map(() => simulate('--seed', '7', '--verbose')));
  const [first, second] = runs.map(({ output }) =>
    output.replaceAll(/[0-9A-Z]{4}(-[0-9A-Z]{4}){3}/g, 'code').split('\n'),
  );
  deepEqual(first, second);
  match(runs[0]?.output ?? '', /every invariant holds/);
  equal(runs[0]?.code, 0);
});

test('an interrupted run resumes, and no other run resumes from its state', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fairline-simulate-'));
  try {
    const state = join(directory, 'state.json');
    await runSeeds(1, 60, PROCESSES, { state });
    let asked = 0;
    const again = await runSeeds(1, 60, PROCESSES, { state, progress: () => (asked += 1) });
    equal(asked, 0);
    equal(
      totalOf(again.results, result => result.seeds),
      60,
    );
    const { code, output } = await simulate('--seeds', '1-61', '--state', state);
    equal(code, 2);
    match(output, /is of the seeds 1-60/);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('answers invalid arguments with the usage', async () => {
  for (const args of [
    [],
    ['--seed', 'x'],
    ['--seeds', '5'],
    ['--seed', '1', '--seeds', '1-2'],
    ['--unknown'],
    ['--seed', '1', '--plan', 'none of this name'],
    ['--seeds', '1-2', '--plan', 'holds are given back'],
  ]) {
    const { code, output } = await simulate(...args);
    equal(code, 2);
    match(
      output,
      /usage: npm run simulate -- \[--plan NAME\] --seed N \[--verbose\] \| \[--mutations WORD \| --state FILE\] --seeds FROM-TO/,
    );
  }
});

test('shrinks a failing plan to a minimum', async () => {
  const isThere = ({ faults, asks, gateways }: Plan): boolean =>
    gateways > 1 &&
    faults.some(({ kind }) => kind === 'gateway pauses') &&
    asks.some(({ userId }) => userId === 'u2');
  let seed = 1;
  while (!isThere(planOf(seed)) || planOf(seed).faults.length < 4) seed += 1;
  const least = await shrink(planOf(seed), async plan => isThere(plan));
  deepEqual(
    least.faults.map(({ kind, forMs }) => [kind, forMs]),
    [['gateway pauses', 1]],
  );
  deepEqual(
    least.asks.map(({ userId }) => userId),
    ['u2'],
  );
  deepEqual([least.gateways, least.engines, least.partitions], [2, 1, 1]);
});
