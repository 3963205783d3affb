/** Documents changed at random: every change is found, and classified correctly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { base64url } from './testing/basics.ts';
import type { Item } from './testing/made.ts';
import { makeBook, written } from './testing/maker.ts';
import { bookSigner, keyObject, sliceSigner } from './testing/maker-world.ts';
import { codesOf, inPieces, json, run, runBook } from './testing/run.ts';

const RUNS = { numRuns: 150, seed: 20260731 };

const made = makeBook({ kind: 'raffle', entries: 12, tiers: [1, 2], alternates: 1, groupLimit: 2 });
const book = written(made.parts);
const keys = json({ keys: [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')] });
const own = made.items.filter(({ campaign, kind }) => campaign === 7 && kind === 1);

function receiptBytes(one: Item): Buffer {
  return Buffer.from(JSON.stringify(made.receiptOf(one)));
}

function flipped(bytes: Uint8Array, at: number, mask: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ mask;
  return changed;
}

const flip = fc.record({ at: fc.nat(), mask: fc.integer({ min: 1, max: 255 }) });

test('detects a change of any byte of a book', async () => {
  await fc.assert(
    fc.asyncProperty(flip, async ({ at, mask }) => {
      const report = await runBook(flipped(book, at % book.length, mask));
      const kinds = new Set(report.findings.map(({ kind }) => kind));
      // Without keys, a change leaves a document that cannot be read, or an invalid signature.
      assert.ok(kinds.has('document') || kinds.has('signature'), codesOf(report).join());
      assert.ok(report.exitCode === 2 || report.exitCode === 3);
    }),
    RUNS,
  );
});

test('names the effect of any changed byte in an entry that still parses', async () => {
  const lines = book.toString().split('\n');
  const first = 1 + made.parts.slices.length;
  const digits = /"(stamp|slice|leaf)":(\d+)|"who":"([^"]+)/g;
  for (let line = first; line < first + made.parts.entries.length; line++) {
    const text = lines[line] ?? '';
    for (const match of text.matchAll(digits)) {
      const value = match[2] ?? match[3] ?? '';
      const at = (match.index ?? 0) + match[0].length - value.length;
      const other = value.startsWith('1') ? '2' : '1';
      const changed = [...lines];
      changed[line] = text.slice(0, at) + other + text.slice(at + 1);
      if (changed[line] === text) continue;
      const report = await runBook(Buffer.from(changed.join('\n')));
      const codes = codesOf(report);
      assert.ok(codes.includes('book-signature'), codes.join());
      assert.ok(
        report.findings.some(({ kind }) => kind === 'order'),
        `${match[0]}: ${codes.join()}`,
      );
    }
  }
});

test('detects any two lines exchanged', async () => {
  const lines = book.toString().trimEnd().split('\n');
  await fc.assert(
    fc.asyncProperty(fc.nat(lines.length - 1), fc.nat(lines.length - 1), async (a, b) => {
      fc.pre(a !== b);
      const changed = [...lines];
      [changed[a], changed[b]] = [changed[b] ?? '', changed[a] ?? ''];
      const report = await runBook(Buffer.from(`${changed.join('\n')}\n`));
      const codes = codesOf(report);
      const entriesFrom = 1 + made.parts.slices.length;
      const areEntries = Math.min(a, b) >= entriesFrom && Math.max(a, b) < lines.length - 1;
      if (areEntries)
        assert.ok(codes.includes('stamp-order') && codes.includes('book-signature'), codes.join());
      else assert.notEqual(report.exitCode, 0);
    }),
    RUNS,
  );
});

test('detects a book truncated anywhere, plain or gzipped', async () => {
  const zipped = gzipSync(book);
  await fc.assert(
    fc.asyncProperty(fc.nat(), async cut => {
      const plain = await runBook(book.subarray(0, cut % book.length));
      // A cut at the end of a line leaves complete lines, without the last one.
      assert.ok(['truncated', 'malformed'].includes(codesOf(plain)[0] ?? ''), codesOf(plain).join());
      assert.equal(plain.exitCode, 2);
      const packed = await runBook(zipped.subarray(0, cut % zipped.length));
      assert.equal(packed.exitCode, 2, codesOf(packed).join());
    }),
    RUNS,
  );
});

test('any changed byte of the gzip is detected or leaves the book unchanged', async () => {
  const zipped = gzipSync(book);
  await fc.assert(
    fc.asyncProperty(flip, async ({ at, mask }) => {
      const changed = flipped(zipped, at % zipped.length, mask);
      const report = await runBook(changed);
      if (report.ok) assert.deepEqual(gunzipSync(changed), book);
      else assert.ok(report.exitCode === 2 || report.exitCode === 3, codesOf(report).join());
    }),
    RUNS,
  );
});

test('detects a change of any byte of a receipt, with keys alone and against the book', async () => {
  await fc.assert(
    fc.asyncProperty(flip, fc.nat(own.length - 1), async ({ at, mask }, index) => {
      const one = own[index];
      assert.ok(one);
      const bytes = receiptBytes(one);
      const changed = flipped(bytes, at % bytes.length, mask);
      const request = { receipt: { bytes: changed, user: one.user } };
      const alone = await run({ ...request, keys });
      assert.notEqual(alone.exitCode, 0);
      const against = await run({ ...request, book: inPieces(book) });
      assert.notEqual(against.exitCode, 0);
    }),
    RUNS,
  );
});

test('detects a change of any byte of a proof, alone and against the book', async () => {
  const proof = json(made.proof);
  await fc.assert(
    fc.asyncProperty(flip, async ({ at, mask }) => {
      const offset = at % proof.length;
      const changed = flipped(proof, offset, mask);
      const report = await run({ proof: changed });
      assert.notEqual(report.exitCode, 0, `byte ${offset}`);
      assert.notEqual((await run({ proof: changed, book: inPieces(book) })).exitCode, 0);
    }),
    RUNS,
  );
});

test("rejects a receipt for another user or campaign, or with another slice's head", async () => {
  const [one, two] = own;
  assert.ok(one && two);
  const receipt = made.receiptOf(one);
  const check = async (changed: object, user: string): Promise<string[]> =>
    codesOf(
      await run({ receipt: { bytes: Buffer.from(JSON.stringify(changed)), user }, book: inPieces(book) }),
    );

  assert.deepEqual(await check(receipt, one.user), []);
  assert.deepEqual(await check(receipt, 'somebody else'), ['receipt-left-out', 'receipt-root']);
  assert.deepEqual(await check({ ...receipt, campaign: 8 }, one.user), ['receipt-campaign', 'receipt-root']);
  assert.ok((await check({ ...receipt, head: made.receiptOf(two).head }, one.user)).includes('receipt-root'));

  const foreign = makeBook({ kind: 'coupon', entries: 9, sliceItems: 3 });
  const other = foreign.items.find(({ user }) => user === one.user);
  assert.ok(other);
  // The gateway has signed another slice in its place.
  assert.deepEqual(await check(foreign.receiptOf(other), other.user), [
    'kept-head-differs',
    'receipt-slice-missing',
  ]);
});

test('rejects a book that hides the entry of a receipt', async () => {
  const parts = structuredClone(made.parts);
  const [gone] = parts.entries.splice(4, 1);
  assert.ok(gone);
  const item = made.items.find(({ stamp }) => stamp === gone.stamp);
  const slice = parts.slices[gone.slice];
  assert.ok(item && slice?.others);
  slice.others.push([gone.leaf, base64url(item.data)]);
  slice.others.sort(([a], [b]) => a - b);
  parts.end.entries -= 1;
  parts.end.lines -= 1;
  const report = await run({
    book: inPieces(written(parts)),
    receipt: { bytes: receiptBytes(item), user: item.user },
  });
  assert.ok(codesOf(report).includes('receipt-left-out'), codesOf(report).join());
  // Without the receipt as well: the leaf shows what it is.
  const without = codesOf(await runBook(written(parts)));
  assert.ok(without.includes('entry-hidden'), without.join());
});

test('rejects a raffle that ignores a withdrawal', async () => {
  const withdrawal = made.items.find(({ kind, campaign }) => kind === 2 && campaign === 7);
  assert.ok(withdrawal);
  const request = { receipt: { bytes: receiptBytes(withdrawal), user: withdrawal.user } };
  assert.equal((await run({ ...request, book: inPieces(book) })).ok, true);
  const parts = structuredClone(made.parts);
  const line = parts.entries.find(({ outcome }) => outcome === 'withdrawn');
  assert.ok(line);
  line.outcome = 'not_drawn';
  const codes = codesOf(await run({ ...request, book: inPieces(written(parts)) }));
  assert.ok(codes.includes('receipt-differs'), codes.join());
});

test('rejects a proof of another draw', async () => {
  const other = makeBook({ kind: 'raffle', entries: 13, tiers: [1, 2], alternates: 1, groupLimit: 2 });
  const report = await run({ proof: json(other.proof), book: inPieces(book) });
  assert.deepEqual(codesOf(report), ['proof-differs']);
  assert.equal(report.exitCode, 5);
  const coupon = makeBook({ kind: 'coupon', entries: 3 });
  assert.deepEqual(codesOf(await run({ proof: json(other.proof), book: inPieces(written(coupon.parts)) })), [
    'proof-differs',
  ]);
});

test('checks many receipts at once: locates valid ones and names invalid ones', async () => {
  const line = (one: Item, user = one.user): string =>
    `${JSON.stringify({ receipt: made.receiptOf(one), user })}\n`;
  const right = await run({
    book: inPieces(book),
    receipts: Buffer.from(own.map(one => line(one)).join('')),
  });
  assert.deepEqual(right.findings, []);
  assert.equal(right.facts.receipts, own.length);
  const [one] = own;
  assert.ok(one);
  const wrong = await run({ book: inPieces(book), receipts: Buffer.from(line(one) + line(one, 'mallory')) });
  assert.deepEqual(codesOf(wrong), ['receipt-left-out', 'receipt-root']);
  assert.match(wrong.findings[0]?.message ?? '', /receipt 2 \(mallory\)/);
});
