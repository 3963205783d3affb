import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeRecoveryCodes, RECOVERY_CODES, readRecoveryCode } from './recovery-codes.ts';

test('codes are ten different ones of 16 characters, read in any letter case and grouping', () => {
  const codes = makeRecoveryCodes();
  assert.equal(new Set(codes).size, RECOVERY_CODES);
  for (const code of codes) {
    assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
    const plain = code.replaceAll('-', '');
    for (const typed of [code, plain, code.toLowerCase(), ` ${code.replaceAll('-', ' ')} `])
      assert.equal(readRecoveryCode(typed), plain, typed);
  }
});

test('letters that are misread are the digits that they look like', () => {
  assert.equal(readRecoveryCode('oOiI-lL00-1111-0000'), '0011110011110000');
});

test('anything else is no recovery code', () => {
  for (const text of ['', '123456', 'U'.repeat(16), '0'.repeat(15), '0'.repeat(17), `${'0'.repeat(15)}é`])
    assert.equal(readRecoveryCode(text), undefined, text);
});
