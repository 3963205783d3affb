/**
 * Runs seeds in separate processes: virtual time takes over a whole process, and every core helps. A job is a range of seeds on
 * a bundle of the project (bundle.ts), as it is or with a mutation in it.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { takeLock } from '../../../engine/stack/keeping/lock.ts';
import { PROJECT, programArguments } from '../../../engine/test/program.ts';
import type { Mutation } from '../mutations/mutation.ts';
import { SCHEDULES, WRITTEN_PLAN_NAMES } from '../mutations/plans/index.ts';
import { bundle, bundleMutations } from './bundle.ts';
import type { Job, JobResult } from './job.ts';
import { readState, writeState } from './progress.ts';

/**
 * Provides a new directory for bundles while `work` runs. Only one run works at a time in a checkout: each takes all cores, and
 * two at once would spoil each other's measurements.
 */
export async function withBundles<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const parent = join(PROJECT, '.stack');
  await mkdir(parent, { recursive: true });
  const release = await takeLock(join(parent, 'simulate.lock'), new AbortController().signal);
  try {
    const directory = await mkdtemp(join(parent, 'simulate-'));
    try {
      return await work(directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  } finally {
    await release();
  }
}

export interface Running {
  /** The file with a run's progress, from which it continues after an interruption; without it, nothing is kept. */
  readonly state?: string | undefined;
  /** Called with all results so far, after each job. */
  readonly progress?: ((results: readonly JobResult[]) => void) | undefined;
}

/**
 * Runs a range of seeds on the project as it is, and measures the time, without waiting for other runs. Throws OtherRun if the
 * state is of another run.
 */
export async function runSeeds(
  from: number,
  to: number,
  processes: number,
  { state: stateFile, progress }: Running = {},
): Promise<{ readonly results: readonly JobResult[]; readonly seconds: number }> {
  return await withBundles(async directory => {
    const beganMs = performance.now();
    const file = join(directory, 'run.mjs');
    await bundle(file);
    const code = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    const before = stateFile === undefined ? undefined : await readState(stateFile, { from, to, code });
    const results = [...(before?.results ?? [])];
    const seconds = (): number => (before?.seconds ?? 0) + (performance.now() - beganMs) / 1000;
    const isDone = new Set(results.map(({ job }) => job.from));
    const left = jobsOf(file, from, to).filter(job => !isDone.has(job.from));
    let saved = Promise.resolve();
    const done = (result: JobResult): void => {
      results.push(result);
      progress?.(results);
      if (stateFile === undefined) return;
      const state = { from, to, code, seconds: seconds(), results: [...results] };
      saved = saved.then(() => writeState(stateFile, state));
    };
    await runJobs(left, processes, done);
    await saved;
    return { results, seconds: seconds() };
  });
}

export interface Tried {
  readonly mutation: Mutation;
  readonly result: JobResult;
}

/**
 * Searches for each of the bugs in that many seeds, beginning with its own seed or `from`, or in the schedules of its plan,
 * until one shows it. A seed that also fails without the bug shows nothing and is skipped.
 */
export async function tryMutations(
  mutations: readonly Mutation[],
  seeds: { readonly from?: number; readonly atMost: number },
  processes: number,
): Promise<{ readonly tried: readonly Tried[]; readonly seconds: number }> {
  return await withBundles(async directory => {
    const beganMs = performance.now();
    const { clean, mutated } = await bundleMutations(directory, mutations);
    const first = mutated.map(({ file, mutation: { plan, seed } }): Job => {
      if (plan !== undefined) return { file, plan, from: 1, to: SCHEDULES, untilFailure: true };
      const from = seeds.from ?? seed ?? 1;
      return { file, from, to: from + seeds.atMost - 1, untilFailure: true };
    });
    const results = await showing(await runJobs(first, processes), clean, processes);
    const tried = mutations.flatMap((mutation, index) => {
      const result = results[index];
      return result === undefined ? [] : [{ mutation, result }];
    });
    return { tried, seconds: (performance.now() - beganMs) / 1000 };
  });
}

/** Continues after each seed that also fails on the bundle `clean`. */
async function showing(
  found: readonly JobResult[],
  clean: string,
  processes: number,
): Promise<readonly JobResult[]> {
  const results = [...found];
  let unsure = [...found.keys()];
  while (unsure.length > 0) {
    const failed = unsure.flatMap(index => {
      const [result, seed] = [results[index], results[index]?.failures[0]?.seed];
      return result === undefined || seed === undefined ? [] : [{ index, result, seed }];
    });
    const without = await runJobs(
      failed.map(({ result, seed }) => ({ ...result.job, file: clean, from: seed, to: seed })),
      processes,
    );
    const shown = failed.filter((_, at) => without[at]?.failures.length !== 0);
    const next = await runJobs(
      shown.map(({ result, seed }) => ({ ...result.job, from: seed + 1 })),
      processes,
    );
    for (const [at, { index, result }] of shown.entries()) {
      const more = next[at];
      if (more !== undefined) results[index] = { ...more, seeds: result.seeds + more.seeds };
    }
    unsure = shown.map(({ index }) => index);
  }
  return results;
}

/** One line that tells what found a bug. */
export function foundBy({ mutation, result }: Tried): string {
  const [failure] = result.failures;
  const { plan, from } = result.job;
  const [one, among] =
    plan === undefined
      ? ['seed', `${result.seeds} seeds from ${from}`]
      : ['schedule', `${result.seeds} schedules of '${plan}'`];
  const how =
    failure === undefined ? 'NOT FOUND' : `${one} ${failure.seed}: ${failure.message.slice(0, 120)}`;
  return `${among}: ${mutation.name}: ${how}`;
}

/** Runs each written plan under all its schedules, on the project as it is. Returns a line for each failure. */
export async function runWrittenPlans(processes: number): Promise<readonly string[]> {
  return await withBundles(async directory => {
    const file = join(directory, 'run.mjs');
    await bundle(file);
    const jobs = WRITTEN_PLAN_NAMES.map(
      (plan): Job => ({ file, plan, from: 1, to: SCHEDULES, untilFailure: false }),
    );
    const results = await runJobs(jobs, processes);
    return results.flatMap(({ job, failures }) =>
      failures.map(({ seed, message }) => `'${job.plan}' under schedule ${seed}: ${message}`),
    );
  });
}

/** Cuts a range of seeds into jobs, so that all processes have work until the end. */
function jobsOf(file: string, from: number, to: number): Job[] {
  const jobs: Job[] = [];
  for (let first = from; first <= to; first += SEEDS_A_JOB) {
    jobs.push({ file, from: first, to: Math.min(first + SEEDS_A_JOB - 1, to), untilFailure: false });
  }
  return jobs;
}

const SEEDS_A_JOB = 250;

/** No more failures than this are shown. */
export const FAILURES_KEPT = 20;

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/**
 * A larger nursery, because nearly everything that a run allocates dies with it. Each process collects garbage on one thread,
 * because all cores are busy with seeds: with two processes on two cores, 350 seeds took 8.7 s instead of 11.2 (with helper
 * threads, and 32 MB).
 */
const FLAGS = ['--max-semi-space-size=128', '--min-semi-space-size=64', '--single-threaded-gc'];

/**
 * Runs the jobs on that many processes, and returns the results in the order of the jobs. Calls `done` after each. Rejects if a
 * process fails.
 */
export async function runJobs(
  jobs: readonly Job[],
  processes: number,
  done?: (result: JobResult) => void,
): Promise<readonly JobResult[]> {
  const left = [...jobs.entries()];
  const results = new Map<number, JobResult>();
  const workers = Array.from({ length: Math.min(processes, jobs.length) }, () => new Worker());
  try {
    await Promise.all(
      workers.map(async worker => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          const result = await worker.run(next[1]);
          results.set(next[0], result);
          done?.(result);
        }
      }),
    );
  } finally {
    for (const worker of workers) worker.end();
  }
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}

/** One process; it ends on request, or when this process ends. */
class Worker {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor() {
    // The test runner's variable would make the process report as a test.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    this.#child = spawn(process.execPath, [...FLAGS, ...programArguments(WORKER)], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString('utf8');
    });
    // A write to an ended process shows as the end of its output.
    this.#child.stdin.on('error', () => undefined);
  }

  async run(job: Job): Promise<JobResult> {
    this.#child.stdin.write(`${JSON.stringify(job)}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`a simulating process has ended: ${this.#errors.slice(-4_000)}`);
    return JSON.parse(line.value);
  }

  end(): void {
    this.#child.stdin.end();
  }
}
