/** The OpenAPI document passes a linter, for those who generate clients from it or fuzz with it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Value from 'typebox/value';
import { bodiesWithoutExample, hardPatterns, lintOpenApi } from '../../engine/test/openapi.ts';
import { openApiDocument, operations } from './openapi.ts';

const document = openApiDocument();

describe('the OpenAPI document of the gateway', () => {
  it('passes the linter', async () => {
    assert.deepEqual(await lintOpenApi(document), []);
  });

  it('uses patterns that every ECMA-262 engine accepts', () => {
    assert.deepEqual(hardPatterns(document), []);
  });

  it('shows an example of each body', () => {
    assert.deepEqual(bodiesWithoutExample(document), []);
  });

  for (const { id, body } of operations) {
    if (body === undefined) continue;
    it(`has valid examples: ${id}`, () => {
      const examples: unknown = Reflect.get(body, 'examples');
      assert.ok(Array.isArray(examples) && examples.length > 0);
      for (const example of examples) assert.ok(Value.Check(body, example), JSON.stringify(example));
    });
  }
});
