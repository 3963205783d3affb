/**
 * `npm run simulate` runs seeds, and shows what a failing one does.
 *
 *   npm run simulate -- --seeds 1-5000            a range, on two cores; failing seeds are named and shrunk
 *   npm run simulate -- --seeds 1-300000 --state FILE
 *                                                 the same; after an interruption it continues from FILE
 *   npm run simulate -- --seed 42 [--verbose]     one of them, exactly as it ran before, with everything that happens
 *   npm run simulate -- --plan 'holds are given back' --seed 3 [--verbose]
 *                                                 a handwritten plan (mutations/plans), under one schedule
 *   npm run simulate -- --mutations clock --seeds 1-5000
 *                                                 the bugs of mutations/ whose names contain that word, each until found
 *
 * Exit code 1 when a seed fails, 2 when the arguments are wrong.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../../engine/contract/process/message-of.ts';
import { BEGINNING_US, MS } from './kernel/world.ts';
import { MUTATIONS } from './mutations/mutations.ts';
import { isWrittenPlanName, writtenPlan } from './mutations/plans/index.ts';
import { planOf } from './plans/make-plan.ts';
import type { Plan } from './plans/plan.ts';
import { shrink } from './plans/shrink.ts';
import { runPlan } from './run.ts';
import type { JobResult } from './runner/job.ts';
import { foundBy, runSeeds, tryMutations } from './runner/jobs.ts';
import { failuresOf, OtherRun, totalOf } from './runner/progress.ts';

const PROCESSES = 2;
const PROGRESS_MS = 10_000;
const USAGE =
  'usage: npm run simulate -- [--plan NAME] --seed N [--verbose] | [--mutations WORD | --state FILE] --seeds FROM-TO\n';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function runOne(plan: Plan, verbose: boolean): Promise<number> {
  const result = await runPlan(plan, verbose ? say : undefined);
  say(
    `seed ${plan.seed}: ${result.steps} steps, ${result.virtualMs} ms of virtual time, ${result.accepted} times accepted`,
  );
  say(`  what went wrong: ${JSON.stringify(result.faults)}`);
  if (result.failure === undefined) {
    say('  every invariant holds');
    return 0;
  }
  say(`  FAILED: ${result.failure.stack ?? result.failure.message}`);
  showPlan(await shrink(plan, async smaller => (await runPlan(smaller)).failure !== undefined));
  return 1;
}

function showPlan(plan: Plan): void {
  say(
    `  it still fails with ${plan.gateways} gateways, ${plan.engines} engines, ${plan.partitions} partitions,`,
  );
  say(
    `  slices of ${plan.maxSliceEntries}, leases of ${plan.leaseMs} ms, clocks that drift by ${plan.drift}, and this:`,
  );
  for (const { campaignId, kind, stock, opensAtUs, closesAtUs } of plan.campaigns) {
    const [opensMs, closesMs] = [opensAtUs, closesAtUs].map(us => (us - BEGINNING_US) / MS);
    say(`    campaign ${campaignId}: ${kind}, stock ${stock}, ${opensMs} to ${closesMs} ms`);
  }
  for (const { atMs, what, userId, campaignId, gateway } of plan.asks) {
    say(`    ${atMs} ms: ${userId} asks gateway ${gateway} to ${what} (campaign ${campaignId})`);
  }
  for (const { atMs, kind, failpoint, forMs, target, amount } of plan.faults) {
    const where = failpoint !== undefined && kind.startsWith('gateway') ? ` at its ${failpoint}` : '';
    say(`    ${atMs} ms: ${kind}${where}, for ${forMs} ms (target ${target}, amount ${amount})`);
  }
}

/** Shows every failure, shrunk; progress goes to standard error. */
async function runMany(from: number, to: number, state: string | undefined): Promise<number> {
  const wanted = to - from + 1;
  let saidMs = performance.now();
  const progress = (results: readonly JobResult[]): void => {
    if (performance.now() - saidMs < PROGRESS_MS) return;
    saidMs = performance.now();
    const done = totalOf(results, result => result.seeds);
    process.stderr.write(`${done} of ${wanted} seeds, ${failuresOf(results).length} failed\n`);
  };
  const { results, seconds } = await runSeeds(from, to, PROCESSES, { state, progress });
  const failures = failuresOf(results);
  const steps = totalOf(results, result => result.steps);
  say(
    `seeds ${from}-${to}: ${wanted} seeds, ${steps} steps, ${seconds.toFixed(1)} s, ${failures.length} failed`,
  );
  for (const { seed, message } of failures) say(`seed ${seed} FAILED: ${message}`);
  for (const { seed } of failures) await runOne(planOf(seed), false);
  return failures.length === 0 ? 0 : 1;
}

async function findMutations(word: string, from: number, to: number): Promise<number> {
  const mutations = MUTATIONS.filter(({ name }) => name.includes(word));
  const { tried } = await tryMutations(mutations, { from, atMost: to - from + 1 }, PROCESSES);
  for (const each of tried) say(foundBy(each));
  return tried.every(({ result }) => result.failures.length > 0) ? 0 : 1;
}

interface Arguments {
  readonly seed?: string;
  readonly plan?: string;
  readonly seeds?: string;
  readonly mutations?: string;
  readonly state?: string;
  readonly verbose?: boolean;
}

function readArguments(): Arguments | undefined {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string' },
        plan: { type: 'string' },
        seeds: { type: 'string' },
        mutations: { type: 'string' },
        state: { type: 'string' },
        verbose: { type: 'boolean' },
      },
    });
    return values;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return undefined;
  }
}

/** Undefined if no plan has that name. */
function planFor(seed: number, name: string | undefined): Plan | undefined {
  if (name === undefined) return planOf(seed);
  return isWrittenPlanName(name) ? writtenPlan(name, seed) : undefined;
}

async function main(): Promise<number> {
  const { seed, plan, seeds, mutations, state, verbose } = readArguments() ?? {};
  const range = /^(\d{1,9})-(\d{1,9})$/.exec(seeds ?? '');
  if (range !== null && seed === undefined && plan === undefined) {
    const [from, to] = [Number(range[1]), Number(range[2])];
    return mutations === undefined ? runMany(from, to, state) : findMutations(mutations, from, to);
  }
  const one = /^\d{1,9}$/.test(seed ?? '') && seeds === undefined ? planFor(Number(seed), plan) : undefined;
  if (one !== undefined) return runOne(one, verbose === true);
  process.stderr.write(USAGE);
  return 2;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof OtherRun)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
