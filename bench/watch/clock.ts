/**
 * Microseconds on the machine's monotonic clock. It is the same for all processes of a machine and is never set, so
 * times that several clients took can be put in one order.
 */
export function monotonicUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}
