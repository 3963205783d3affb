import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64url, sha256 } from '../testing/basics.ts';
import { assertNamed, type Change } from '../testing/changed.ts';
import { actsOf, exported, headAfter, rehash } from '../testing/log-maker.ts';
import type { Parts, RaiseObject } from '../testing/made.ts';
import { makeBook, written } from '../testing/maker.ts';
import { bookSigner, CAMPAIGN, keyObject, OPENS_AT_US, sliceSigner } from '../testing/maker-world.ts';
import { codesOf, inPieces, json, run, runBook } from '../testing/run.ts';
import type { Report } from '../verify.ts';

const raised = makeBook({ kind: 'coupon', entries: 30, stock: 12, raisedFrom: [5, 7] });
const plain = makeBook({ kind: 'coupon', entries: 30, stock: 12 });
const raffle = makeBook({ kind: 'raffle', entries: 30 });

function raiseAt(parts: Parts, index: number): RaiseObject {
  const raise = parts.header.raises?.[index];
  assert.ok(raise);
  return raise;
}

/** Even if the shop signs the book again. */
const changes: readonly Change[] = [
  ['a raise that lowers', raised, parts => Object.assign(raiseAt(parts, 1), { stock: 6 }), ['stock-raised']],
  ['a raise that is missing', raised, parts => parts.header.raises?.pop(), ['stock-raised']],
  [
    'a raise out of nothing',
    raised,
    parts => parts.header.raises?.splice(0, 1, raiseAt(parts, 1)),
    ['stock-raised'],
  ],
  ['raises in another order', raised, parts => parts.header.raises?.reverse(), ['stock-raised']],
  [
    'another instant',
    raised,
    parts => Object.assign(raiseAt(parts, 0), { at_us: raiseAt(parts, 1).at_us + 1 }),
    ['stock-raised'],
  ],
  [
    'an instant before the opening',
    raised,
    parts => Object.assign(raiseAt(parts, 0), { at_us: OPENS_AT_US - 1 }),
    ['stock-raised'],
  ],
  [
    'a raise by the version that made the campaign',
    raised,
    parts => Object.assign(raiseAt(parts, 0), { version: 1 }),
    ['malformed'],
  ],
  [
    'rules that were never announced',
    raised,
    parts => Object.assign(raiseAt(parts, 0), { rules_hash_before: base64url(sha256('others')) }),
    ['stock-raised'],
  ],
  ['another close', raised, parts => Object.assign(raiseAt(parts, 0), { closes_at_us: 1 }), ['stock-raised']],
  [
    'a raffle with a raised stock',
    raffle,
    parts => Object.assign(parts.header, { raises: raised.parts.header.raises }),
    ['stock-raised'],
  ],
  [
    'grants of the previous stock alone',
    raised,
    parts => {
      const last = parts.entries.findLast(({ outcome }) => outcome === 'granted');
      Object.assign(last ?? {}, { outcome: 'sold_out' });
      delete last?.serial;
    },
    ['outcome'],
  ],
];

test('accepts a book whose stock was raised, and says so', async () => {
  const report = await run({ book: inPieces(written(raised.parts)) });
  assert.deepEqual(report.findings, []);
  assert.match(report.checked.join('\n'), /The book states 2 raises of the stock, from 5\. /);
  assert.match(
    report.notes.join('\n'),
    /states that the stock was raised from 5 to 7 2023-08-23T14:14:20\S+ \(version 2\)\. Nothing that a gateway signed/,
  );
  assert.match(
    report.notProven.join('\n'),
    /That the stock was raised, and when\. The key for books is enough/,
  );
  assert.doesNotMatch(report.checked.join('\n'), /announced|operator log/);
});

test('reads as many raises as an engine makes, and more with an option', async () => {
  const [all, more] = [1_000, 1_001].map(count =>
    written(
      makeBook({
        kind: 'coupon',
        entries: 5,
        stock: 2_000,
        raisedFrom: Array.from({ length: count }, (_, index) => index + 5),
      }).parts,
    ),
  );
  assert.ok(all && more);
  assert.deepEqual((await runBook(all)).findings, []);
  assert.deepEqual(codesOf(await runBook(more)), ['too-large']);
  assert.deepEqual((await runBook(more, { raises: 2_000 })).findings, []);
});

test('names what is wrong with a raise', async () => {
  await assertNamed(changes);
});

test('a noted hash of rules holds when only the stock was raised since', async () => {
  const { rules_hash_before: noted } = raiseAt(raised.parts, 0);
  const report = await run({ book: inPieces(written(raised.parts)), rulesHash: noted });
  assert.deepEqual(report.findings, []);
  assert.match(
    report.checked.join('\n'),
    /have the noted hash with the stock before a raise that the book states/,
  );
  assert.match(report.notProven.join('\n'), /announced by then, but with the smaller stock/);
  const last = await run({
    book: inPieces(written(raised.parts)),
    rulesHash: raised.parts.header.rules_hash,
  });
  assert.match(last.checked.join('\n'), /neither the rules nor their monitors have changed since/);
  const other = await run({ book: inPieces(written(plain.parts)), rulesHash: noted });
  assert.deepEqual(codesOf(other), ['rules-hash']);
});

const keys = json({ keys: [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')] });

/** A little after the book's instant: the act is the end of its transaction. */
function raisedAt(parts: Parts, index: number): string {
  return new Date(raiseAt(parts, index).at_us / 1_000 + 40).toISOString();
}

/** An operator log in which the campaign was created and its stock raised twice, after `change`. */
function logOf(change: (details: object[]) => void = () => undefined): Buffer {
  const acts = actsOf(6);
  const [first, second] = [raiseAt(raised.parts, 0), raiseAt(raised.parts, 1)];
  const raise = ({ version, ...raise }: RaiseObject): object => ({
    ...{ version, from: { stock: raise.stock_before, rules_hash: raise.rules_hash_before } },
    to: { stock: raise.stock, rules_hash: raise.rules_hash },
  });
  const details = [
    { stock: first.stock_before, rules_hash: first.rules_hash_before },
    raise(first),
    raise(second),
  ];
  change(details);
  for (const [index, own] of details.entries()) {
    const action = index === 0 ? 'createCampaign' : 'raiseCampaign';
    Object.assign(acts[index + 1] ?? {}, { action, target: `campaign ${CAMPAIGN}`, details: own });
    if (index > 0) Object.assign(acts[index + 1] ?? {}, { at: raisedAt(raised.parts, index - 1) });
  }
  rehash(acts, 0);
  return exported(
    acts,
    acts.slice(-1).map(act => headAfter(act, bookSigner)),
  );
}

async function withLog(made: typeof raised, log: Buffer): Promise<Report> {
  return await run({ book: inPieces(written(made.parts)), log: inPieces(log), keys });
}

test('a log with the same raises agrees with the book', async () => {
  const report = await withLog(raised, logOf());
  assert.deepEqual(report.findings, []);
  assert.match(report.checked.join('\n'), /Acts of the operator log are the same raises/);
  assert.doesNotMatch(report.notProven.join('\n'), /That the stock was raised/);
});

test('a raise of another time than its act is found with the log', async () => {
  const later = { ...raised, parts: structuredClone(raised.parts) };
  for (const index of [0, 1]) raiseAt(later.parts, index).at_us += 100_000_000;
  const report = await withLog(later, logOf());
  assert.deepEqual(codesOf(report), ['stock-raised']);
  assert.match(
    report.findings[0]?.message ?? '',
    /act 3 raised the stock 2023-08-23T14:14:20\S+, but version 2 of the book states 2023-08-23T14:16:00/,
  );
});

test('a book contradicts a log without its raises, or with others', async () => {
  const unsaid = await withLog(
    raised,
    logOf(details => details.pop()),
  );
  assert.deepEqual(codesOf(unsaid), ['rules-hash', 'stock-raised']);
  assert.match(JSON.stringify(unsaid.findings), /version 3 of the book raises the stock to 12, but no act/);
  const other = await withLog(
    raised,
    logOf(details => Object.assign(details[1] ?? {}, { version: 9 })),
  );
  assert.deepEqual(codesOf(other), ['stock-raised']);
  const silent = await withLog(plain, logOf());
  assert.deepEqual(codesOf(silent), ['stock-raised']);
  const behind = await withLog(
    plain,
    logOf(details => details.splice(1)),
  );
  assert.deepEqual(codesOf(behind), ['rules-hash']);
});
