/**
 * One process of the burst: several generators of bench/load side by side. All begin at one instant of the machine's
 * monotonic clock, and connect shortly before. Takes `{"jobs":[...],"startAtUs":N}` from the first line of standard input,
 * prints `{"ready":true}` when all are connected, and prints the results as the last line. The process ends when standard
 * input does.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from '../load/generator.ts';
import { type LoadRequest, parseJob } from '../load/job.ts';
import { monotonicUs } from '../watch/clock.ts';

/** A gateway closes a connection that was silent for ten seconds: that is uWebSockets.js's own limit. */
const CONNECT_BEFORE_MS = 3_000;

interface Burst {
  readonly jobs: readonly LoadRequest[];
  readonly startAtUs: number;
}

/**
 * The offset from a time in the generators' record to the monotonic clock. Both clocks come from the same counter, so the
 * offset is constant. The least of several readings is the one during which the process was not interrupted.
 */
function clockOffsetUs(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < 100; reading++) {
    const recordUs = performance.timeOrigin * 1e3 + performance.now() * 1e3;
    least = Math.min(least, monotonicUs() - recordUs);
  }
  return least;
}

async function main(): Promise<void> {
  const aborted = new AbortController();
  const input = createInterface({ input: process.stdin });
  const first = (await input[Symbol.asyncIterator]().next()).value ?? '';
  input.once('close', () => aborted.abort());
  const { jobs, startAtUs }: Burst = JSON.parse(first);
  const until = (us: number): Promise<void> =>
    sleep(Math.max(0, (us - monotonicUs()) / 1e3), undefined, { signal: aborted.signal });
  const signed = (): Promise<void> => until(startAtUs - CONNECT_BEFORE_MS * 1e3);
  let connected = 0;
  const ready = async (): Promise<void> => {
    connected += 1;
    if (connected === jobs.length) process.stdout.write('{"ready":true}\n');
    await until(startAtUs);
  };
  const hooks = { signed, ready, signal: aborted.signal };
  const runs = await Promise.all(jobs.map(job => runLoad(parseJob(job), hooks)));
  const results = runs.map(({ result }) => result);
  process.stdout.write(`${JSON.stringify({ results, offsetUs: clockOffsetUs() })}\n`);
  input.close();
  process.stdin.destroy();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
