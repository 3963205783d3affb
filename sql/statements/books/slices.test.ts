/** Pages of heads whose slices differ in position by as little as possible. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { testDatabase } from '../../../engine/test/support.ts';
import { openPool } from '../../database.ts';
import { raiseWatermark } from '../progress/watermarks.ts';
import { type HeadPosition, insertSlices, readHeads, type SliceRow } from './slices.ts';

const database = await testDatabase();
const pool = openPool(database.url, { max: 1, applicationName: 'test', onError: () => undefined });
after(async () => {
  await pool.end();
  await database.drop();
});

const BEFORE_ALL: HeadPosition = { firstUs: 0, gateway: 0, incarnation: 0, sliceNumber: 0 };
const THROUGH_US = 2_000;

function slice(row: HeadPosition & { readonly lastUs: number }): SliceRow {
  const signedHead = Buffer.alloc(192);
  signedHead.write(JSON.stringify(row));
  return { ...row, signedHead, items: Buffer.alloc(1) };
}

test('pages of any size list heads with equal instants and gateways once each, in one order', async () => {
  const rows: SliceRow[] = [];
  for (const firstUs of [1_000, 1_001]) {
    for (const gateway of [2, 1]) {
      for (const incarnation of [9, 8]) {
        for (const number of [2, 1]) {
          const sliceNumber = 10 * (firstUs - 1_000) + number;
          rows.push(slice({ firstUs, gateway, incarnation, sliceNumber, lastUs: 1_500 }));
        }
      }
    }
  }
  // A slice that reaches beyond the watermark has items below it; one that begins behind the watermark has none.
  rows.push(slice({ firstUs: 1_999, gateway: 1, incarnation: 8, sliceNumber: 3, lastUs: 5_000 }));
  rows.push(slice({ firstUs: 2_001, gateway: 1, incarnation: 8, sliceNumber: 4, lastUs: 5_000 }));
  await insertSlices(pool, rows);
  assert.ok(await raiseWatermark(pool, THROUGH_US, 0));
  const all = await readHeads(pool, BEFORE_ALL, 100);
  assert.equal(all.throughUs, THROUGH_US);
  assert.equal(all.heads.length, rows.length - 1);
  for (const limit of [1, 2, 3, 5]) {
    const shown: string[] = [];
    for (let position: HeadPosition | undefined = BEFORE_ALL; position !== undefined; ) {
      const { heads } = await readHeads(pool, position, limit);
      shown.push(...heads.map(({ signedHead }) => signedHead.toString('base64url')));
      position = heads.at(-1);
    }
    assert.deepEqual(
      shown,
      all.heads.map(({ signedHead }) => signedHead.toString('base64url')),
      `pages of ${limit}`,
    );
  }
});
