/**
 * Validates input against its schema. All faults are reported at once, each with the member's name, its value (cut) and what
 * was expected.
 */
import type { Static, TObject, TSchema } from 'typebox';
import Type from 'typebox';
import Value from 'typebox/value';
import { type FieldFault, fieldFault, invalidRequest, secretFault } from '../../contract/api/problem.ts';
import { messageOf } from '../../contract/process/message-of.ts';

/**
 * Checks the members of a JSON body. Throws Problem invalid-request.
 */
export function readBody<T extends TObject>(schema: T, given: unknown): Static<T> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const names = Object.keys(schema.properties).join(', ');
    throw invalidRequest([fieldFault('body', given, `a JSON object with the members ${names}`)]);
  }
  return readMembers(schema, given);
}

/** Faults reported of a list: enough to see what is wrong, without an answer as long as the list. */
const MOST_LISTED = 20;

/**
 * Checks a member of a JSON body that is a list of 1 to `most` objects; a fault's field is `name` with the item's index, from 0.
 * Throws Problem invalid-request.
 */
export function checkList(schema: TObject, given: unknown, most: number, name: string): void {
  const expected = `a JSON array of 1 to ${most} objects`;
  if (!Array.isArray(given)) throw invalidRequest([fieldFault(name, given, expected)]);
  if (given.length === 0 || given.length > most) {
    throw invalidRequest([{ field: name, value: `an array of ${given.length}`, expected }]);
  }
  const faults: FieldFault[] = [];
  for (const [index, item] of given.entries()) {
    const itemFaults =
      typeof item !== 'object' || item === null || Array.isArray(item)
        ? [fieldFault('', item, 'a JSON object')]
        : faultsOf(schema, item);
    for (const fault of itemFaults) {
      faults.push({ ...fault, field: `${name}[${index}]${fault.field === '' ? '' : `.${fault.field}`}` });
    }
    if (faults.length >= MOST_LISTED) break;
  }
  if (faults.length > 0) throw invalidRequest(faults.slice(0, MOST_LISTED));
}

/**
 * Checks the parameters of a path or a query, which are strings; those that the schema declares as integers are parsed. Throws
 * Problem invalid-request.
 */
export function readParameters<T extends TObject>(schema: T, given: unknown): Static<T> {
  const texts: object = typeof given === 'object' && given !== null ? given : {};
  const members = Object.entries(texts).map(([name, text]) => [
    name,
    readText(schema.properties[name], text),
  ]);
  return readMembers(schema, Object.fromEntries(members));
}

function readText(schema: TSchema | undefined, text: unknown): unknown {
  const isWhole = schema !== undefined && 'type' in schema && schema.type === 'integer';
  return isWhole && typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : text;
}

function readMembers<T extends TObject>(schema: T, given: object): Static<T> {
  const faults = faultsOf(schema, given);
  if (faults.length > 0) throw invalidRequest(faults);
  if (!Value.Check(schema, given)) throw new Error('the members are valid but the whole is not');
  return given;
}

/** The faults in the members of an object. */
function faultsOf(schema: TObject, given: object): FieldFault[] {
  const faults: FieldFault[] = [];
  const known = Object.entries(schema.properties);
  for (const [name, member] of known) {
    const value: unknown = Object.hasOwn(given, name) ? Reflect.get(given, name) : undefined;
    if (Type.IsObject(member) && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      faults.push(...faultsOf(member, value).map(fault => ({ ...fault, field: `${name}.${fault.field}` })));
    } else if (value === undefined ? !Type.IsOptional(member) : !Value.Check(member, value)) {
      const fault = isHidden(member) ? secretFault : fieldFault;
      faults.push(fault(name, value, expectedOf(member)));
    }
  }
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(schema.properties, name)) continue;
    const names = known.map(([knownName]) => knownName).join(', ');
    const expected = names === '' ? 'nothing' : `a known member: ${names}`;
    faults.push(fieldFault(name.slice(0, 60), Reflect.get(given, name), expected));
  }
  return faults;
}

/** An answer must not repeat it: a password, a code, a link. */
function isHidden(member: TSchema): boolean {
  return Reflect.get(member, 'writeOnly') === true;
}

function expectedOf(member: TSchema): string {
  const expected: unknown = Reflect.get(member, 'x-expected');
  if (typeof expected !== 'string') throw new Error('a request member has no x-expected');
  return expected;
}

/** Reads a body as JSON; an empty one is undefined. Throws Problem invalid-request. */
export function readJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    const value = messageOf(error);
    throw invalidRequest([{ field: 'body', value, expected: 'JSON in UTF-8' }]);
  }
}
