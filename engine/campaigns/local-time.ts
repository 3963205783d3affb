/**
 * Local times of an IANA time zone. Around a clock change, a local time may name no instant (a gap) or two (an overlap): the
 * code guesses neither, and shows both readings.
 *
 * The zone's rules come from Node's own Intl; a library would only duplicate them.
 */

export type LocalReading =
  | { readonly is: 'instant'; readonly at: Date }
  /** `first` uses the offset from before the clock change, `second` the one from after it. */
  | { readonly is: 'gap' | 'overlap'; readonly first: Date; readonly second: Date };

const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether Node knows the zone. */
export function isTimeZone(zone: string): boolean {
  // Newer versions of Node accept offsets like +01:00 as time zones; IANA does not.
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]*$/.test(zone)) return false;
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** How far the zone's clocks are ahead of UTC at an instant, milliseconds. Node must know the zone. */
function offsetAt(zone: string, atMs: number): number {
  const parts = new Map<string, number>(
    formatOf(zone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (name: string): number => parts.get(name) ?? 0;
  const shown = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  );
  return shown - (atMs - (((atMs % 1000) + 1000) % 1000));
}

/** The meaning of a local time (milliseconds since the epoch as if it were UTC) in a time zone. */
export function readLocal(zone: string, localMs: number): LocalReading {
  // No zone sets its clocks twice within two days.
  const before = offsetAt(zone, localMs - DAY_MS);
  const after = offsetAt(zone, localMs + DAY_MS);
  const first = localMs - before;
  const second = localMs - after;
  const isFirst = offsetAt(zone, first) === before;
  const isSecond = offsetAt(zone, second) === after;
  if (before === after || (isFirst && !isSecond)) return { is: 'instant', at: new Date(first) };
  if (isSecond && !isFirst) return { is: 'instant', at: new Date(second) };
  return { is: isFirst ? 'overlap' : 'gap', first: new Date(first), second: new Date(second) };
}

/** An instant as the zone's clocks show it, with their offset: 2030-03-31T03:30:00.000+02:00. */
export function showLocal(zone: string, at: Date): string {
  const offsetMs = offsetAt(zone, at.getTime());
  const shown = new Date(at.getTime() + offsetMs).toISOString().slice(0, -1);
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${shown}${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(zone, format);
  return format;
}
