/** The command as users run it: a separate process, files, and exit codes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { actsOf, exported, headAfter } from './testing/log-maker.ts';
import type { Item } from './testing/made.ts';
import { makeBook, written } from './testing/maker.ts';
import { bookSigner, keyObject, sliceSigner } from './testing/maker-world.ts';
import { json } from './testing/run.ts';

const LAUNCHER = join(import.meta.dirname, 'bin.mjs');
const made = makeBook({ kind: 'raffle', entries: 20, randomness: 'drand' });
const item = made.items.find(({ user }) => user === 'user3') as Item;
let directory = '';

async function file(name: string, bytes: Uint8Array): Promise<void> {
  await writeFile(join(directory, name), bytes);
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fairline-verify-'));
  const book = written(made.parts);
  await file('book.ndjson', book);
  await file('book.ndjson.gz', gzipSync(book));
  await file('cut.ndjson.gz', gzipSync(book).subarray(0, 900));
  const forged = structuredClone(made.parts);
  forged.entries.reverse();
  await file('order.ndjson', written(forged));
  const steered = structuredClone(made.parts);
  Object.assign(steered.end.draw ?? {}, { seed: made.parts.header.rules_hash });
  await file('steered.ndjson', written(steered));
  const receipt = { ...made.receiptOf(item) };
  await file('receipt.json', Buffer.from(JSON.stringify(receipt, undefined, 2)));
  await file('receipts.ndjson', Buffer.from(`${JSON.stringify({ receipt, user: item.user })}\n`));
  await file('proof.json', json(made.proof));
  await file('keys.json', json({ keys: [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')] }));
  await file('no-keys.json', json({ keys: [] }));
  await file(
    'heads.ndjson',
    json({ heads: made.parts.slices.slice(1, 2).map(({ head }) => head), next: '' }),
  );
  const acts = actsOf(20);
  const heads = acts.slice(-1).map(act => headAfter(act, bookSigner));
  await file('log.ndjson', exported(acts, heads));
  await file('cut-log.ndjson', exported(acts.slice(0, 9), heads));
  const another = makeBook({ kind: 'raffle', entries: 13 });
  await file(
    'other-heads.ndjson',
    json({ heads: another.parts.slices.slice(1, 2).map(({ head }) => head), next: '' }),
  );
});

after(async () => {
  await rm(directory, { recursive: true });
});

async function fairline(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  // From any directory: the launcher resolves its imports from its own place.
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = new Promise<number | null>(resolve => child.once('close', resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, out, err };
}

test('checks a receipt against the book in one command', async () => {
  const { code, out, err } = await fairline('book.ndjson.gz', '--receipt', 'receipt.json', '--user', 'user3');
  assert.equal(err, '');
  assert.equal(code, 0);
  assert.match(out, /^VALID/);
  assert.match(out, /User "user3": stamp \d+, number 3 in the queue\. Outcome: /);
  assert.match(out, /This does not prove:/);
});

test('reports everything at once as JSON', async () => {
  const given = ['--proof', 'proof.json', '--keys', 'keys.json', '--receipts', 'receipts.ndjson', '--json'];
  const { code, out } = await fairline('verify', 'book.ndjson', ...given);
  assert.equal(code, 0);
  const report = JSON.parse(out);
  assert.equal(report.ok, true);
  assert.equal(report.facts.proofVerified, true);
  assert.equal(report.facts.receipts, 1);
});

test('the exit code states the kind of finding', async () => {
  const codes = [
    [2, 'cut.ndjson.gz'],
    [2, 'receipt.json'],
    [3, 'book.ndjson', '--keys', 'no-keys.json'],
    [4, 'order.ndjson'],
    [4, '--receipt', 'receipt.json', '--user', 'user4', '--keys', 'keys.json'],
    [5, 'steered.ndjson'],
    [5, 'steered.ndjson', '--proof', 'proof.json'],
    [0, '--proof', 'proof.json'],
    [0, 'book.ndjson', '--pool-root', made.parts.end.pool_root],
    [4, 'book.ndjson', '--pool-root', made.parts.header.rules_hash],
    [0, 'book.ndjson', '--rules-hash', made.parts.header.rules_hash],
    [5, 'book.ndjson', '--rules-hash', made.parts.end.pool_root],
    [5, '--proof', 'proof.json', '--rules-hash', made.parts.end.pool_root],
    // In base64url, and so possibly with a dash at its beginning.
    [4, 'book.ndjson', '--pool-root', `-${'A'.repeat(42)}`],
    [4, 'book.ndjson', '--pool-root', `--${'A'.repeat(41)}`],
    [5, 'book.ndjson', '--rules-hash', `-${'A'.repeat(42)}`],
    [4, '--receipt', 'receipt.json', '--user', '-ann', '--keys', 'keys.json'],
    [0, 'book.ndjson', '--heads', 'heads.ndjson'],
    [4, 'book.ndjson', '--heads', 'other-heads.ndjson'],
    [4, 'book.ndjson', '--heads', 'heads.ndjson', '--heads', 'other-heads.ndjson'],
    [2, 'book.ndjson', '--heads', 'keys.json'],
    [0, 'book.ndjson', '--heads', 'heads.ndjson', '--max-heads-bytes', '300'],
    [2, 'book.ndjson', '--heads', 'heads.ndjson', '--max-heads-bytes', '200'],
    [2, 'book.ndjson', '--heads', 'heads.ndjson', '--heads', 'heads.ndjson', '--max-heads-bytes', '300'],
    [0, '--log', 'log.ndjson'],
    [0, '--log', 'log.ndjson', '--keys', 'keys.json'],
    [0, 'book.ndjson', '--log', 'log.ndjson'],
    [3, '--log', 'log.ndjson', '--keys', 'no-keys.json'],
    [4, '--log', 'cut-log.ndjson', '--keys', 'keys.json'],
    [2, '--log', 'heads.ndjson'],
    [2, '--log', 'log.ndjson', '--max-log-bytes', '300'],
    [2, 'book.ndjson', '--max-line-bytes', '300'],
    [2, 'book.ndjson', '--receipts', 'receipts.ndjson', '--max-receipts-bytes', '300'],
    [2, '--proof', 'proof.json', '--max-proof-bytes', '300'],
    [2, 'book.ndjson', '--max-entry-bytes', '80'],
    [2, 'book.ndjson', '--max-keys', '1'],
    [2, 'book.ndjson', '--keys', 'keys.json', '--max-keys-bytes', '10'],
    [0, 'book.ndjson', '--max-raises', '1'],
    [2, 'book.ndjson', '--max-slices', '1'],
    [2, 'book.ndjson', '--max-others', '1'],
    [2, 'book.ndjson', '--max-entries', '1'],
    [0, '--receipt', 'receipt.json', '--user', 'user3', '--keys', 'keys.json'],
    [2, 'book.ndjson', '--max-bytes', '100'],
  ] as const;
  for (const [expected, ...args] of codes) {
    const { code, out } = await fairline(...args);
    assert.equal(code, expected, `${args.join(' ')}: ${out}`);
    assert.match(out, expected === 0 ? /^VALID/ : /^INVALID\n\nFound:\n {2}- [a-z-]+: /);
  }
});

test('answers wrong usage with the remedy', async () => {
  const wrong: readonly [readonly string[], RegExp][] = [
    [[], /nothing to verify/],
    [['book.ndjson', 'book.ndjson'], /2 books are given; expected one/],
    [['book.ndjson', '--receipt', 'receipt.json'], /--receipt and --user go together/],
    [['--receipt', 'receipt.json', '--user', 'user3'], /a receipt needs a book/],
    [['book.ndjson', '--rules-hash', 'x'], /--rules-hash is "x"; expected 32 bytes in base64url/],
    [['book.ndjson', '--pool-root', 'x'], /--pool-root is "x"; expected 32 bytes in base64url/],
    [
      ['--receipt', 'receipt.json', '--user', 'user3', '--keys', 'keys.json', '--pool-root', 'A'.repeat(43)],
      /--pool-root needs a book or a proof/,
    ],
    [
      ['--receipt', 'receipt.json', '--user', 'user3', '--keys', 'keys.json', '--heads', 'heads.ndjson'],
      /--heads needs a book/,
    ],
    [['nowhere.ndjson'], /cannot read nowhere\.ndjson/],
    [['--log', 'nowhere.ndjson'], /cannot read nowhere\.ndjson/],
    [['book.ndjson', '--heads', 'heads.ndjson', '--heads', 'nowhere.ndjson'], /cannot read nowhere\.ndjson/],
    [['book.ndjson', '--proof', 'nowhere.json'], /cannot read nowhere\.json/],
    [['book.ndjson', '--max-bytes', '-1'], /max-bytes/],
    [['book.ndjson', '--max-bytes=0'], /--max-bytes is "0"; expected a whole number from 1/],
    [['book.ndjson', '--fast'], /--fast/],
  ];
  for (const [args, message] of wrong) {
    const { code, err } = await fairline(...args);
    assert.equal(code, 1, args.join(' '));
    assert.match(err, message);
  }
  const { code, out } = await fairline('--help');
  assert.equal(code, 0);
  assert.match(out, /exit codes: 0 valid, 1 wrong usage, 2 unreadable/);
});
