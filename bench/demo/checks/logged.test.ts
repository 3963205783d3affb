import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ITEM_ENTRY,
  ITEM_WITHDRAWAL,
  RecordEncoder,
  type RecordKind,
} from '../../../engine/contract/record/record.ts';
import { Faults } from './faults.ts';
import { entriesInLog } from './logged.ts';

function record(
  kind: RecordKind,
  incarnation: number,
  sliceNumber: number,
  users: readonly string[] = [],
): Buffer {
  const encoder = new RecordEncoder();
  encoder.begin();
  for (const [index, user] of users.entries()) encoder.add(ITEM_ENTRY, 7, sliceNumber * 1_024 + index, user);
  encoder.add(ITEM_WITHDRAWAL, 7, sliceNumber * 1_024 + 1_000, 'somebody');
  const head = { kind, gateway: 1, incarnation, sliceNumber, throughUs: 1, rankedUs: 1 };
  return Buffer.from(encoder.finish(head));
}

test('collects the entries of every acknowledged record', () => {
  const faults = new Faults();
  const records = [
    record('slice', 5, 1, ['a', 'b']),
    record('slice', 6, 1, ['c']),
    record('slice', 5, 2, ['a']),
    record('fence', 5, 0),
    record('slice', 5, 3, ['late']),
    record('leave', 6, 2),
    record('slice', 6, 3, ['later']),
  ];
  const found = entriesInLog(new Map([[1, records]]), faults).get(7) ?? [];
  assert.deepEqual(
    found.map(({ user }) => user),
    ['a', 'b', 'c', 'a'],
  );
  assert.deepEqual(faults.lines, []);
});

test('ignores what an older epoch logged after a marker of its partition', () => {
  const faults = new Faults();
  const epoch = 2 ** 32;
  const records = [
    record('slice', epoch + 1, 1, ['before']),
    record('fence', 2 * epoch, 0),
    record('slice', epoch + 2, 1, ['behind']),
    record('slice', 2 * epoch + 1, 1, ['of the new epoch']),
  ];
  const all = new Map([
    [1, records],
    [2, [record('slice', epoch + 3, 1, ['elsewhere'])]],
  ]);
  const found = entriesInLog(all, faults).get(7) ?? [];
  assert.deepEqual(
    found.map(({ user }) => user),
    ['before', 'of the new epoch', 'elsewhere'],
  );
  assert.deepEqual(faults.lines, []);
});

test('reports missing and unreadable records as faults', () => {
  const faults = new Faults();
  const broken = record('slice', 6, 1, ['c']);
  broken[50] = (broken[50] ?? 0) ^ 1;
  const records = [record('slice', 5, 1, ['a']), record('slice', 5, 4, ['b']), broken];
  entriesInLog(new Map([[1, records]]), faults);
  assert.match(faults.lines.join(), /2 x records are missing/);
  assert.match(faults.lines.join(), /cannot be read/);
});
