import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Buckets } from './buckets.ts';

test('allows a burst, then the rate; a refusal says when to retry', () => {
  const buckets = new Buckets({ perSecond: 5, burst: 50, most: 10 });
  for (let asked = 0; asked < 50; asked++) assert.equal(buckets.take('a', 1_000), 0, `${asked}`);
  assert.equal(buckets.take('a', 1_000), 200);
  assert.equal(buckets.take('b', 1_000), 0, 'another key has its own bucket');
  assert.equal(buckets.take('a', 1_150), 50, 'a refusal takes nothing');
  assert.equal(buckets.take('a', 1_200), 0);
  assert.equal(buckets.take('a', 1_200), 200);
  for (let asked = 0; asked < 50; asked++) assert.equal(buckets.take('a', 60_000), 0, 'full again, not more');
  assert.ok(buckets.take('a', 60_000) > 0);
});

test('a token that was given back can be taken again, and none is gained by it', () => {
  const buckets = new Buckets({ perSecond: 1, burst: 2, most: 10 });
  buckets.giveBack('unknown');
  for (let taken = 0; taken < 100; taken++) {
    assert.equal(buckets.take('a', 0), 0);
    buckets.giveBack('a');
  }
  assert.deepEqual([buckets.take('a', 0), buckets.take('a', 0), buckets.take('a', 0)], [0, 0, 1_000]);
  buckets.giveBack('a');
  assert.deepEqual([buckets.take('a', 0), buckets.take('a', 0)], [0, 1_000]);
});

test('keeps a limited number of keys, and drops the least recently used', () => {
  const buckets = new Buckets({ perSecond: 1, burst: 1, most: 3 });
  for (const key of ['a', 'b', 'c', 'a', 'd']) buckets.take(key, 0);
  assert.equal(buckets.size, 3);
  assert.ok(buckets.take('a', 0) > 0, 'used since');
  assert.equal(buckets.take('b', 0), 0, 'forgotten');
});

test('in any interval, allows at most a full bucket plus what was refilled', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 400 }), { maxLength: 200 }), gaps => {
      const buckets = new Buckets({ perSecond: 10, burst: 4, most: 1 });
      const allowedMs: number[] = [];
      let nowMs = 0;
      for (const gap of gaps) {
        nowMs += gap;
        if (buckets.take('a', nowMs) === 0) allowedMs.push(nowMs);
      }
      for (const [index, fromMs] of allowedMs.entries()) {
        for (const [more, toMs] of allowedMs.slice(index).entries()) {
          assert.ok(more + 1 <= 4 + (toMs - fromMs) / 100 + 1e-9);
        }
      }
    }),
  );
});

test('a bucket that is full again after a token was given back takes no place', () => {
  const buckets = new Buckets({ perSecond: 1, burst: 2, most: 10 });
  buckets.take('a', 5_000);
  buckets.giveBack('a', 5_000);
  assert.equal(buckets.size, 0);
  buckets.take('b', 5_000);
  buckets.take('b', 5_000);
  buckets.giveBack('b', 5_000);
  assert.equal(buckets.size, 1);
  assert.deepEqual([buckets.take('b', 5_000), buckets.take('b', 5_000)], [0, 1_000]);
});
