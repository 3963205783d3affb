/** An instant in microseconds since the epoch, as the API shows it: RFC 3339 with milliseconds. */
export function isoOf(us: number): string {
  return new Date(us / 1000).toISOString();
}
