import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { normaliseAddress } from './addresses.ts';

test('one mailbox has one form', () => {
  for (const [given, form] of [
    ['ada@example.com', 'ada@example.com'],
    ['Ada@Example.COM', 'ada@example.com'],
    ['ADA.Lovelace+Drop@example.com', 'ada.lovelace+drop@example.com'],
    ["o'neill@example.co.kr", "o'neill@example.co.kr"],
    ['ada@한글.kr', 'ada@xn--bj0bj06e.kr'],
    // The same, decomposed, and in full-width letters.
    ['ada@한글.kr'.normalize('NFD'), 'ada@xn--bj0bj06e.kr'],
    ['ada@ｅｘａｍｐｌｅ.com', 'ada@example.com'],
    ['ada@BÜCHER.example', 'ada@xn--bcher-kva.example'],
    ['a@b.co', 'a@b.co'],
  ] as const) {
    assert.equal(normaliseAddress(given), form, given);
  }
});

test('keeps the plus: both may be different people', () => {
  assert.notEqual(normaliseAddress('ada+1@example.com'), normaliseAddress('ada@example.com'));
});

test('refuses what cannot be one', () => {
  for (const given of [
    ...['', '@', 'ada', 'ada@', '@example.com', 'ada@example', 'ada@@example.com', 'a b@example.com'],
    ...[
      ' ada@example.com',
      'ada@example.com ',
      'ada@example.com\n',
      'ada\r\nBcc: eve@example.com@example.com',
    ],
    ...['ada@example.com\r\nBcc: eve@example.com', 'ada@exam\nple.com', 'ada\u0000@example.com'],
    ...[
      '.ada@example.com',
      'ada.@example.com',
      'a..da@example.com',
      '"ada"@example.com',
      '<ada@example.com>',
    ],
    ...['ada@example.com,eve@example.com', 'ada@example.com;eve@example.com', 'ada@-example.com'],
    ...[
      'ada@127.0.0.1',
      'ada@[127.0.0.1]',
      'ada@0x7f.1',
      'ada@exa%6dple.com',
      'ada@example.com/x',
      'ada@example.com:25',
    ],
    ...[
      '아다@example.com',
      'аda@example.com',
      'ada@example.한국',
      'ada\u200b@example.com',
      'ada@exam\u200bple.com\u202e',
    ],
    ...[`${'a'.repeat(65)}@example.com`, `ada@${'a'.repeat(64)}.com`, `ada@${'a.'.repeat(130)}com`],
  ]) {
    assert.equal(normaliseAddress(given), undefined, JSON.stringify(given));
  }
});

test('a form is its own form, and can end no header line', () => {
  const local = fc.string({
    unit: fc.constantFrom(...'aZ09._+-\'"@ \r\n<>,;é한'),
    minLength: 1,
    maxLength: 20,
  });
  const domain = fc.string({ unit: fc.constantFrom(...'aZ0-.한é \r\n%/'), minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(local, domain, (name, host) => {
      const form = normaliseAddress(`${name}@${host}.com`);
      if (form === undefined) return;
      assert.equal(normaliseAddress(form), form);
      assert.equal(normaliseAddress(form.toUpperCase()), form);
      assert.match(form, /^[\x21-\x7e]+$/);
      assert.doesNotMatch(form, /[\s<>,;:"]/);
    }),
    { numRuns: 2_000 },
  );
});
