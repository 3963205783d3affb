import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../peers/process.ts';
import { until } from '../system/waiting.ts';
import type { ProbeAnswer } from './probe.ts';

export const PROBE = new URL('./probe.ts', import.meta.url);

let asked = 0;

/** Asks a gateway that was started with the probe, and begins a new measurement of its loop. */
export async function askProbe(
  child: Child,
  { collect }: { readonly collect: boolean },
): Promise<ProbeAnswer> {
  asked += 1;
  const probe = asked;
  child.say(JSON.stringify({ probe, collect }));
  return until('the probe in the gateway', { everyMs: 10, limitMs: 30_000 }, async () => {
    const answer: ProbeAnswer = JSON.parse(child.lastLine());
    return answer.probe === probe ? answer : undefined;
  });
}

/** V8 hands pages back some seconds after a collection, and only then those of a second one. */
const COLLECT_EVERY_MS = 3_000;
const COLLECTIONS = 10;
const STEADY_BYTES = 512 * 1_024;

/** Collects garbage until the memory of the process no longer changes, and answers what is left. */
export async function askWhenSteady(child: Child): Promise<ProbeAnswer> {
  let last = await askProbe(child, { collect: true });
  let steady = 0;
  for (let times = 0; times < COLLECTIONS && steady < 2; times++) {
    await sleep(COLLECT_EVERY_MS);
    const next = await askProbe(child, { collect: true });
    steady = Math.abs(next.rssBytes - last.rssBytes) < STEADY_BYTES ? steady + 1 : 0;
    last = next;
  }
  return last;
}
