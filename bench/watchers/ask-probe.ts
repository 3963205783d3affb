import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../peers/process.ts';
import { until } from '../system/waiting.ts';
import type { ProbeAnswer } from './probe.ts';

export const PROBE = new URL('./probe.ts', import.meta.url);

let asked = 0;

/** Asks a process that was started with a probe, and begins a new measurement of it. */
export async function askProbe<Answer extends { readonly probe: number } = ProbeAnswer>(
  child: Child,
  { collect }: { readonly collect: boolean },
): Promise<Answer> {
  asked += 1;
  const probe = asked;
  child.say(JSON.stringify({ probe, collect }));
  return until(`the probe in ${child.name}`, { everyMs: 10, limitMs: 30_000 }, async () => {
    const answer: Answer = JSON.parse(child.lastLine());
    return answer.probe === probe ? answer : undefined;
  });
}

/** V8 returns pages late: on a gateway that had just started, 30 MB of 148 were returned some ten seconds later. */
const COLLECT_EVERY_MS = 3_000;
const COLLECTIONS_AT_LEAST = 8;
const COLLECTIONS_AT_MOST = 20;
const STEADY_BYTES = 512 * 1_024;

/** Collects garbage until the memory of the process no longer changes, for 21 to 57 s; returns the last answer. */
export async function askWhenSteady(child: Child): Promise<ProbeAnswer> {
  let last = await askProbe(child, { collect: true });
  for (let times = 1, steady = 0; times < COLLECTIONS_AT_LEAST || steady < 3; times++) {
    if (times === COLLECTIONS_AT_MOST) break;
    await sleep(COLLECT_EVERY_MS);
    const next = await askProbe(child, { collect: true });
    steady = Math.abs(next.rssBytes - last.rssBytes) < STEADY_BYTES ? steady + 1 : 0;
    last = next;
  }
  return last;
}
