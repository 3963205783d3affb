/** Which cores processes run on (Linux, taskset of util-linux). */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { familyOf } from '../peers/usage.ts';

const run = promisify(execFile);

/** To be said where `clearCore` answers undefined. */
export const SHARED = 'the gateway cannot have a core of its own here: all share all of them';

/**
 * Leaves the first core to the thread that is to be measured, as a gateway's loop has one in service: this process, these
 * with all below them, and whatever any of them starts from now on keep off it. Answers how a process' first thread is put
 * there; undefined where that cannot be done, and all share all cores.
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
      // One that has ended since it was found, as PostgreSQL's do, is on no core.
      if (existsSync(`/proc/${pid}`)) return undefined;
    }
  }
  return async pid => {
    await run('taskset', ['--cpu-list', '--pid', '0', String(pid)]);
  };
}
