import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { MOST_MESSAGE_BYTES, Sha256 } from './sha256.ts';

const sha256 = new Sha256();

function digestOf(message: Uint8Array, prefix?: Uint8Array): string {
  const hasher = prefix === undefined ? sha256 : new Sha256();
  const after = prefix === undefined ? undefined : hasher.midstate(prefix);
  hasher.message.set(message);
  hasher.hash(message.length, after);
  const digest = Buffer.alloc(32);
  hasher.writeDigest(digest, 0);
  return digest.toString('hex');
}

const nodes = (...parts: Uint8Array[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

test('matches the vectors of FIPS 180-4', () => {
  const of = (text: string): string => digestOf(Buffer.from(text));
  assert.equal(of('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(of(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

test('agrees with node:crypto at every length of some blocks, in reused memory', () => {
  for (let length = 260; length >= 0; length--) {
    const message = Buffer.alloc(length, length);
    assert.equal(digestOf(message), nodes(message), `${length} bytes`);
  }
});

test('agrees with node:crypto on random messages, also after a prefix block', () => {
  const block = fc.uint8Array({ minLength: 64, maxLength: 64 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), block, (message, prefix) => {
      assert.equal(digestOf(message), nodes(message));
      assert.equal(digestOf(message, prefix), nodes(prefix, message));
    }),
    { numRuns: 300 },
  );
});

test('accepts the longest message and rejects a longer one', () => {
  const longest = Buffer.alloc(MOST_MESSAGE_BYTES, 7);
  assert.equal(digestOf(longest), nodes(longest));
  assert.throws(() => sha256.hash(MOST_MESSAGE_BYTES + 1), RangeError);
  assert.throws(() => sha256.midstate(Buffer.alloc(63)), RangeError);
});
