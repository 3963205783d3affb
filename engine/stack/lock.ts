import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from './errors.ts';
import { isRunning, type ProcessId, self } from './processes.ts';

/**
 * Takes a lock that one process on this machine can hold, and answers the function that gives it back.
 *
 * The lock is a file naming its holder. It appears by `link`, hence whole; a holder that is gone is moved away by
 * `rename`, which only one of several waiting processes can do. Rejects with the reason of `signal` when aborted.
 */
export async function takeLock(
  path: string,
  signal: AbortSignal,
  onWait?: (holder: ProcessId) => void,
): Promise<() => Promise<void>> {
  const me = self();
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(me));
  try {
    for (let waited = false; ; ) {
      signal.throwIfAborted();
      if (await placed(draft, path)) return () => giveBack(path, me);
      const holder = await holderOf(path);
      if (holder === undefined || !isRunning(holder)) {
        await clearStale(path);
        continue;
      }
      if (!waited) onWait?.(holder);
      waited = true;
      await sleep(50, undefined, { signal });
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function placed(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function holderOf(path: string): Promise<ProcessId | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value))
      return undefined;
    const { pid, startedAt } = value;
    return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Moves a dead holder's lock away; one that was taken anew in between is put back. */
async function clearStale(path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  const holder = await holderOf(aside);
  if (holder !== undefined && isRunning(holder)) await placed(aside, path);
  await rm(aside, { force: true });
}

async function giveBack(path: string, me: ProcessId): Promise<void> {
  const holder = await holderOf(path);
  if (holder?.pid === me.pid && holder.startedAt === me.startedAt) await rm(path, { force: true });
}
