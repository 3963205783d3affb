import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { preferredType } from './content-negotiation.ts';

describe('preferredType', () => {
  const offered = ['application/json', 'text/csv'] as const;
  for (const [accept, expected] of [
    [undefined, 'application/json'],
    ['', 'application/json'],
    ['*/*', 'application/json'],
    ['text/csv', 'text/csv'],
    ['TEXT/CSV; header=present', 'text/csv'],
    ['text/*', 'text/csv'],
    ['text/html, */*;q=0.1', 'application/json'],
    ['application/json;q=0.5, text/csv;q=0.6', 'text/csv'],
    ['application/json;q=0, */*', 'text/csv'],
    ['application/xml', undefined],
    ['text/csv;q=0', undefined],
    ['application/json;q=x', 'application/json'],
  ] as const) {
    it(`returns ${expected} for ${accept}`, () => assert.equal(preferredType(accept, offered), expected));
  }
});
