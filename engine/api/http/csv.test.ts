import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { field } from './csv.ts';

describe('a CSV field', () => {
  for (const [value, expected] of [
    [null, ''],
    [-7, '-7'],
    ['plain', 'plain'],
    ['with, comma', '"with, comma"'],
    ['"quoted"', '"""quoted"""'],
    ['two\nlines', '"two\nlines"'],
    ['=HYPERLINK("x")', `"'=HYPERLINK(""x"")"`],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@x', "'@x"],
    ['\tx', "'\tx"],
    ['\rx', `"'\rx"`],
    ['a=1', 'a=1'],
  ] as const) {
    it(`is ${JSON.stringify(expected)} for ${JSON.stringify(value)}`, () =>
      assert.equal(field(value), expected));
  }
});
