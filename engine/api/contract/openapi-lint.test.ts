/** The document as its readers use it: people who generate a client, and people who fuzz with it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hardPatterns, lintOpenApi, missingExamples, wrongExamples } from '../../test/openapi.ts';
import { openApiDocument } from './openapi.ts';

const document = openApiDocument();

describe("the OpenAPI document of the operator's API", () => {
  it('passes the linter', async () => {
    assert.deepEqual(await lintOpenApi(document), []);
  });

  it('has patterns that every engine of ECMA-262 takes', () => {
    assert.deepEqual(hardPatterns(document), []);
  });

  it('shows an example of each body and each answer', () => {
    assert.deepEqual(missingExamples(document), []);
  });

  it('shows examples that are right', () => {
    assert.deepEqual(wrongExamples(document), []);
  });
});
