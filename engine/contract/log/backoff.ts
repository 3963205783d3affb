import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_MS = 100;
/** Longer: a server that is back is noticed late. Shorter: a server that is down is flooded with requests. */
const LAST_MS = 2_000;

/** The wait before another try after `failures` consecutive failures (0 is the first): 100 ms doubled, up to 2 s. */
export function backoffMs(failures: number): number {
  return Math.min(FIRST_MS * 2 ** Math.min(failures, 10), LAST_MS);
}

/** Waits, at most until `signal` is aborted. Never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await Promise.allSettled([sleep(ms, undefined, { signal })]);
}
