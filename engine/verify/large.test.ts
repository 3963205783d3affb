import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LargeBook } from './testing/large.ts';
import { run } from './testing/run.ts';

test('large books verify at every size, so measurements on them are valid', async () => {
  for (const kind of ['coupon', 'raffle'] as const) {
    for (const [entries, sliceItems] of [
      [1, 1],
      [3, 400],
      [5, 1],
      [1001, 7],
      [5000, 1100],
    ] as const) {
      const pieces = new LargeBook({ kind, entries, sliceItems }).bytes();
      const book = (async function* (): AsyncGenerator<Uint8Array> {
        yield* pieces;
      })();
      const report = await run({ book });
      assert.deepEqual(report.findings, [], `${kind}, ${entries} entries, ${sliceItems} a slice`);
      assert.equal(report.facts.entries, entries);
    }
  }
});
