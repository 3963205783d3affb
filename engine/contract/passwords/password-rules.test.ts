import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalisePassword, PasswordRules } from './password-rules.ts';

const rules = new PasswordRules();
const address = 'ada.lovelace@example.com';

test('accepts long and strange passwords, of any characters', () => {
  for (const password of [
    ...[
      'three owls by the harbour',
      'x7Kq2mZp',
      '비밀번호는나만알아요',
      '🦉🦉🦊🐝',
      'correct horse battery staple',
    ],
    'a'.repeat(5) + 'z'.repeat(60),
    ' leading and trailing ',
  ]) {
    assert.equal(rules.refusal(password, address), undefined, password);
  }
});

test('refuses short, long, common, regular ones, and those made of the address', () => {
  for (const password of [
    ...['', 'short', '1234567', 'x'.repeat(129)],
    ...['password', 'PassWord', '12345678', 'qwertyuiop', 'iloveyou', 'q1w2e3r4t5'],
    ...[
      'aaaaaaaaaa',
      'abcabcabcabc',
      'xyxyxyxyx',
      'abcdefghij',
      'zyxwvutsrq',
      '9876543210',
      'lkjhgfdsa',
      'qwertyuio',
    ],
    ...[
      'ada.lovelace',
      'Ada.Lovelace1',
      '1ada.lovelace!',
      'ada.lovelace@example.com',
      'x ada.lovelace@example.com x',
    ],
  ]) {
    assert.notEqual(rules.refusal(password, address), undefined, password);
  }
});

test('refuses what is made of a name, and accepts a sentence with the name in it', () => {
  for (const password of ['Grace Hopper', 'grace hopper!', '12grace hopper'])
    assert.notEqual(rules.refusal(password, 'Grace Hopper'), undefined, password);
  for (const password of ['grace hopper owns two owls', 'three ada owls'])
    assert.equal(
      rules.refusal(password, password.startsWith('g') ? 'Grace Hopper' : 'Ada'),
      undefined,
      password,
    );
});

test('the characters that a keyboard composes differently are the same password', () => {
  assert.equal(normalisePassword('비밀번호'.normalize('NFD')), '비밀번호'.normalize('NFC'));
});
