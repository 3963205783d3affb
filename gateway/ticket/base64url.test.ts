import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeBase64url, leftOverBits } from './base64url.ts';

function decoded(text: string): Buffer | undefined {
  const source = Buffer.from(`..${text}..`, 'latin1');
  const target = Buffer.alloc(text.length + 3, 0xee);
  const length = decodeBase64url(source, 2, text.length, target, 1);
  return length < 0 ? undefined : target.subarray(1, 1 + length);
}

test('decodes what Buffer encodes, without a remainder', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), bytes => {
      const text = Buffer.from(bytes).toString('base64url');
      assert.deepEqual(decoded(text), Buffer.from(bytes));
      assert.equal(leftOverBits(Buffer.from(text), 0, text.length), 0);
    }),
  );
});

test('rejects a character of another alphabet at any position', () => {
  const text = Buffer.from('any text of 24 characters').toString('base64url');
  for (let code = 0; code < 256; code++) {
    const other = String.fromCharCode(code);
    if (/[A-Za-z0-9_-]/.test(other)) continue;
    for (let at = 0; at < text.length; at++) {
      assert.equal(decoded(text.slice(0, at) + other + text.slice(at + 1)), undefined, `${code} at ${at}`);
    }
  }
});

test('rejects impossible lengths', () => {
  assert.equal(decoded('A'), undefined);
  assert.equal(decoded('AAAAA'), undefined);
});

test('detects unused bits in the last character', () => {
  for (const [text, bits] of [
    ['AA', 0],
    ['AB', 1],
    ['AP', 15],
    ['AAB', 1],
    ['AAD', 3],
    ['AAAB', 0],
  ] as const) {
    assert.equal(leftOverBits(Buffer.from(text), 0, text.length), bits, text);
  }
});
