/** What tests check in an OpenAPI document: a linter's rules, and what client generators and fuzzers can read. */
import { createConfig, lintFromString } from '@redocly/openapi-core';

/** Redocly's recommended rules, without those that this API breaks for a reason. */
const RULES = {
  // Health, keys and metrics have no 4xx answers.
  'operation-4xx-response': 'off',
  // The events of a stream: OpenAPI 3.1 has no place for them in a media type.
  'no-unused-components': 'off',
  'operation-operationId': 'error',
  'operation-operationId-url-safe': 'error',
  'operation-singular-tag': 'error',
  'operation-tag-defined': 'error',
  'no-invalid-schema-examples': 'error',
  'no-invalid-media-type-examples': 'error',
} as const;

/** The linter's findings, including warnings, each with its place. */
export async function lintOpenApi(document: object): Promise<readonly string[]> {
  const config = await createConfig({ extends: ['recommended'], rules: RULES });
  const source = JSON.stringify(document);
  const found = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  return found.map(
    ({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer ?? ''})`,
  );
}

/** Patterns that not every ECMA-262 engine accepts: look-arounds, named groups and Unicode properties. */
export function hardPatterns(document: object): readonly string[] {
  const hard: string[] = [];
  JSON.stringify(document, (key, value: unknown) => {
    if (key === 'pattern' && typeof value === 'string' && /\(\?[=!<]|\\[pPk]/.test(value)) hard.push(value);
    return value;
  });
  return hard;
}

/** The request bodies, by operation, that have no example. */
export function bodiesWithoutExample(document: object): readonly string[] {
  const bare: string[] = [];
  for (const path of valuesOf(membersOf(document, 'paths'))) {
    for (const operation of valuesOf(path)) {
      const content = membersOf(membersOf(operation, 'requestBody'), 'content');
      const schema = membersOf(membersOf(content, 'application/json'), 'schema');
      if (Object.keys(content).length > 0 && !('examples' in schema)) {
        bare.push(String(Reflect.get(Object(operation), 'operationId')));
      }
    }
  }
  return bare;
}

function membersOf(value: unknown, name: string): object {
  const member: unknown = Reflect.get(Object(value), name);
  return typeof member === 'object' && member !== null ? member : {};
}

function valuesOf(value: unknown): readonly unknown[] {
  return Object.values(Object(value));
}
