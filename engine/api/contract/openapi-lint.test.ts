/** The document as its readers use it: people who generate a client, and people who fuzz with it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Value from 'typebox/value';
import { bodiesWithoutExample, hardPatterns, lintOpenApi } from '../../test/openapi.ts';
import { openApiDocument } from './openapi.ts';
import type { Operation } from './operation.ts';
import { operations } from './operations.ts';

const document = openApiDocument();

describe("the OpenAPI document of the operator's API", () => {
  it('passes the linter', async () => {
    assert.deepEqual(await lintOpenApi(document), []);
  });

  it('uses patterns that every ECMA-262 engine accepts', () => {
    assert.deepEqual(hardPatterns(document), []);
  });

  it('shows an example of each body', () => {
    assert.deepEqual(bodiesWithoutExample(document), []);
  });

  for (const [id, operation] of Object.entries<Operation>(operations)) {
    const { body } = operation;
    if (body === undefined) continue;
    it(`has valid examples: ${id}`, () => {
      const examples: unknown = Reflect.get(body, 'examples');
      assert.ok(Array.isArray(examples) && examples.length > 0);
      for (const example of examples) assert.ok(Value.Check(body, example), JSON.stringify(example));
    });
  }
});
