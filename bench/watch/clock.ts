/**
 * Microseconds on the machine's monotonic clock. All processes of a machine share it and it is never set, so times from
 * several clients can be put in one order.
 */
export function monotonicUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}
