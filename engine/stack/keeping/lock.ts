import { createHash, randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../errors.ts';
import { isRunning, type ProcessId, self } from './processes.ts';

/**
 * Takes a lock that only one process on this machine can hold, and returns the function that gives it back.
 *
 * The lock is a file that names its holder. `link` creates it, so it appears with its full content and only if there is none
 * yet. A file whose holder has ended is removed under a second lock, named after the content of the file and taken in the
 * same way. An ended holder does not come back, so a process that holds the second lock and still reads the same content may
 * remove the file: nobody else can have replaced it. Moving the file away first and checking it afterwards would leave a gap
 * in which two processes get the lock.
 *
 * Rejects with the reason of `signal` when aborted.
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
      const text = await textOf(path);
      if (text === undefined) continue;
      const holder = holderIn(text);
      if (holder === undefined || !isRunning(holder)) {
        await clearStale(path, text, signal);
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

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Its holder; undefined if the text names none. */
function holderIn(text: string): ProcessId | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value))
      return undefined;
    const { pid, startedAt } = value;
    return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Removes the lock of an ended holder, if it is still there. */
async function clearStale(path: string, text: string, signal: AbortSignal): Promise<void> {
  const name = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const release = await takeLock(`${path}.${name}`, signal);
  try {
    if ((await textOf(path)) === text) await rm(path, { force: true });
  } finally {
    await release();
  }
}

async function giveBack(path: string, me: ProcessId): Promise<void> {
  const holder = holderIn((await textOf(path)) ?? '');
  if (holder?.pid === me.pid && holder.startedAt === me.startedAt) await rm(path, { force: true });
}
