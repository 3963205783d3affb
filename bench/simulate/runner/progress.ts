/**
 * The progress of a long run of seeds, and the file from which it continues after an interruption. The file has the result of
 * every job, and identifies the code; a run of another range, or of other code, does not continue from it.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { JobResult } from './job.ts';

export interface RunState {
  readonly from: number;
  readonly to: number;
  /** SHA-256 of the bundle. */
  readonly code: string;
  readonly seconds: number;
  readonly results: readonly JobResult[];
}

/** The file is of another run; `message` names that run. */
export class OtherRun extends Error {}

/** The results so far, if any. Throws OtherRun. */
export async function readState(
  file: string,
  run: Pick<RunState, 'from' | 'to' | 'code'>,
): Promise<RunState | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const state: RunState = JSON.parse(text);
  if (state.from !== run.from || state.to !== run.to)
    throw new OtherRun(`${file} is of the seeds ${state.from}-${state.to}`);
  if (state.code !== run.code) throw new OtherRun(`${file} is of other code`);
  return state;
}

/** Writes the whole file or nothing. */
export async function writeState(file: string, state: RunState): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(state));
  await rename(`${file}.new`, file);
}

export function totalOf(results: readonly JobResult[], of: (result: JobResult) => number): number {
  return results.reduce((sum, result) => sum + of(result), 0);
}

export function failuresOf(results: readonly JobResult[]): JobResult['failures'] {
  return results.flatMap(result => result.failures).sort((a, b) => a.seed - b.seed);
}
