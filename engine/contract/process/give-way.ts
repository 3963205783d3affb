/** Lets this process give way to others on the same cores. */
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/**
 * Sets the nice value of the process, unless it gives way further already (only root may take that back). On Linux that is each of its
 * threads: there setpriority(2) changes one, and libuv's threads, which hash, are there already because the modules were loaded on them.
 * Others inherit it from the one that starts them.
 */
export function giveWay(nice: number): void {
  setPriority(Math.max(getPriority(), nice));
  if (process.platform !== 'linux') return;
  for (const thread of readdirSync('/proc/self/task')) {
    setPriority(Number(thread), Math.max(getPriority(Number(thread)), nice));
  }
}
