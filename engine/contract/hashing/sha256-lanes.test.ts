import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { LANES, Sha256Lanes, spreads } from './sha256-lanes.ts';

/** Section 5.1.1: a one, zeros, and the length in bits of a message that follows `before` bytes. */
function padded(message: Uint8Array, before = 0): Buffer {
  const bytes = Buffer.alloc(Math.ceil((message.length + 9) / 64) * 64);
  bytes.set(message);
  bytes[message.length] = 0x80;
  bytes.writeUInt32BE((before + message.length) * 8, bytes.length - 4);
  return bytes;
}

const sha256 = (...parts: Uint8Array[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

test('agrees with node:crypto for any number of messages, in both layouts', () => {
  const lengths = fc.integer({ min: 0, max: 119 });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 19 }),
      lengths,
      fc.nat(255),
      fc.boolean(),
      (count, length, seed, isPairs) => {
        const lanes = new Sha256Lanes(16_384);
        const spread = isPairs ? spreads.pairs : spreads.blocks;
        const messages = Array.from({ length: count }, (_, index) => Buffer.alloc(length, seed + 31 * index));
        const blocks = length < 56 ? 1 : 2;
        const at = lanes.reserve(128 * (count + LANES));
        const out = lanes.reserve(64 * (count + LANES));
        for (const [index, message] of messages.entries())
          lanes.memory.set(padded(message), at + 128 * index);
        lanes.hash(lanes.initial, { at, stride: 128, blocks, count }, out, spread);
        for (const [index, message] of messages.entries()) {
          const offset = isPairs ? out + 128 * (index >> 1) + 32 * (index % 2) : out + 64 * index;
          assert.equal(
            lanes.memory.toString('hex', offset, offset + 32),
            sha256(message),
            `${index} of ${count}`,
          );
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('continues after a block shared by many messages', () => {
  const lanes = new Sha256Lanes(4_096);
  const prefix = Buffer.alloc(64, 'prefix');
  const start = lanes.startBehind(prefix);
  const message = Buffer.from('and its suffix');
  const at = lanes.reserve(64 * LANES);
  const out = lanes.reserve(64 * LANES);
  lanes.memory.set(padded(message, 64), at);
  lanes.hash(start, { at, stride: 64, blocks: 1, count: 1 }, out, spreads.blocks);
  assert.equal(lanes.memory.toString('hex', out, out + 32), sha256(prefix, message));
});

test('rejects oversized input', () => {
  const lanes = new Sha256Lanes(1_000);
  assert.throws(() => lanes.reserve(200_000), RangeError);
});
