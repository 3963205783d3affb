import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Command } from 'ioredis';
import { encodeZadd } from './rank.ts';

test('encodes the command byte for byte as ioredis does', () => {
  const member = fc.record({
    userId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
    stamp: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  });
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 40 }), members => {
      const key = 'fairline:p:{c7}:rank';
      const args = members.flatMap(({ stamp, userId }) => [String(stamp), userId]);
      const expected = new Command('ZADD', [key, 'LT', ...args]).toWritable({});
      const buffer = Buffer.alloc(64 * 1024);
      assert.equal(encodeZadd(buffer, key, members).toString('utf8'), String(expected));
      const ofRanked = new Command('ZADD', [key, 'XX', 'LT', ...args]).toWritable({});
      assert.equal(encodeZadd(buffer, key, members, 'XX LT').toString('utf8'), String(ofRanked));
    }),
  );
});

test('the longest user ids fit the reserved memory', () => {
  const members = Array.from({ length: 100 }, () => ({
    userId: '€'.repeat(42),
    stamp: Number.MAX_SAFE_INTEGER,
  }));
  const buffer = Buffer.alloc(64 + 20 + members.length * 160);
  const text = encodeZadd(buffer, 'fairline:p:{c7}:rank', members).toString('utf8');
  assert.ok(text.endsWith(`$126\r\n${'€'.repeat(42)}\r\n`));
});
