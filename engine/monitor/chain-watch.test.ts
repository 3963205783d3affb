/** Valid and broken chains, shown in the order of their first instants. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChainWatch, type ShownHead } from './chain-watch.ts';
import type { MonitorFinding } from './finding.ts';
import { chained, first, follows } from './testing/heads.ts';

const SECOND = 1_000_000;

function kinds(watch: ChainWatch, shown: readonly ShownHead[]): string[] {
  return shown.map(each => watch.take(each)?.kind ?? 'right');
}

function kindsOf(found: readonly MonitorFinding[]): string[] {
  return found.map(({ kind }) => kind);
}

test('accepts chains of several incarnations, with gaps in the numbers', () => {
  const watch = new ChainWatch(true);
  const [a, b] = [chained(1, 11, 5), chained(2, 12, 5)];
  const shown = [a[0], b[0], b[1], a[1], b[2], a[2], a[3], b[3], a[4], b[4]].flatMap(each => each ?? []);
  assert.deepEqual(new Set(kinds(watch, shown)), new Set(['right']));
  assert.deepEqual(watch.passed(1_000 * SECOND), []);
});

test('accepts overlapping slices shown before the one they continue', () => {
  const watch = new ChainWatch(true);
  const one = first({ sliceNumber: 1, firstUs: 100, lastUs: 110 });
  const two = follows(one, { sliceNumber: 2, firstUs: 130, lastUs: 140 });
  const three = follows(two, { sliceNumber: 3, firstUs: 120, lastUs: 150 });
  assert.deepEqual(kinds(watch, [one, three, two]), ['right', 'right', 'right']);
  assert.deepEqual(watch.passed(1_000 * SECOND), []);
  const four = follows(three, { sliceNumber: 4, firstUs: 200, lastUs: 210 });
  assert.deepEqual(kinds(watch, [four]), ['right']);
});

test('detects a fork at once: at the same number, or from any earlier head', () => {
  const [one, two, three] = chained(1, 11, 3);
  assert.ok(one && two && three);
  for (const [what, rival] of [
    ['the same number', follows(one, { sliceNumber: three.head.sliceNumber, firstUs: 900 * SECOND })],
    ['a later number, from the previous head', follows(two, { sliceNumber: 9, firstUs: 900 * SECOND })],
    ['a second beginning', first({ sliceNumber: 9, firstUs: 900 * SECOND })],
  ] as const) {
    const watch = new ChainWatch(true);
    const found = kinds(watch, [one, two, three, rival]);
    assert.deepEqual(found, ['right', 'right', 'right', 'fork'], what);
  }
  // Two that wait for the same head, which is not shown yet.
  const watch = new ChainWatch(true);
  const hidden = follows(one, { sliceNumber: 2, firstUs: 300 });
  const rivals = [5, 6].map(sliceNumber => follows(hidden, { sliceNumber, firstUs: 200 + sliceNumber }));
  assert.deepEqual(kinds(watch, [one, ...rivals]), ['right', 'right', 'fork']);
});

test('reports a chain that continues from an older head as a rewind', () => {
  const [one, two, three] = chained(1, 11, 3);
  assert.ok(one && two && three);
  const watch = new ChainWatch(true);
  const back = follows(one, { sliceNumber: 2, firstUs: 900 * SECOND });
  assert.deepEqual(kinds(watch, [one, two, three, back]), ['right', 'right', 'right', 'rewind']);
});

test('reports a head that continues nothing shown as a fork once its predecessor is due, then continues', () => {
  const one = first({ sliceNumber: 1, firstUs: 100 });
  const hidden = follows(one, { sliceNumber: 2, firstUs: 200 });
  const three = follows(hidden, { sliceNumber: 3, firstUs: 300 });
  const watch = new ChainWatch(true);
  assert.deepEqual(kinds(watch, [one, three]), ['right', 'right']);
  assert.deepEqual(watch.passed(SECOND), []);
  assert.deepEqual(kindsOf(watch.passed(11 * SECOND)), ['fork']);
  assert.deepEqual(watch.passed(100 * SECOND), []);
  const four = follows(three, { sliceNumber: 4, firstUs: 12 * SECOND });
  assert.deepEqual(kinds(watch, [four]), ['right']);
  // A chain whose beginning is never shown is a fork too, unless it begins before the position that is followed from.
  const begun = new ChainWatch(true);
  assert.deepEqual(kinds(begun, [three]), ['right']);
  assert.deepEqual(kindsOf(begun.passed(100 * SECOND)), ['fork']);
  const joined = new ChainWatch(false);
  assert.deepEqual(kinds(joined, [three]), ['right']);
  assert.deepEqual(joined.passed(100 * SECOND), []);
  assert.deepEqual(kinds(joined, [follows(hidden, { sliceNumber: 5, firstUs: 101 * SECOND })]), ['right']);
  assert.deepEqual(kindsOf(joined.passed(200 * SECOND)), ['fork']);
});
