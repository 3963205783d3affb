/** What tests check in an OpenAPI document: a linter's rules, and what client generators and fuzzers can read. */
import { createConfig, lintFromString } from '@redocly/openapi-core';
import Value from 'typebox/value';
import { PROBLEM_MEDIA_TYPE } from '../contract/api/problem.ts';

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

/** Not text, so that no example can show it. */
const BYTES = 'application/gzip';

/** The bodies and answers that show no example: operation, status (of an answer) and media type. */
export function missingExamples(document: object): readonly string[] {
  return operationsOf(document).flatMap(operation => {
    const bodies = [['body', membersOf(operation, 'requestBody')] as const];
    const answers = Object.entries(membersOf(operation, 'responses'));
    return [...bodies, ...answers].flatMap(([name, said]) =>
      Object.entries(membersOf(said, 'content'))
        .filter(([mediaType, shown]) => mediaType !== BYTES && !hasExample(shown))
        .map(([mediaType]) => `${Reflect.get(operation, 'operationId')} ${name} ${mediaType}`),
    );
  });
}

function hasExample(shown: unknown): boolean {
  const schema = membersOf(shown, 'schema');
  const choices = Reflect.get(schema, 'anyOf');
  return (
    Reflect.has(Object(shown), 'example') ||
    Object.keys(membersOf(shown, 'examples')).length > 0 ||
    isShownBy(schema) ||
    (Array.isArray(choices) && choices.every(isShownBy))
  );
}

function isShownBy(schema: unknown): boolean {
  const examples: unknown = Reflect.get(Object(schema), 'examples');
  return Array.isArray(examples) && examples.length > 0;
}

/**
 * The examples that their schemas refuse, each with its place. Unlike the linter, this checks formats too, and the rules that
 * schemas of ours state in code.
 */
export function wrongExamples(document: object, part: unknown = document, place = '#'): readonly string[] {
  if (typeof part !== 'object' || part === null) return [];
  const wrong = examplesIn(document, part)
    .filter(({ schema, example }) => !Value.Check(schema, example))
    .map(({ example }) => `${place}: ${JSON.stringify(example)}`);
  const parts = Object.entries(part).filter(([name]) => name !== 'example' && name !== 'examples');
  return [...wrong, ...parts.flatMap(([name, value]) => wrongExamples(document, value, `${place}/${name}`))];
}

/** Of a schema, or of the content of a body or an answer. */
function examplesIn(document: object, part: object): { schema: object; example: unknown }[] {
  const examples: unknown = Reflect.get(part, 'examples');
  if (Array.isArray(examples)) return examples.map(example => ({ schema: part, example }));
  const schema = resolved(document, membersOf(part, 'schema'));
  const named = Object.values(membersOf(part, 'examples')).map(named => exampleValue(document, named));
  const all = Reflect.has(part, 'example') ? [Reflect.get(part, 'example'), ...named] : named;
  return all.map(example => ({ schema, example }));
}

/** The example of a problem that an operation shows. */
export function problemExample(
  document: object,
  { method, path, status, slug }: { method: string; path: string; status: number; slug: string },
): unknown {
  const operation = membersOf(membersOf(membersOf(document, 'paths'), path), method.toLowerCase());
  const content = membersOf(membersOf(membersOf(operation, 'responses'), String(status)), 'content');
  const examples = membersOf(membersOf(content, PROBLEM_MEDIA_TYPE), 'examples');
  return exampleValue(document, membersOf(examples, slug));
}

function exampleValue(document: object, example: unknown): unknown {
  return Reflect.get(resolved(document, Object(example)), 'value');
}

/** What a reference within the document refers to; anything else is itself. */
function resolved(document: object, part: object): object {
  const reference: unknown = Reflect.get(part, '$ref');
  if (typeof reference !== 'string') return part;
  return reference.split('/').slice(1).reduce<object>(membersOf, document);
}

/** A problem without what differs from request to request: quoted values, numbers, instants and codes. */
export function withoutValues(problem: unknown): unknown {
  if (typeof problem === 'number') return 0;
  if (typeof problem === 'string') {
    return problem.replace(/"(?:[^"\\]|\\.)*"|\d[\dTZ:.-]*|\b[A-Z][A-Z0-9-]{2,}\b/g, '…');
  }
  if (Array.isArray(problem)) return problem.map(withoutValues);
  if (typeof problem !== 'object' || problem === null) return problem;
  return Object.fromEntries(Object.entries(problem).map(([name, value]) => [name, withoutValues(value)]));
}

function operationsOf(document: object): readonly object[] {
  return Object.values(membersOf(document, 'paths')).flatMap(path => Object.values(Object(path)).map(Object));
}

function membersOf(value: unknown, name: string): object {
  const member: unknown = Reflect.get(Object(value), name);
  return typeof member === 'object' && member !== null ? member : {};
}
