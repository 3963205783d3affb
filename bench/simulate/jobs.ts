/**
 * Runs seeds in processes of their own: the time of a whole process is made virtual, and every core helps. A job is a
 * range of seeds on a copy of the project, which is the project itself or one with a mutation in it.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Job {
  /** The copy's directory. */
  readonly tree: string;
  readonly from: number;
  readonly to: number;
  /** Every n-th seed of the range. */
  readonly step: number;
  /** End at the first seed that fails. */
  readonly untilFailure: boolean;
}

/** What came of a job. */
export interface JobResult {
  readonly job: Job;
  readonly seeds: number;
  readonly steps: number;
  readonly virtualMs: number;
  readonly accepted: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly seed: number; readonly message: string }[];
}

/** More are not shown: what fails hundreds of times has failed enough. */
export const FAILURES_KEPT = 20;

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** A larger nursery: nearly everything that a run makes is gone with it (0.8 of the time). */
const FLAGS = ['--max-semi-space-size=64', '--import', 'tsx'];

/** Runs the jobs one after another in one process; rejects when that process fails. */
export function runJobs(jobs: readonly Job[], signal?: AbortSignal): Promise<readonly JobResult[]> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...FLAGS, WORKER], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(signal === undefined ? {} : { signal }),
    });
    const results: JobResult[] = [];
    let errors = '';
    createInterface({ input: child.stdout }).on('line', line => results.push(JSON.parse(line)));
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', code => {
      if (code === 0 && results.length === jobs.length) resolve(results);
      else reject(new Error(`a simulating process ended with ${code}: ${errors.slice(-4_000)}`));
    });
    child.stdin.end(JSON.stringify(jobs));
  });
}
