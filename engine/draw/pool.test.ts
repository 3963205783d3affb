import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HASH_WORDS } from '../contract/hashing/merkle.ts';
import { BATCH, type Entrant, PoolTree } from './pool.ts';
import { plainLeafHash, plainPoolRoot, sha256 } from './testing/plain.ts';

const SECRET = 'a salt secret that is long enough';

/** A copy of the words as bytes. */
function bytesOf(words: Int32Array): Buffer {
  return Buffer.from(Buffer.from(words.buffer, words.byteOffset, words.byteLength));
}

function poolOf(entries: readonly Entrant[], secret = SECRET): { pool: PoolTree; hashes: Buffer[] } {
  const pool = new PoolTree(7, secret);
  const hashes: Buffer[] = [];
  for (let from = 0; from < entries.length; from += BATCH) {
    const batch = pool.add(entries.slice(from, from + BATCH));
    for (let at = 0; at < batch.length; at += HASH_WORDS)
      hashes.push(bytesOf(batch.subarray(at, at + HASH_WORDS)));
  }
  return { pool, hashes };
}

const PLAIN = { tickets: 1, group: null, excluded: null };

function entriesOf(count: number): Entrant[] {
  return Array.from({ length: count }, (_, index) => ({
    ...PLAIN,
    userId: `user-${index}`,
    stamp: index * 1_025,
  }));
}

test('leaves and root match the definitions, at every size around a batch', () => {
  for (const count of [1, 2, 3, 4, 5, 7, 8, 9, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 3 * BATCH + 5]) {
    const entries = entriesOf(count);
    const { pool, hashes } = poolOf(entries);
    const expected = entries.map(entry => plainLeafHash(7, SECRET, entry));
    deepEqual(hashes, expected, `leaves of ${count}`);
    deepEqual(pool.root(), plainPoolRoot(7, SECRET, entries, expected), `root of ${count}`);
    equal(pool.count, count);
  }
});

test('the root of an empty pool is the hash of nothing', () => {
  const pool = new PoolTree(7, SECRET);
  equal(pool.add([]).length, 0);
  deepEqual(pool.root(), sha256());
});

test('accepts user ids of every length and script, stamps of every size, all terms, secrets of every length', () => {
  const userId = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc.string({ unit: fc.constantFrom('a', 'é', '日', '🎟'), minLength: 30, maxLength: 40 }),
    fc.string({ minLength: 33, maxLength: 128 }),
  );
  const entry = fc.record({
    userId,
    stamp: fc.maxSafeNat(),
    tickets: fc.integer({ min: 1, max: 1_000 }),
    group: fc.option(fc.constantFrom('x', 'Tisch 1', '🎟')),
    excluded: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })),
  });
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 30 }),
      fc.string({ minLength: 32, maxLength: 200 }),
      (entries, secret) => {
        const { pool, hashes } = poolOf(entries, secret);
        const expected = entries.map(each => plainLeafHash(7, secret, each));
        deepEqual(hashes, expected);
        deepEqual(pool.root(), plainPoolRoot(7, secret, entries, expected));
      },
    ),
  );
});

test('a batch leaves nothing behind for the next', () => {
  const pool = new PoolTree(7, SECRET);
  const long = Array.from({ length: BATCH }, (_, index) => ({
    userId: 'x'.repeat(1 + (index % 128)),
    stamp: index,
    tickets: 1_000,
    group: 'a group',
    excluded: 'staff',
  }));
  pool.add(long);
  const short = entriesOf(10);
  const expected = short.map(each => plainLeafHash(7, SECRET, each));
  deepEqual(bytesOf(pool.add(short)), Buffer.concat(expected));
  const all = [...long.map(each => plainLeafHash(7, SECRET, each)), ...expected];
  deepEqual(pool.root(), plainPoolRoot(7, SECRET, [...long, ...short], all));
});

test('any change of one entrant changes the root', () => {
  const rootWith = (change: Partial<Entrant>): string => {
    const entries = entriesOf(5).map((entry, index) => (index === 3 ? { ...entry, ...change } : entry));
    return poolOf(entries).pool.root().toString('hex');
  };
  const changes: readonly Partial<Entrant>[] = [
    {},
    { userId: 'another' },
    { stamp: 4_000 },
    { tickets: 2 },
    { tickets: 258 },
    { group: 'x' },
    { group: 'y' },
    { excluded: 'x' },
    { excluded: 'y' },
    { group: 'x', excluded: 'x' },
  ];
  equal(new Set(changes.map(rootWith)).size, changes.length);
});

test('rejects batches that do not form whole subtrees', () => {
  const pool = new PoolTree(7, SECRET);
  throws(() => pool.add(entriesOf(BATCH + 1)), /a batch has 1025 entries; expected at most 1024/);
  pool.add(entriesOf(3));
  throws(() => pool.add(entriesOf(3)), /only the last batch may be partly filled/);
});
