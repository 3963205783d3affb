/** Parses what a shop sends: its reports, and the pass in the URI that a customer requested. */
import Value from 'typebox/value';
import { type FieldFault, fieldFault, secretFault } from '../../engine/contract/api/problem.ts';
import { MAX_CAMPAIGN_ID } from '../http/contract/fields.ts';
import { ReportBody } from '../http/contract/rooms.ts';

/** Fits a token of 2,048 characters and the other members. */
export const MAX_REPORT_BYTES = 4_096;

export type Report =
  | { readonly event: 'used'; readonly pass: string; readonly session: string | undefined }
  | { readonly event: 'left' | 'expired'; readonly serial: number };

/** The report, or all faults of the body. */
export function readReport(body: unknown): Report | FieldFault[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return [fieldFault('body', body, 'a JSON object with event and with pass or serial')];
  }
  const faults: FieldFault[] = [];
  const known = Object.entries(ReportBody.properties);
  for (const [name, member] of known) {
    const value: unknown = Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined;
    const isWrong = value === undefined ? name === 'event' : !Value.Check(member, value);
    if (isWrong) faults.push(faultOf(name, value, expectedOf(member)));
  }
  for (const name of Object.keys(body)) {
    if (!Object.hasOwn(ReportBody.properties, name)) {
      const names = known.map(([each]) => each).join(', ');
      faults.push(fieldFault(name.slice(0, 60), Reflect.get(body, name), `a known member: ${names}`));
    }
  }
  if (faults.length > 0 || !Value.Check(ReportBody, body)) return faults;
  const { event, pass, serial, session } = body;
  if (event === 'used') {
    if (serial !== undefined) faults.push(fieldFault('serial', serial, 'no value, as the pass names it'));
    if (pass === undefined) faults.push(faultOf('pass', pass, 'a pass, as event is used'));
    else if (faults.length === 0) return { event, pass, session };
    return faults;
  }
  if (pass !== undefined) faults.push(faultOf('pass', pass, `no value, as event is ${event}`));
  if (session !== undefined) faults.push(fieldFault('session', session, `no value, as event is ${event}`));
  if (serial === undefined) {
    faults.push(
      fieldFault('serial', serial, `a whole number from 1 to ${MAX_CAMPAIGN_ID}, as event is ${event}`),
    );
  } else if (faults.length === 0) return { event, serial };
  return faults;
}

/** Never shows a pass. */
function faultOf(name: string, value: unknown, expected: string): FieldFault {
  return name === 'pass' ? secretFault(name, value, expected) : fieldFault(name, value, expected);
}

function expectedOf(member: object): string {
  return String(Reflect.get(member, 'x-expected'));
}

/** The parameter `?pass=` of the requested page; '' if absent. */
export function passOfUri(uri: string): string {
  const at = uri.indexOf('?');
  return at < 0 ? '' : (new URLSearchParams(uri.slice(at + 1)).get('pass') ?? '');
}
