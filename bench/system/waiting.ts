import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `ask` until it returns something other than undefined, and returns that. Rejects after `limitMs` with the name of
 * what was awaited; rejects at once with what `ask` throws.
 */
export async function until<T>(
  what: string,
  { everyMs, limitMs }: { readonly everyMs: number; readonly limitMs: number },
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${limitMs / 1_000} s`);
    await sleep(everyMs);
  }
}
