import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_MS = 100;
/** Longer, and a server that is back is found late; shorter, and one that is gone is hammered. */
const LAST_MS = 2_000;

/** How long to wait before trying again after `failures` failures in a row (0 is the first): 100 ms doubled, up to 2 s. */
export function backoffMs(failures: number): number {
  return Math.min(FIRST_MS * 2 ** Math.min(failures, 10), LAST_MS);
}

/** Waits; less long when `signal` is aborted meanwhile. Never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await Promise.allSettled([sleep(ms, undefined, { signal })]);
}

/** What `work` resolves with; rejects with `late()` when that takes longer than `ms`. `work` itself goes on. */
export async function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
