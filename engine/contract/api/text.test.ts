import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Value from 'typebox/value';
import { MAX_USER_ID_BYTES } from '../record/record.ts';
import { shownText, userIdText } from './text.ts';

/** The rule as one pattern, which it was before client generators had to read it. */
const SHOWN = /^(?=.*\S)[^\p{Cc}\p{Cs}]{1,5}$/u;
const USER = new RegExp(`^[^\\0\\p{Cs}]{1,${MAX_USER_ID_BYTES}}$`, 'u');
const SAMPLES = [
  ...[
    '',
    ' ',
    '\u2028',
    '\u2028a',
    'a',
    ' a ',
    'abcde',
    'abcdef',
    'a\nb',
    '\u0000',
    'a\u0000',
    '\u0085',
    '\u007f',
  ],
  ...['🎟️', '🎟🎟🎟🎟🎟', '🎟🎟🎟🎟🎟🎟', '\ud83c', 'a\udf9f', '\udf9f\ud83c', '가나다라마', 'e\u0301e\u0301'],
  ...['x'.repeat(MAX_USER_ID_BYTES), 'x'.repeat(MAX_USER_ID_BYTES + 1), '한'.repeat(MAX_USER_ID_BYTES)],
];

describe('incoming text', () => {
  const [shown, user] = [shownText(5, 'A title'), userIdText('Who')];
  for (const text of SAMPLES) {
    it(`is checked as its pattern says: ${JSON.stringify(text).slice(0, 30)}`, () => {
      assert.equal(Value.Check(shown, text), SHOWN.test(text));
      assert.equal(Value.Check(user, text), USER.test(text));
    });
  }

  it('has a schema without patterns that describes the rule', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(shown)), {
      type: 'string',
      minLength: 1,
      maxLength: 5,
      description: 'A title. No control characters, and not only white space',
      'x-expected': 'text of 1 to 5 characters, without control characters',
    });
  });
});
