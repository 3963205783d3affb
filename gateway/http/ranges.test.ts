import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { type RangeHead, type Wanted, wantedBytes } from './ranges.ts';

const ETAG = '"a1-b2"';
const BYTES = 1_000;
const WHOLE: Wanted = { kind: 'bytes', isRange: false, from: 0, until: BYTES };

function wanted(head: Partial<RangeHead>): Wanted {
  return wantedBytes({ ifMatch: '', ifNoneMatch: '', ifRange: '', range: '', ...head }, ETAG, BYTES);
}

function range(from: number, until: number): Wanted {
  return { kind: 'bytes', isRange: true, from, until };
}

// The forms of RFC 9110, section 14.1.2.
const RANGES: readonly (readonly [header: string, wanted: Wanted])[] = [
  ['bytes=0-0', range(0, 1)],
  ['bytes=0-', range(0, 1_000)],
  ['bytes=500-', range(500, 1_000)],
  ['Bytes=500-599', range(500, 600)],
  ['bytes=999-', range(999, 1_000)],
  ['bytes=999-1000', range(999, 1_000)],
  ['bytes=0-99999999999999999999', range(0, 1_000)],
  ['bytes=-1', range(999, 1_000)],
  ['bytes=-1000', range(0, 1_000)],
  ['bytes=-99999999999999999999', range(0, 1_000)],
  ['bytes=1000-', { kind: 'beyond' }],
  ['bytes=99999999999999999999-', { kind: 'beyond' }],
  ['bytes=-0', { kind: 'beyond' }],
];

for (const [header, expected] of RANGES) {
  test(`Range: ${header}`, () => deepEqual(wanted({ range: header }), expected));
}

for (const header of [
  '',
  'bytes',
  'bytes=',
  'bytes=-',
  'bytes=a-b',
  'bytes=5-3',
  'lines=0-1',
  'bytes=0-1,5-6',
]) {
  test(`Range: ${header || 'none'} is ignored`, () => deepEqual(wanted({ range: header }), WHOLE));
}

test('If-Range: the rest of the same, the whole of anything else', () => {
  deepEqual(wanted({ range: 'bytes=5-', ifRange: ETAG }), range(5, 1_000));
  for (const ifRange of ['"other"', `W/${ETAG}`, 'Tue, 01 Dec 2026 00:00:00 GMT'])
    deepEqual(wanted({ range: 'bytes=5-', ifRange }), WHOLE, ifRange);
  deepEqual(wanted({ range: 'bytes=5000-', ifRange: '"other"' }), WHOLE, 'the range does not count');
});

test('If-Match compares strongly', () => {
  for (const ifMatch of ['*', ETAG, `"other", ${ETAG}`]) deepEqual(wanted({ ifMatch }), WHOLE, ifMatch);
  for (const ifMatch of ['"other"', `W/${ETAG}`, 'a1-b2'])
    deepEqual(wanted({ ifMatch, range: 'bytes=5-' }), { kind: 'another' }, ifMatch);
});

test('If-None-Match compares weakly, and comes before a range', () => {
  for (const ifNoneMatch of ['*', ETAG, `W/${ETAG}`, `"other", W/${ETAG}`])
    deepEqual(wanted({ ifNoneMatch, range: 'bytes=5-' }), { kind: 'known' }, ifNoneMatch);
  deepEqual(wanted({ ifNoneMatch: '"other"', range: 'bytes=5-' }), range(5, 1_000));
});
