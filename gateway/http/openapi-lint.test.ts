/** The OpenAPI document passes a linter, for those who generate clients from it or fuzz with it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hardPatterns, lintOpenApi, missingExamples, wrongExamples } from '../../engine/test/openapi.ts';
import { openApiDocument } from './openapi.ts';

const document = openApiDocument();

describe('the OpenAPI document of the gateway', () => {
  it('passes the linter', async () => {
    assert.deepEqual(await lintOpenApi(document), []);
  });

  it('uses patterns that every ECMA-262 engine accepts', () => {
    assert.deepEqual(hardPatterns(document), []);
  });

  it('shows an example of each body and each answer', () => {
    assert.deepEqual(missingExamples(document), []);
  });

  it('has valid examples', () => {
    assert.deepEqual(wrongExamples(document), []);
  });
});
