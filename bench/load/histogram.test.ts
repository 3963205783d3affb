import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram } from './histogram.ts';

const times = fc.array(fc.oneof(fc.nat(300), fc.nat(5_000_000), fc.nat(2 ** 31 - 1)), {
  minLength: 1,
  maxLength: 200,
});

test('a percentile is at most 0.8 % above the exact one, and never below', () => {
  fc.assert(
    fc.property(times, fc.constantFrom(0.5, 0.9, 0.99, 1), (all, fraction) => {
      const histogram = new Histogram();
      for (const one of all) histogram.add(one);
      const exact = all.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(fraction * all.length)) - 1] ?? 0;
      const percentile = histogram.percentileUs(fraction);
      assert.ok(percentile >= exact && percentile <= exact * 1.008, `${percentile} for ${exact}`);
      assert.equal(histogram.maxUs, Math.max(...all));
    }),
  );
});

test('parts sent as JSON add up to the whole', () => {
  fc.assert(
    fc.property(times, times, (some, others) => {
      const whole = new Histogram();
      for (const one of [...some, ...others]) whole.add(one);
      const merged = new Histogram();
      for (const part of [some, others]) {
        const histogram = new Histogram();
        for (const one of part) histogram.add(one);
        merged.merge(JSON.parse(JSON.stringify(histogram)));
      }
      assert.deepEqual(merged.toJSON(), whole.toJSON());
      assert.equal(merged.count, whole.count);
    }),
  );
});

test('handles no values, and values beyond the range', () => {
  const histogram = new Histogram();
  assert.equal(histogram.percentileUs(0.99), 0);
  histogram.add(-1);
  histogram.add(1e12);
  assert.equal(histogram.count, 2);
  assert.equal(histogram.percentileUs(0.5), 0);
});
