/**
 * Instants as APIs, files and messages show them: RFC 3339 in UTC, one function for each unit. The verifier has its own, because
 * it imports nothing from its subject.
 */

/** `ms`: milliseconds since the epoch. */
export function isoOfMs(ms: number): string {
  return new Date(ms).toISOString();
}

/** `ms`: milliseconds since the epoch; null if there is none. */
export function isoOrNull(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : isoOfMs(ms);
}

/** `us`: microseconds since the epoch; shown to the millisecond, the rest is cut off. */
export function isoOfUs(us: number): string {
  return isoOfMs(us / 1_000);
}

/** `us`: microseconds since the epoch, shown with all six digits. */
export function isoMicrosecondsOf(us: number): string {
  const toMilliseconds = isoOfMs(Math.floor(us / 1_000)).slice(0, -1);
  return `${toMilliseconds}${String(us % 1_000).padStart(3, '0')}Z`;
}
