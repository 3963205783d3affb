/**
 * Loaded by node before a server (`--import`, or imported first), so that the server's clocks are wrong without its
 * knowing: adds FAIRNESS_OFFSET_MS to `Date.now`, `performance.now` and `process.hrtime`, and makes all of them run
 * FAIRNESS_RATE_PPM too fast. The offset makes the wall clock wrong; on a monotonic clock, which starts anywhere, it
 * changes nothing, and only the rate matters. Timers keep their time: they are the kernel's.
 */
const { FAIRNESS_OFFSET_MS = '0', FAIRNESS_RATE_PPM = '0' } = process.env;

/** The reading of a clock that was right at `startMs`, then runs `ppm` millionths fast, and is `offsetMs` ahead. */
export function skewed(shownMs: number, startMs: number, offsetMs: number, ppm: number): number {
  return shownMs + offsetMs + (shownMs - startMs) * ppm * 1e-6;
}

/** Makes this process's clocks wrong from now on. */
export function skewClocks(offsetMs: number, ppm: number): void {
  const dateNow = Date.now.bind(Date);
  const performanceNow = performance.now.bind(performance);
  const startDateMs = dateNow();
  const startMs = performanceNow();
  Date.now = () => Math.floor(skewed(dateNow(), startDateMs, offsetMs, ppm));
  performance.now = () => skewed(performanceNow(), startMs, offsetMs, ppm);
  const hrtimeNs = process.hrtime.bigint.bind(process.hrtime);
  const startNs = hrtimeNs();
  const offsetNs = BigInt(Math.round(offsetMs * 1e6));
  const skewedNs = (): bigint => {
    const shown = hrtimeNs();
    return shown + offsetNs + ((shown - startNs) * BigInt(Math.round(ppm))) / 1_000_000n;
  };
  const hrtime = (since?: [number, number]): [number, number] => {
    const from = since === undefined ? 0n : BigInt(since[0]) * 1_000_000_000n + BigInt(since[1]);
    const ns = skewedNs() - from;
    return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
  };
  process.hrtime = Object.assign(hrtime, { bigint: skewedNs });
}

const [offsetMs, ppm] = [Number(FAIRNESS_OFFSET_MS), Number(FAIRNESS_RATE_PPM)];
if (offsetMs !== 0 || ppm !== 0) skewClocks(offsetMs, ppm);
