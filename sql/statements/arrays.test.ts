import { deepEqual } from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { serversFromEnv } from '../../engine/test/support.ts';
import { openPool } from '../database.ts';
import { bigintArray, byteaArray, textArray } from './arrays.ts';

const pool = openPool(serversFromEnv().databaseUrl, {
  max: 1,
  applicationName: 'test',
  onError: () => undefined,
});
after(() => pool.end());

test('Postgres reads arrays as they were sent', async () => {
  const stored = fc.string({ unit: 'grapheme' }).filter(text => !text.includes('\0'));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.maxSafeNat()), fc.array(stored), async (numbers, texts) => {
      const { rows } = await pool.query('select $1::bigint[]::text[] as numbers, $2::text[] as texts', [
        bigintArray(numbers),
        textArray(texts),
      ]);
      deepEqual(rows[0], { numbers: numbers.map(String), texts });
    }),
    { numRuns: 50 },
  );
});

test('extreme values', async () => {
  const numbers = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
  const texts = ['', '"', '\\', '{}', 'NULL', 'é', '🎟', 'x'.repeat(10_000)];
  const { rows } = await pool.query('select $1::bigint[]::text[] as numbers, $2::text[] as texts', [
    bigintArray(numbers),
    textArray(texts),
  ]);
  deepEqual(rows[0], { numbers: numbers.map(String), texts });
});

test('bytes', async () => {
  const bytes = [Buffer.alloc(0), Buffer.from([0, 255, 34, 92]), Buffer.alloc(10_000, 7)];
  const { rows } = await pool.query('select $1::bytea[] as bytes, $2::bytea[] as none', [
    byteaArray(bytes),
    byteaArray([]),
  ]);
  deepEqual(rows[0], { bytes, none: [] });
});
