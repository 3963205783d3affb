/**
 * APIs whose answers are checked against their OpenAPI document as they come, and remembered: in the end each documented answer
 * must have been given.
 */
import assert from 'node:assert/strict';
import type { TSchema } from 'typebox';
import Value from 'typebox/value';
import { openPool } from '../../../../sql/database.ts';
import { ProblemDocument } from '../../../contract/api/problem.ts';
import { withoutValues } from '../../../test/openapi.ts';
import { emptyDatabase } from '../../../test/support.ts';
import { type Answer, type Call, startApi, type TestApi } from '../../testing/api.ts';

interface Response {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, { readonly schema?: TSchema }>>;
}
export interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>
  >;
}

type CheckedCall = Call & { readonly id?: number | string; readonly query?: string };

export interface Checked {
  readonly api: TestApi;
  /** An API whose database has no tables. */
  readonly broken: TestApi;
  /** An API whose database is away and which is not ready. */
  readonly unavailableApi: TestApi;
  readonly document: Document;
  /** Every answer so far: its operation, status, and media type or problem. */
  readonly given: ReadonlySet<string>;
  /** The problems that were answered, by operation, status and type, without what differs from request to request. */
  readonly problemsGiven: ReadonlyMap<string, readonly unknown[]>;
  /** Calls an operation and checks the answer against the document. `path` is a path of the document; `{id}` becomes `id`. */
  call(
    on: TestApi,
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    path: string,
    options?: CheckedCall,
  ): Promise<Answer>;
  close(): Promise<void>;
}

export async function startChecked(): Promise<Checked> {
  const api = await startApi();
  const document = JSON.parse((await api.call('GET', '/openapi.json')).text) as Document;
  const empty = await emptyDatabase();
  const emptyPool = openPool(empty.url, { max: 2, applicationName: 'test', onError: () => undefined });
  const broken = await startApi({ pool: emptyPool });
  const awayPool = openPool('postgres://nobody@127.0.0.1:1/none', {
    max: 1,
    applicationName: 'test',
    onError: () => undefined,
  });
  const unavailableApi = await startApi({
    pool: awayPool,
    ready: () => ({ ok: false, checks: { postgres: 'no answer', redis: 'ok' } }),
  });
  const given = new Set<string>();
  const problemsGiven = new Map<string, unknown[]>();
  async function call(
    on: TestApi,
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    path: string,
    options: CheckedCall = {},
  ): Promise<Answer> {
    const answer = await on.call(
      method,
      path.replace('{id}', String(options.id ?? 1)) + (options.query ?? ''),
      options,
    );
    const name = `${method} ${path} ${answer.status}`;
    const response = document.paths[path]?.[method.toLowerCase()]?.responses[answer.status];
    assert.ok(response, `${name} is not documented: ${answer.text}`);
    const content = response.content[answer.mediaType];
    assert.ok(content, `${name} is not documented as ${answer.mediaType}`);
    if (answer.mediaType === 'application/problem+json') {
      assert.ok(Value.Check(ProblemDocument, answer.body), answer.text);
      assert.equal(answer.body.status, answer.status);
      const problem = `${name} ${answer.body.type}`;
      given.add(problem);
      problemsGiven.set(problem, [...(problemsGiven.get(problem) ?? []), withoutValues(answer.body)]);
    } else if (content.schema !== undefined) {
      const faults = Value.Errors(content.schema, answer.body);
      assert.deepEqual([...faults], [], `${name}: ${answer.text}`);
    }
    for (const header of Object.keys(response.headers ?? {})) assert.ok(answer.headers.has(header), header);
    given.add(`${name} ${answer.mediaType}`);
    return answer;
  }
  const close = async (): Promise<void> => {
    for (const each of [api, broken, unavailableApi]) await each.close();
    for (const pool of [emptyPool, awayPool]) await pool.end();
    await empty.drop();
  };
  return { api, broken, unavailableApi, document, given, problemsGiven, call, close };
}

/** Every documented answer, each problem by its type. */
export function documented(document: Document): string[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.entries(responses).flatMap(([status, response]) => {
        const name = `${method.toUpperCase()} ${path} ${status}`;
        const types =
          String(Reflect.get(response, 'description')).match(/urn:fairline:problem:[a-z-]+/g) ?? [];
        return [...types, ...Object.keys(response.content)].map(what => `${name} ${what}`);
      }),
    ),
  );
}
