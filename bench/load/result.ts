import { Histogram, type HistogramJson } from './histogram.ts';

/**
 * The result of a run. `sent` = the sum of `byStatus` + `unknown` + `timeouts`, always.
 *
 * - `sent`: requests written, repeated ones included; `retries` of them were repeated.
 * - `unknown`: requests whose connection was lost, or whose run was cut off, before an answer.
 * - `errors`: what went wrong, by code: the system's (ECONNRESET, …); `closed`: by the server with a request in flight;
 *   `connect_timeout`; `unsolicited`: an answer without a request; `bad_answer`: a 202 that does not hold what the job
 *   expects. Use figures only from runs without errors.
 * - `p50Ms` … `maxMs`: from the write of a request to its whole answer, over all answered requests.
 * - `seconds`: from the first request to the last answer; `entriesPerSecond`: answers with 202 in that time.
 * - `cpuUs`: user and system time of the generator in that time, tickets not included.
 * - `ended`: `done` (all users), `time` (`seconds` were over), `users` (they ran out before), `limit` (cut off).
 */
export interface LoadResult {
  readonly sent: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly retries: number;
  readonly unknown: number;
  readonly timeouts: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly entriesPerSecond: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly seconds: number;
  readonly cpuUs: number;
  readonly startedUs: number;
  readonly endedUs: number;
  readonly ended: 'done' | 'time' | 'users' | 'limit';
  readonly recordPaths: readonly string[];
  readonly latencies: HistogramJson;
}

/** The counted parts of a result; the others follow from them. */
export type LoadCounts = Pick<
  LoadResult,
  | 'sent'
  | 'byStatus'
  | 'retries'
  | 'unknown'
  | 'timeouts'
  | 'errors'
  | 'cpuUs'
  | 'startedUs'
  | 'endedUs'
  | 'ended'
  | 'recordPaths'
>;

export function toResult(counts: LoadCounts, latencies: Histogram): LoadResult {
  const seconds = (counts.endedUs - counts.startedUs) / 1e6;
  return {
    ...counts,
    entriesPerSecond: seconds > 0 ? (counts.byStatus['202'] ?? 0) / seconds : 0,
    p50Ms: latencies.percentileUs(0.5) / 1e3,
    p90Ms: latencies.percentileUs(0.9) / 1e3,
    p99Ms: latencies.percentileUs(0.99) / 1e3,
    maxMs: latencies.maxUs / 1e3,
    seconds,
    latencies: latencies.toJSON(),
  };
}

/** Adds up the results of processes that ran side by side, from the first start to the last end. */
export function mergeResults(results: readonly LoadResult[]): LoadResult {
  const latencies = new Histogram();
  for (const result of results) latencies.merge(result.latencies);
  const sum = (of: (result: LoadResult) => number): number =>
    results.reduce((total, one) => total + of(one), 0);
  const worst = (['limit', 'users', 'time'] as const).find(ended => results.some(one => one.ended === ended));
  return toResult(
    {
      sent: sum(one => one.sent),
      byStatus: addUp(results.map(one => one.byStatus)),
      retries: sum(one => one.retries),
      unknown: sum(one => one.unknown),
      timeouts: sum(one => one.timeouts),
      errors: addUp(results.map(one => one.errors)),
      cpuUs: sum(one => one.cpuUs),
      startedUs: Math.min(...results.map(one => one.startedUs)),
      endedUs: Math.max(...results.map(one => one.endedUs)),
      ended: worst ?? 'done',
      recordPaths: results.flatMap(one => one.recordPaths),
    },
    latencies,
  );
}

function addUp(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const one of counts) {
    for (const [key, count] of Object.entries(one)) total[key] = (total[key] ?? 0) + count;
  }
  return total;
}
