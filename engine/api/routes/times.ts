/** Times from operators: instants in UTC, or local times of a time zone, each of which has to mean exactly one instant. */
import { isTimeZone, readLocal, showLocal } from '../../campaigns/local-time.ts';
import { type FieldFault, fieldFault, invalidRequest } from '../../contract/api/problem.ts';

/** The time zone that a body names, if it exists. */
export function readZone(zone: string | undefined, faults: FieldFault[]): string | undefined {
  if (zone === undefined || isTimeZone(zone)) return zone;
  faults.push(fieldFault('time_zone', zone, 'an IANA time zone name, like Europe/Berlin'));
  return undefined;
}

/**
 * The instant of a well-formed text; the 30th of February is well-formed and is no instant. A text without a Z is read in
 * `zone`; around a clock change it may mean no instant or two, and the fault shows both readings.
 */
export function readTime(
  field: string,
  text: string,
  zone: string | undefined,
  faults: FieldFault[],
): Date | undefined {
  const isUtc = text.endsWith('Z');
  const asUtc = new Date(isUtc ? text : `${text}Z`);
  const wanted = text.slice(0, 19).replace(/Z$/, '');
  if (Number.isNaN(asUtc.getTime()) || !asUtc.toISOString().startsWith(wanted)) {
    faults.push(fieldFault(field, text, 'an existing date and time'));
    return undefined;
  }
  if (isUtc) return asUtc;
  if (zone === undefined) {
    const right = 'an instant in UTC with its Z; or, with a valid time_zone, a local time';
    faults.push(fieldFault(field, text, right));
    return undefined;
  }
  const reading = readLocal(zone, asUtc.getTime());
  if (reading.is === 'instant') return reading.at;
  const told = (at: Date): string => `${at.toISOString()} (${showLocal(zone, at)})`;
  const why =
    reading.is === 'gap'
      ? `clocks in ${zone} are set forward then and skip it`
      : `clocks in ${zone} are set back then and show it twice`;
  faults.push(fieldFault(field, text, `${told(reading.first)} or ${told(reading.second)}: ${why}`));
  return undefined;
}

/** The `expires_at` of a new token, in UTC. Throws Problem invalid-request. */
export function readExpiry(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const faults: FieldFault[] = [];
  const at = readTime('expires_at', text, undefined, faults);
  if (faults.length > 0) throw invalidRequest(faults);
  return at;
}
