import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRecord } from '../../engine/contract/record/record.ts';
import { GATEWAYS, makeRows, SLICE_ENTRIES } from './rows.ts';

test('records and columns hold the same entries, each user and stamp once', () => {
  const opensAtUs = 1_700_000_000_000_000;
  const { count, records, columns } = makeRows(9 * SLICE_ENTRIES - 1, { opensAtUs, firstUs: opensAtUs + 5 });
  assert.equal(count, 9 * SLICE_ENTRIES);
  const decoded = records.map(({ bytes }) => decodeRecord(bytes));
  const items = decoded.flatMap(record => record.items);
  assert.deepEqual(
    items.map(({ userId }) => userId),
    columns.userIds,
  );
  assert.deepEqual(
    items.map(({ stamp }) => stamp),
    columns.stamps,
  );
  assert.equal(new Set(columns.userIds).size, count);
  assert.equal(new Set(columns.stamps).size, count);
  for (let gateway = 0; gateway < GATEWAYS; gateway++) {
    const own = decoded.filter(record => record.gateway === gateway);
    assert.deepEqual(
      own.map(record => record.sliceNumber),
      own.map((_, index) => index + 1),
    );
  }
});
