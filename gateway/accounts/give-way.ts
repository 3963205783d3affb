/** Lets this process give way to others on the same cores. */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Sets the nice value of the process, that is on Linux of each of its threads: there setpriority(2) changes one thread, and libuv's
 * threads, which hash, are there already because the modules were loaded on them. Others inherit it from the one that starts them.
 */
export function giveWay(nice: number): void {
  setPriority(nice);
  if (process.platform !== 'linux') return;
  for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), nice);
}
