/** Which cores processes run on (Linux, taskset of util-linux). */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { familyOf } from '../peers/usage.ts';

const run = promisify(execFile);

/** The message for a machine on which `clearCore` returns undefined. */
export const SHARED = 'the gateway cannot have a core of its own here: all share all of them';

/**
 * Reserves the first core for the measured thread, because a gateway's loop has a core of its own in service: this process,
 * the given ones and their descendants, and every process that they start later, run on the other cores. Returns a function
 * that moves a process' first thread to the first core; undefined where that is impossible, and all share all cores.
 */
export async function clearCore(
  pids: readonly number[],
): Promise<((pid: number) => Promise<void>) | undefined> {
  const cores = availableParallelism();
  if (process.platform !== 'linux' || cores < 2) return undefined;
  const families = await Promise.all([process.pid, ...pids].map(familyOf));
  for (const pid of new Set(families.flat())) {
    try {
      await run('taskset', ['--all-tasks', '--cpu-list', '--pid', `1-${cores - 1}`, String(pid)]);
    } catch {
      // A process that has ended since it was found, as PostgreSQL's do, is on no core.
      if (existsSync(`/proc/${pid}`)) return undefined;
    }
  }
  return async pid => {
    await run('taskset', ['--cpu-list', '--pid', '0', String(pid)]);
  };
}
