/**
 * `npm run simulate`: runs seeds, and shows what a failing one does.
 *
 *   npm run simulate -- --seeds 1-5000            many of them, on two cores; a failing one is named and made smaller
 *   npm run simulate -- --seed 42 [--verbose]     one of them, exactly as it ran before, with everything that happens
 *   npm run simulate -- --mutations clock --seeds 1-5000
 *                                                 the bugs of mutations.ts whose names have that word, each until it is found
 *
 * Exit code 1 when a seed fails, 2 when the arguments are wrong.
 */
import { parseArgs } from 'node:util';
import { foundBy, type JobResult, runSeeds, tryMutations } from './jobs.ts';
import { MUTATIONS } from './mutations.ts';
import { type Plan, planOf } from './plan.ts';
import { runPlan } from './run.ts';
import { shrink } from './shrink.ts';
import { BEGINNING_US, MS } from './world.ts';

const PROCESSES = 2;
const USAGE = 'usage: npm run simulate -- --seed N [--verbose] | [--mutations WORD] --seeds FROM-TO\n';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function runOne(seed: number, verbose: boolean): Promise<number> {
  const plan = planOf(seed);
  const result = await runPlan(plan, verbose ? say : undefined);
  say(
    `seed ${seed}: ${result.steps} steps, ${result.virtualMs} ms of virtual time, ${result.accepted} times accepted`,
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
  for (const { campaignId, kind, places, opensAtUs, closesAtUs } of plan.campaigns) {
    const [opensMs, closesMs] = [opensAtUs, closesAtUs].map(us => (us - BEGINNING_US) / MS);
    say(`    campaign ${campaignId}: ${kind}, ${places} places, ${opensMs} to ${closesMs} ms`);
  }
  for (const { atMs, what, userId, campaignId, gateway } of plan.asks) {
    say(`    ${atMs} ms: ${userId} asks gateway ${gateway} to ${what} (campaign ${campaignId})`);
  }
  for (const { atMs, kind, place, forMs, target, amount } of plan.faults) {
    const where = place !== undefined && kind.startsWith('gateway') ? ` at its ${place}` : '';
    say(`    ${atMs} ms: ${kind}${where}, for ${forMs} ms (target ${target}, amount ${amount})`);
  }
}

async function runMany(from: number, to: number): Promise<number> {
  const { results, seconds } = await runSeeds(from, to, PROCESSES);
  const total = (of: (result: JobResult) => number): number =>
    results.reduce((sum, result) => sum + of(result), 0);
  say(
    `${total(result => result.seeds)} seeds, ${total(result => result.steps)} steps, ${seconds.toFixed(1)} s`,
  );
  const failures = results.flatMap(result => result.failures).sort((a, b) => a.seed - b.seed);
  for (const { seed, message } of failures) say(`seed ${seed} FAILED: ${message}`);
  const [first] = failures;
  return first === undefined ? 0 : runOne(first.seed, false);
}

async function findMutations(word: string, from: number, to: number): Promise<number> {
  const mutations = MUTATIONS.filter(({ name }) => name.includes(word));
  const { tried } = await tryMutations(mutations, { from, atMost: to - from + 1 }, PROCESSES);
  for (const each of tried) say(foundBy(each));
  return tried.every(({ result }) => result.failures.length > 0) ? 0 : 1;
}

interface Arguments {
  readonly seed?: string;
  readonly seeds?: string;
  readonly mutations?: string;
  readonly verbose?: boolean;
}

function readArguments(): Arguments | undefined {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string' },
        seeds: { type: 'string' },
        mutations: { type: 'string' },
        verbose: { type: 'boolean' },
      },
    });
    return values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

async function main(): Promise<number> {
  const { seed, seeds, mutations, verbose } = readArguments() ?? {};
  const range = /^(\d{1,9})-(\d{1,9})$/.exec(seeds ?? '');
  if (range !== null && seed === undefined) {
    const [from, to] = [Number(range[1]), Number(range[2])];
    return mutations === undefined ? runMany(from, to) : findMutations(mutations, from, to);
  }
  if (/^\d{1,9}$/.test(seed ?? '') && seeds === undefined) return runOne(Number(seed), verbose === true);
  process.stderr.write(USAGE);
  return 2;
}

process.exitCode = await main();
