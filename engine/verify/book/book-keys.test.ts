import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signerOf } from '../testing/basics.ts';
import { coupon } from '../testing/changed.ts';
import type { Parts } from '../testing/made.ts';
import { written } from '../testing/maker.ts';
import { bookSigner, keyObject, sliceSigner } from '../testing/maker-world.ts';
import { codesAfter, codesOf, inPieces, json, run, runBook } from '../testing/run.ts';

test('keys: unknown, for another purpose, outside their time, revoked', async () => {
  const key = (parts: Parts, use: string) => {
    const found = parts.header.keys.find(one => one.use === use);
    assert.ok(found);
    return found;
  };
  const cases: readonly [string, (parts: Parts) => void][] = [
    [
      'unknown-key',
      parts => {
        parts.header.keys = parts.header.keys.filter(({ use }) => use !== 'slices');
      },
    ],
    [
      'unknown-key',
      parts => {
        parts.header.keys = parts.header.keys.filter(({ use }) => use !== 'books');
      },
    ],
    [
      'key-revoked',
      parts => {
        key(parts, 'slices').revoked = '2023-08-23T14:13:21Z';
      },
    ],
    [
      'key-revoked',
      parts => {
        key(parts, 'books').revoked = '2023-08-23T15:00:00.000000Z';
      },
    ],
    [
      'key-not-valid',
      parts => {
        key(parts, 'slices').from = '2023-08-23T15:00:00Z';
      },
    ],
    [
      'key-not-valid',
      parts => {
        key(parts, 'slices').until = '2023-08-23T14:14:00Z';
      },
    ],
    [
      'key-not-valid',
      parts => {
        key(parts, 'slices').use = 'books';
      },
    ],
    [
      'key-not-valid',
      parts => {
        key(parts, 'books').until = '2023-01-02T00:00:00Z';
      },
    ],
  ];
  for (const [code, change] of cases)
    assert.deepEqual(await codesAfter(coupon, change), [code], change.toString());
});

test('notes a key revoked after the campaign, without a finding', async () => {
  const parts = structuredClone(coupon.parts);
  const [slices] = parts.header.keys;
  assert.ok(slices);
  slices.revoked = '2024-01-01T00:00:00Z';
  const report = await runBook(written(parts));
  assert.equal(report.ok, true);
  assert.match(report.notes.join(), /revoked after it signed/);
});

test('given keys replace those of the book', async () => {
  const book = written(coupon.parts);
  const keys = (list: readonly object[]): Buffer => json({ keys: list });
  const own = [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')];
  const right = await run({ book: inPieces(book), keys: keys(own) });
  assert.deepEqual(right.findings, []);
  assert.ok(!right.notProven.some(text => text.includes('Whose keys these are')));

  const foreign = await run({ book: inPieces(book), keys: keys([keyObject(signerOf('others'), 'slices')]) });
  assert.deepEqual(codesOf(foreign), ['unknown-key']);
  assert.equal(foreign.exitCode, 3);

  const [slices, books] = own;
  const other = await run({
    book: inPieces(book),
    keys: keys([{ ...slices, from: '2023-02-01T00:00:00Z' }, { ...books }]),
  });
  assert.deepEqual(codesOf(other), ['key-conflict']);

  const broken = await run({ book: inPieces(book), keys: keys([{ ...slices, id: '0000000000000000' }]) });
  assert.deepEqual(codesOf(broken), ['malformed']);
});

test('a fabricated book passes only without given keys, and the report says so', async () => {
  const parts = structuredClone(coupon.parts);
  const forger = signerOf('forger');
  parts.header.keys = [keyObject(sliceSigner, 'slices'), keyObject(forger, 'books')];
  const book = written(parts, forger);
  const report = await runBook(book);
  assert.equal(report.ok, true);
  assert.ok(report.notProven.some(text => text.includes('a fabricated book has fabricated keys')));
  const pinned = json({ keys: [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')] });
  assert.deepEqual(codesOf(await run({ book: inPieces(book), keys: pinned })), ['unknown-key']);
});
