/**
 * Five thousand seeds: every invariant holds in all of them. A seed that fails is named, run again on its own, and made smaller;
 * `npm run simulate -- --seed N` does the same, and shows all that happens with `--verbose`.
 */
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programArguments } from '../../engine/test/program.ts';
import { type JobResult, runSeeds } from './jobs.ts';
import { type Plan, planOf } from './plan.ts';
import { shrink } from './shrink.ts';
import { Tally } from './tally.ts';

/** Any others, and more, by `npm run simulate -- --seeds 5001-50000`. */
const SEEDS = 5_000;
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

test('every invariant holds under whatever goes wrong', async t => {
  const { results, seconds } = await runSeeds(1, SEEDS, PROCESSES);
  const total = (of: (result: JobResult) => number): number =>
    results.reduce((sum, result) => sum + of(result), 0);
  const faults = new Tally();
  for (const result of results) faults.add(result.faults);
  const hours = Math.round(total(result => result.virtualMs) / 3_600_000);
  t.diagnostic(
    `simulator: ${total(result => result.seeds)} seeds, ${total(result => result.steps)} steps, ${hours} hours of ` +
      `virtual time, ${total(result => result.accepted)} times accepted, in ${Math.round(seconds)} s`,
  );
  const kinds = Object.entries(faults.toJSON());
  t.diagnostic(`simulator: faults: ${kinds.map(([kind, times]) => `${kind} ${times}`).join(', ')}`);
  const failures = results.flatMap(result => result.failures).sort((a, b) => a.seed - b.seed);
  const [first] = failures;
  const replayed = first === undefined ? '' : (await simulate('--seed', String(first.seed))).output;
  deepEqual(failures, [], replayed);
  equal(
    total(result => result.seeds),
    SEEDS,
  );
});

test('a seed runs the same each time, to the last line', async () => {
  // Codes of coupons are made of the machine's own randomness.
  const runs = await Promise.all([1, 2].map(() => simulate('--seed', '7', '--verbose')));
  const [first, second] = runs.map(({ output }) =>
    output.replaceAll(/[0-9A-Z]{4}(-[0-9A-Z]{4}){3}/g, 'code').split('\n'),
  );
  deepEqual(first, second);
  match(runs[0]?.output ?? '', /every invariant holds/);
  equal(runs[0]?.code, 0);
});

test('what is not understood is answered with how it is right', async () => {
  for (const args of [
    [],
    ['--seed', 'x'],
    ['--seeds', '5'],
    ['--seed', '1', '--seeds', '1-2'],
    ['--unknown'],
  ]) {
    const { code, output } = await simulate(...args);
    equal(code, 2);
    match(
      output,
      /usage: npm run simulate -- --seed N \[--verbose\] \| \[--mutations WORD\] --seeds FROM-TO/,
    );
  }
});

test('a failing plan is made as small as it can be', async () => {
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
