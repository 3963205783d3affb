import { type Child, type ChildOptions, startScript } from '../peers/process.ts';
import { LoadError } from './job.ts';

/**
 * Starts a generator process (worker-line.ts) with its job; resolves when it says that it is ready. Rejects with the
 * `LoadError` that it printed instead; no process is left running then.
 */
export async function startWorker(
  script: URL,
  { job, ...options }: Pick<ChildOptions, 'name' | 'readyTimeoutMs'> & { readonly job: unknown },
): Promise<Child> {
  const child = await startScript(script, { ...options, input: JSON.stringify(job) });
  const error = errorIn(child, child.ready);
  if (error === undefined) return child;
  await child.stop();
  throw error;
}

/**
 * What a generator process printed last, once it has ended. Rejects with the `LoadError` that it printed, or with an `Error`
 * when it ended without a result, which has the member `key`.
 */
export async function resultOf<Result>(child: Child, key: keyof Result & string): Promise<Result> {
  const { code, signal } = await child.exited;
  const result = JSON.parse(child.lastLine() || '{}');
  const error = errorIn(child, result);
  if (error !== undefined) throw error;
  if (code !== 0 || !(key in result)) {
    throw new Error(`${child.name} ended (${signal ?? code}) without a result: ${child.errors()}`);
  }
  return result;
}

function errorIn(child: Child, line: { error?: Pick<LoadError, 'code' | 'message'> }): LoadError | undefined {
  const { error } = line;
  return error === undefined ? undefined : new LoadError(error.code, `${child.name}: ${error.message}`);
}
