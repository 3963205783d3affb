/** Checks bodies against their schemas. No fault shows a value, except of an address: others are secrets, or may be by mistake. */
import type { TObject, TSchema } from 'typebox';
import Value from 'typebox/value';
import { type FieldFault, fieldFault, invalidRequest } from '../../../engine/contract/api/problem.ts';

/** The value of a body of JSON. Throws Problem invalid-request with each fault. */
export function readAccountBody(text: string, schema: TObject): unknown {
  const body = parsed(text);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidRequest([fieldFault('body', undefined, 'a JSON object')]);
  }
  const faults = faultsOf(body, schema);
  if (faults.length > 0) throw invalidRequest(faults);
  return body;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultsOf(body: object, { properties, ...schema }: TObject): FieldFault[] {
  const required: readonly string[] = schema.required ?? [];
  const names = Object.keys(properties);
  const unknown = Object.keys(body)
    .filter(name => !names.includes(name))
    .slice(0, 1)
    .map(name =>
      fieldFault(name.slice(0, 60), undefined, `no such field; the fields are ${names.join(', ')}`),
    );
  const wrong = Object.entries(properties).flatMap(([name, property]) => {
    const value: unknown = Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined;
    if (value === undefined && !required.includes(name)) return [];
    if (Value.Check(property, value)) return [];
    return [fieldFault(name, name === 'address' ? value : undefined, expectedOf(property))];
  });
  return [...wrong, ...unknown];
}

function expectedOf(schema: TSchema): string {
  return String(Reflect.get(schema, 'x-expected'));
}
