/** Malicious documents: each is refused, with little time and memory, with a finding instead of an exception. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Limits } from './limits.ts';
import { canonical } from './testing/basics.ts';
import type { Parts } from './testing/made.ts';
import { makeBook, written } from './testing/maker.ts';
import { inOrder } from './testing/records.ts';
import { codesOf, inPieces, json, run, runBook } from './testing/run.ts';

const made = makeBook({ kind: 'raffle', entries: 12 });
const book = written(made.parts);

async function codesWith(limits: Partial<Limits>): Promise<string[]> {
  return codesOf(await runBook(book, limits));
}

test('enforces every limit of a book', async () => {
  const first = made.parts.slices.length;
  assert.deepEqual(await codesWith({ bookBytes: book.length }), []);
  const over: readonly Partial<Limits>[] = [
    { bookBytes: book.length - 1 },
    { lineBytes: 500 },
    { entryBytes: 80 },
    { depth: 2 },
    { entries: 11 },
    { slices: first - 1 },
    { others: 2 },
    { keys: 1 },
    { tickets: 10 },
  ];
  for (const limits of over) assert.deepEqual(await codesWith(limits), ['too-large'], JSON.stringify(limits));
});

test('enforces the limits of the other documents', async () => {
  const [one] = made.items;
  assert.ok(one);
  const receipt = Buffer.from(JSON.stringify(made.receiptOf(one)));
  const many = Buffer.from(`${JSON.stringify({ receipt: made.receiptOf(one), user: one.user })}\n`.repeat(3));
  const cases = [
    run({ receipt: { bytes: receipt, user: one.user }, limits: { receiptBytes: 99 } }),
    run({ receipt: { bytes: receipt, user: 'x'.repeat(5000) } }),
    run({ receipts: many, limits: { receipts: 2 } }),
    run({ receipts: many, limits: { receiptsBytes: many.length - 1 } }),
    run({ proof: json(made.proof), limits: { proofBytes: 99 } }),
    run({ proof: json(made.proof), limits: { depth: 1 } }),
    run({ keys: json({ keys: [] }), proof: json(made.proof), limits: { keysBytes: 3 } }),
  ];
  for (const report of await Promise.all(cases)) assert.deepEqual(codesOf(report), ['too-large']);
});

test('keeps the limits of kept heads, also of endless ones', async () => {
  const pages = made.parts.slices.map(({ head }) => Buffer.from(`${json({ heads: [head] })}\n`));
  const heads = Buffer.concat(pages);
  const most = Math.max(...pages.map(({ length }) => length)) - 1;
  const held = async (limits: Partial<Limits>): Promise<string[]> =>
    codesOf(await run({ book: inPieces(book), heads, limits }));
  // A line of the book is longer than these pages.
  assert.deepEqual(await held({ headsBytes: heads.length }), []);
  assert.deepEqual(await held({ headsBytes: heads.length - 1 }), ['too-large']);
  const endless = async function* (piece: Uint8Array): AsyncGenerator<Uint8Array> {
    for (;;) yield piece;
  };
  for (const piece of ['[', '\n', String(pages[0])]) {
    const limits = { headsBytes: 2 ** 20, lineBytes: Math.max(most, 2 ** 16) };
    const report = await run({ book: inPieces(book), heads: endless(Buffer.from(piece)), limits });
    assert.ok(codesOf(report).includes('too-large'), piece);
  }
  const line = await run({
    book: inPieces(book),
    heads: inPieces(Buffer.alloc(2 ** 17, ' '), 999),
    limits: { lineBytes: 2 ** 16 },
  });
  assert.match(line.findings[0]?.message ?? '', /a line of the kept heads has more than 65536 bytes/);
});

test('kept heads are the same in pieces of any size', async () => {
  const [one, ...rest] = inOrder(made.parts.slices.map(({ head }) => head));
  const heads = Buffer.concat(
    [[one], [], rest].map(some => Buffer.from(`\n${json({ heads: some })}\n`)),
  ).subarray(0, -1);
  const parts = structuredClone(made.parts);
  parts.slices.splice(1, 1);
  const missing = written(parts);
  const whole = await run({ book: inPieces(missing), heads: inPieces(heads, heads.length) });
  assert.ok(codesOf(whole).includes('kept-head-missing'));
  for (const size of [1, 2, 63, 64, 1_000]) {
    const report = await run({ book: inPieces(missing), heads: inPieces(heads, size) });
    assert.deepEqual(report.findings, whole.findings, `${size}`);
  }
});

test('stops a gzip bomb by its ratio', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 'a\n'));
  assert.ok(bomb.length < 100_000);
  const report = await run({ book: inPieces(bomb), limits: { lineBytes: 2 ** 27 } });
  assert.ok(['too-large', 'malformed'].includes(codesOf(report)[0] ?? ''), codesOf(report).join());
  const oneLine = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
  assert.deepEqual(codesOf(await run({ book: inPieces(oneLine), limits: { lineBytes: 2 ** 27 } })), [
    'too-large',
  ]);
});

test('stops an endless line at its limit', async () => {
  const endless = (async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(1 << 16, '[');
  })();
  assert.deepEqual(codesOf(await run({ book: endless })), ['too-large']);
});

test('keeps JSON nested a million deep from the parser', async () => {
  const deep = Buffer.from(`{"a":${'['.repeat(1_000_000)}`);
  for (const report of [
    await run({ book: inPieces(Buffer.concat([deep, Buffer.from('\n')]), 1 << 16) }),
    await run({ proof: deep }),
    await run({ keys: deep.subarray(0, 900_000), proof: json(made.proof) }),
  ]) {
    assert.deepEqual(codesOf(report), ['too-large']);
  }
});

test('allocates nothing for a head that counts four billion items', async () => {
  const parts = structuredClone(made.parts);
  const slice = parts.slices.find(({ others }) => others !== undefined);
  assert.ok(slice);
  const head = Buffer.from(slice.head, 'base64url');
  head.writeUInt32BE(0xffff_ffff, 20);
  slice.head = head.toString('base64url');
  const codes = codesOf(await runBook(written(parts)));
  assert.ok(codes.includes('slice-items') && codes.includes('slice-signature'), codes.join());
});

test('reports a truncated feed as a finding', async () => {
  for (const bytes of [book, gzipSync(book)]) {
    const broken = (async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 300);
      throw new Error('the disk is gone');
    })();
    const report = await run({ book: broken });
    assert.deepEqual(codesOf(report), ['unreadable']);
    assert.match(report.findings[0]?.message ?? '', /the disk is gone/);
  }
});

test('limits the findings of a book in which everything is wrong', async () => {
  const large = makeBook({ kind: 'coupon', entries: 300, stock: 0, isMixed: false });
  const parts = structuredClone(large.parts);
  parts.entries.forEach((entry, index) => {
    entry.outcome = 'granted';
    entry.serial = index + 1;
  });
  const report = await runBook(written(parts));
  assert.equal(report.findings.length, 21);
  assert.match(report.findings.at(-1)?.message ?? '', /and 280 more of this/);
});

test('never throws on anything shaped like a document', async () => {
  const lines = book.toString().trimEnd().split('\n');
  const anything = fc.json({ maxDepth: 3 });
  const lineIndex = fc.nat(lines.length - 1);
  await fc.assert(
    fc.asyncProperty(lineIndex, anything, async (at, text) => {
      const changed = [...lines];
      changed[at] = text;
      const bytes = Buffer.from(`${changed.join('\n')}\n`);
      const report = await run({ book: inPieces(bytes), receipt: { bytes: Buffer.from(text), user: text } });
      assert.notEqual(report.exitCode, 0);
    }),
    { numRuns: 100, seed: 20260731 },
  );
});

test('accepts any value in any member without throwing', async () => {
  const objects: Record<string, unknown>[] = [
    made.parts.header as unknown as Record<string, unknown>,
    ...(made.parts.slices as unknown as Record<string, unknown>[]),
    ...(made.parts.entries as unknown as Record<string, unknown>[]),
  ];
  const values = [null, true, 0, -1, 1, 2 ** 53 - 1, '', 'x', [], [0], [[0, 'x']], {}, { a: 1 }];
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.constantFrom(...values), async (at, member, value) => {
      const parts: Parts = structuredClone(made.parts);
      const copies = [parts.header, ...parts.slices, ...parts.entries] as unknown as Record<
        string,
        unknown
      >[];
      const object = copies[at % objects.length];
      assert.ok(object);
      const names = Object.keys(object);
      const name = names[member % names.length] ?? '';
      fc.pre(canonical(object[name]) !== canonical(value));
      object[name] = value;
      assert.notEqual((await runBook(written(parts))).exitCode, 0);
    }),
    { numRuns: 200, seed: 20260731 },
  );
});
