import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Hmac } from './hmac.ts';

function signatureOf(secret: string, message: string): string {
  const hmac = new Hmac(secret);
  hmac.message.write(message, 'utf8');
  const signature = Buffer.alloc(32);
  for (const [index, word] of hmac.sign(Buffer.byteLength(message)).entries())
    signature.writeInt32BE(word, 4 * index);
  return signature.toString('base64url');
}

const ascii = (constraints: { minLength?: number; maxLength?: number }) =>
  fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map(code => String.fromCharCode(code)),
    ...constraints,
  });

test('signs as createHmac does, for any length of secret and message', () => {
  fc.assert(
    fc.property(ascii({ minLength: 1, maxLength: 200 }), ascii({ maxLength: 300 }), (secret, message) => {
      const expected = createHmac('sha256', secret).update(message).digest('base64url');
      assert.equal(signatureOf(secret, message), expected);
      assert.equal(new Hmac(secret).signText(message).toString('base64url'), expected);
    }),
  );
});

test('RFC 4231, test case 2', () => {
  const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
  const signature = signatureOf('Jefe', 'what do ya want for nothing?');
  assert.equal(Buffer.from(signature, 'base64url').toString('hex'), expected);
});

test('a signature matches only itself', () => {
  const hmac = new Hmac('secret');
  const signature = signatureOf('secret', 'message');
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

test('rejects non-ASCII input and anything too long to sign', () => {
  const hmac = new Hmac('secret');
  const signature = signatureOf('secret', 'mBssage');
  // U+0142 has the lowest byte of "B".
  assert.equal(hmac.matches(`mBssage.${signature}`, 7), true);
  assert.equal(hmac.matches(`m\u0142ssage.${signature}`, 7), false);
  assert.equal(hmac.matches(`${'m'.repeat(70_000)}.${signature}`, 70_000), false);
  assert.throws(() => hmac.signText('m\u0142ssage'), RangeError);
  assert.throws(() => hmac.signText('m'.repeat(70_000)), RangeError);
});
