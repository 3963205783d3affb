import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again until the answer is something other than undefined, and returns that. Rejects after `limitMs`,
 * naming what was waited for; at once with what `ask` throws.
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
