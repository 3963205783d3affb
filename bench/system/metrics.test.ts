import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMetrics, sumOf } from './metrics.ts';

test('reads samples by name and labels, and treats a missing one as missing, not zero', () => {
  const metrics = parseMetrics(
    ['# HELP a what it is', '# TYPE a counter', 'a 3', 'b{le="0.5"} 1e3', 'b{le="+Inf"} 4.5', ''].join('\n'),
  );
  assert.deepEqual(
    [...metrics],
    [
      ['a', 3],
      ['b{le="0.5"}', 1_000],
      ['b{le="+Inf"}', 4.5],
    ],
  );
  assert.equal(sumOf(metrics, 'a', 'b{le="+Inf"}'), 7.5);
  assert.throws(() => sumOf(metrics, 'a', 'c'), /no metric c/);
});
