import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Hmac } from './hmac.ts';

const ascii = (constraints: { minLength?: number; maxLength?: number }) =>
  fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map(code => String.fromCharCode(code)),
    ...constraints,
  });

test('signs as createHmac does, whatever the lengths of secret and message', () => {
  fc.assert(
    fc.property(ascii({ minLength: 1, maxLength: 200 }), ascii({ maxLength: 300 }), (secret, message) => {
      const expected = createHmac('sha256', secret).update(message).digest('base64url');
      assert.equal(new Hmac(secret).sign(message), expected);
    }),
  );
});

test('signs messages longer than the memory it keeps, and short ones after them', () => {
  const hmac = new Hmac('secret');
  for (const length of [5_000, 3, 4_096, 0]) {
    const message = 'm'.repeat(length);
    assert.equal(hmac.sign(message), createHmac('sha256', 'secret').update(message).digest('base64url'));
  }
});

test('RFC 4231, test case 2', () => {
  const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
  const signature = new Hmac('Jefe').sign('what do ya want for nothing?');
  assert.equal(Buffer.from(signature, 'base64url').toString('hex'), expected);
});

test('a signature matches only itself', () => {
  const hmac = new Hmac('secret');
  const signature = hmac.sign('message');
  assert.equal(hmac.matches(`message.${signature}`, 7), true);
  for (let at = 0; at < signature.length; at++) {
    const other = signature[at] === 'A' ? 'B' : 'A';
    const changed = signature.slice(0, at) + other + signature.slice(at + 1);
    assert.equal(hmac.matches(`message.${changed}`, 7), false, `changed at ${at}`);
  }
  assert.equal(hmac.matches(`message.${signature}A`, 7), false);
  assert.equal(hmac.matches(`message.${signature.slice(1)}`, 7), false);
  assert.equal(hmac.matches('message.', 7), false);
});
