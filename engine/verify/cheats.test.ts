/**
 * An operator who has all keys and signs everything again. An operator who only does that is exposed by what the book must
 * show; one who also fabricates the roll of incarnations is exposed by the heads or a receipt that somebody kept.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoOf } from './receipts/leaf.ts';
import { base64url, canonical, leafHashOf, sha256 } from './testing/basics.ts';
import { dataOf, Forger } from './testing/forger.ts';
import { actsOf, exported, rehash } from './testing/log-maker.ts';
import type { EntryObject, Parts } from './testing/made.ts';
import { makeBook, written } from './testing/maker.ts';
import {
  bookSigner,
  CAMPAIGN,
  CLOSES_AT_US,
  incarnationOf,
  keyObject,
  monitorSigner,
  OPENS_AT_US,
  sliceSigner,
} from './testing/maker-world.ts';
import { inOrder, lines, recordsOf } from './testing/records.ts';
import { codesOf, inPieces, json, run } from './testing/run.ts';

const STOCK = 7;
const made = makeBook({ kind: 'coupon', entries: 30, stock: STOCK, gateways: 3 });
/** In pages, as `GET /v1/heads` shows them. */
const pages = pagesOf(made.parts.slices.map(({ head }) => head));

function pagesOf(heads: readonly string[]): Buffer {
  return Buffer.concat([json({ heads: inOrder(heads), next: 'whatever' }), Buffer.from('\n')]);
}

/** Applies first come, first served to the rest, so that the rules find nothing. */
function served(forger: Forger, stock = STOCK) {
  let granted = 0;
  return (_: number, who: string): Partial<EntryObject> => {
    if (forger.withdrew.has(who)) return { outcome: 'withdrawn' };
    if (granted >= stock) return { outcome: 'sold_out' };
    granted += 1;
    return { outcome: 'granted', serial: granted };
  };
}

function finished(forger: Forger): Buffer {
  forger.resign();
  forger.relist(served(forger));
  return written(forger.parts);
}

async function codes(book: Buffer, more: object = {}): Promise<string[]> {
  return codesOf(await run({ book: inPieces(book), ...more }));
}

test('a book re-signed without changes verifies, also against kept heads', async () => {
  const forger = new Forger(made.parts);
  const book = finished(forger);
  assert.equal(book.toString(), written(made.parts).toString());
  const report = await run({ book: inPieces(book), heads: pages });
  assert.deepEqual(report.findings, []);
  assert.match(report.checked.join('\n'), /matches the kept heads/);
  assert.match(report.notProven.join('\n'), /That the kept heads are complete/);
  assert.match(
    (await run({ book: inPieces(book) })).notProven.join('\n'),
    /\(--heads, from GET \/v1\/heads\)/,
  );
});

/** The first slice of each chain within the time of the campaign. */
function firstsOf(forger: Forger) {
  const firsts = new Map(
    forger.slices
      .filter(({ data }) => data !== undefined)
      .toReversed()
      .map(slice => [slice.incarnation, slice]),
  );
  return new Set(firsts.values());
}

test('omits the first slice of each chain', async () => {
  const forger = new Forger(made.parts);
  const gone = firstsOf(forger);
  forger.slices = forger.slices.filter(slice => !gone.has(slice));
  // The heads as they were signed, without the missing ones.
  forger.parts.slices = forger.parts.slices.filter((_, index) => {
    const head = Buffer.from(made.parts.slices[index]?.head ?? '', 'base64url');
    const position = `${head.readBigUInt64BE(24)}/${head.readBigUInt64BE(32)}`;
    return ![...gone].some(each => `${each.incarnation}/${each.sliceNumber}` === position);
  });
  forger.relist(served(forger));
  const found = await codes(written(forger.parts));
  assert.ok(found.includes('chain-start') && found.includes('slice-chain'), found.join());

  // Chained again over the gap: the book alone is consistent, but lacks the heads that somebody kept.
  const anew = new Forger(made.parts);
  const leftOut = firstsOf(anew);
  anew.slices = anew.slices.filter(slice => !leftOut.has(slice));
  for (const slice of anew.slices) if (slice.sliceNumber < 4) slice.previous = Buffer.alloc(32);
  const book = finished(anew);
  assert.deepEqual(await codes(book), []);
  assert.deepEqual(await codes(book, { heads: pages }), ['kept-head-differs', 'kept-head-missing']);
  const item = made.items.findLast(({ campaign }) => campaign === CAMPAIGN);
  assert.ok(item);
  const receipt = { bytes: Buffer.from(JSON.stringify(made.receiptOf(item))), user: item.user };
  assert.ok((await codes(book, { receipt })).includes('kept-head-differs'));
});

test('omits a gateway', async () => {
  const forger = new Forger(made.parts);
  const gone = incarnationOf(3);
  forger.slices = forger.slices.filter(({ incarnation }) => incarnation !== gone);
  forger.epoch.ends = forger.epoch.ends.filter(([number]) => incarnationOf(number) !== gone);
  assert.deepEqual(await codes(finished(forger)), ['incarnation-missing']);

  // Declared to have signed nothing, in a signed statement.
  forger.retell();
  const book = finished(forger);
  assert.deepEqual(await codes(book), []);
  const found = await run({ book: inPieces(book), heads: pages });
  assert.deepEqual(codesOf(found), ['kept-head-missing']);
  assert.match(found.findings[0]?.message ?? '', /shows nothing of that incarnation: it was left out/);
  const notProven = (await run({ book: inPieces(book) })).notProven.join('\n');
  assert.match(notProven, /That the 3 incarnations declared as silent signed nothing/);

  // With the other numbers closed up: every chain differs from the one that was shown.
  for (const slice of forger.slices) if (slice.incarnation > gone) slice.incarnation -= 1;
  forger.epoch.last -= 1;
  forger.retell();
  const renumbered = await codes(finished(forger), { heads: pages });
  assert.ok(
    renumbered.includes('kept-head-missing') && renumbered.includes('kept-head-late'),
    renumbered.join(),
  );
});

test('the last slices of a chain cut off, and its end declared: with the key for books alone', async () => {
  const forger = new Forger(made.parts);
  const own = forger.slices.filter(({ incarnation }) => incarnation === incarnationOf(3));
  const gone = new Set(own.slice(-2));
  const kept = forger.slices.flatMap((slice, index) => (gone.has(slice) ? [] : [index]));
  forger.slices = forger.slices.filter(slice => !gone.has(slice));
  forger.relist(served(forger));
  forger.resign();
  // No head is signed anew.
  assert.deepEqual(
    forger.parts.slices.map(({ head }) => head),
    kept.map(index => made.parts.slices[index]?.head),
  );
  const undeclared = await codes(written(forger.parts));
  assert.deepEqual(undeclared, ['chain-end']);

  forger.retell();
  const book = written(forger.parts);
  const alone = await run({ book: inPieces(book) });
  assert.deepEqual(alone.findings, []);
  const notProven = alone.notProven.join('\n');
  assert.match(
    notProven,
    /That these chains are whole, and date from the campaign\. The key for books is enough/,
  );
  assert.match(notProven, /No heads were given that could show it/);
  assert.match(notProven, /That nothing follows the declared end of 1 chain/);
  assert.match(alone.checked.join('\n'), /or, for 1 of them, to a declared end/);
  assert.doesNotMatch(alone.checked.join('\n'), /missing|had seen everything/);

  const against = await run({ book: inPieces(book), heads: pages });
  assert.deepEqual(codesOf(against), ['kept-head-missing']);
  assert.equal(against.findings.length, 2);
  assert.match(
    against.findings[0]?.message ?? '',
    /the book lacks it and shows that incarnation from slice 1 to \d/,
  );
  const item = made.items.findLast(
    ({ campaign, kind, stamp }) => campaign === CAMPAIGN && kind === 1 && stamp % 1024 === 1,
  );
  assert.ok(item);
  const receipt = { bytes: Buffer.from(JSON.stringify(made.receiptOf(item))), user: item.user };
  assert.deepEqual(await codes(book, { receipt }), ['receipt-slice-missing']);
});

test('kept heads that are all from another time say nothing, and the report says that', async () => {
  const early = new Forger(made.parts);
  for (const slice of early.slices) {
    slice.incarnation += 100;
    slice.firstUs = OPENS_AT_US - 90_000_000;
    slice.lastUs = slice.firstUs;
  }
  early.resign();
  const heads = pagesOf(early.parts.slices.map(({ head }) => head));
  const report = await run({ book: inPieces(written(made.parts)), heads });
  assert.deepEqual(report.findings, []);
  assert.match(
    report.notes.join('\n'),
    /No kept head is in the book, so the kept heads say nothing about it/,
  );
  assert.doesNotMatch(report.checked.join('\n'), /kept heads/);
});

/** One slice with the earliest stamp of all, from somebody who was not there. */
function madeUp(incarnation: number, gateway: number) {
  const data = [dataOf(1, CAMPAIGN, gateway, sha256('a friend'))];
  return {
    gateway,
    incarnation,
    sliceNumber: 1,
    firstUs: OPENS_AT_US,
    lastUs: OPENS_AT_US,
    count: 1,
    root: Buffer.alloc(32),
    previous: Buffer.alloc(32),
    data,
  };
}

test('fabricates an incarnation after the close, with the earliest stamp', async () => {
  // The first entry of the made book has the stamp 0, from gateway 0.
  for (const [what, number, code] of [
    ['a number in use', 2, 'incarnation-twice'],
    ['a number never assigned', 9, 'incarnation-unknown'],
    ['a number declared as silent', 5, 'incarnation-unknown'],
  ] as const) {
    const forger = new Forger(made.parts);
    forger.slices.push(madeUp(incarnationOf(number), 9));
    const found = await codes(finished(forger));
    assert.ok(found.includes(code), `${what}: ${found}`);
  }
  const forger = new Forger(made.parts);
  forger.slices.push(madeUp(incarnationOf(6), 9));
  forger.retell();
  const book = finished(forger);
  assert.deepEqual(await codes(book), []);
  assert.deepEqual(await codes(book, { heads: pages }), ['kept-head-late']);
  // In a new epoch: it cannot have begun before the opening, because the epoch in force then has continued.
  const { epochs } = forger.parts.header;
  forger.slices.splice(-1, 1, madeUp(incarnationOf(1) + 2 ** 32, 9));
  epochs.push({
    began_us: OPENS_AT_US + 5,
    ends: [[1, 1]],
    epoch: forger.epoch.epoch + 1,
    last: 1,
    quiet: [],
  });
  assert.ok((await codes(finished(forger))).includes('incarnation-unknown'));
});

test('declares a winner withdrawn', async () => {
  const forger = new Forger(made.parts);
  forger.resign();
  let granted = 0;
  forger.relist((index, who) => {
    if (forger.withdrew.has(who) || index === 1) return { outcome: 'withdrawn' };
    if (granted >= STOCK) return { outcome: 'sold_out' };
    granted += 1;
    return { outcome: 'granted', serial: granted };
  });
  assert.deepEqual(await codes(written(forger.parts)), ['withdrawal-missing']);

  // With a fabricated withdrawal, in the slice of the entry.
  const line = forger.parts.entries[1];
  const slice = forger.slices[line?.slice ?? -1];
  assert.ok(line && slice?.data);
  slice.data.push(dataOf(2, CAMPAIGN, line.stamp, Buffer.from(line.who, 'base64url')));
  slice.count += 1;
  forger.resign();
  const book = written(forger.parts);
  assert.deepEqual(await codes(book), []);
  assert.deepEqual(await codes(book, { heads: pages }), ['kept-head-differs']);
});

test('moves an entry to another campaign, or into a slice that shows its head only', async () => {
  const forger = new Forger(made.parts);
  const line = made.parts.entries[2];
  const slice = forger.slices[line?.slice ?? -1];
  const data = slice?.data?.[line?.leaf ?? -1];
  assert.ok(line && slice && data);
  data.writeUInt32BE(CAMPAIGN + 1, 2);
  const book = finished(forger);
  assert.deepEqual(await codes(book), []);
  assert.deepEqual(await codes(book, { heads: pages }), ['kept-head-differs']);

  // With the root unchanged: the declared content of the leaf is not what was signed.
  forger.parts.slices.forEach((one, index) => {
    one.head = made.parts.slices[index]?.head ?? '';
  });
  assert.ok((await codes(written(forger.parts))).includes('slice-root'));

  const hidden = new Forger(made.parts);
  const bare = hidden.slices.at(-2);
  assert.ok(bare?.data);
  bare.root = Buffer.from(made.parts.slices.at(-2)?.head ?? '', 'base64url').subarray(56, 88);
  bare.data = undefined;
  assert.deepEqual(await codes(finished(hidden)), ['slice-hidden']);
});

/** A book with an announced monitor, and the record of everything that it was shown. */
function withRecord(gateways: number) {
  const book = makeBook({ kind: 'coupon', entries: 30, stock: 20, gateways, monitors: ['press'] });
  const shown = inOrder(book.parts.slices.map(({ head }) => head));
  const throughUs = CLOSES_AT_US + 50_000_000;
  const records = recordsOf(monitorSigner('press'), [{ heads: shown, atUs: throughUs + 1, throughUs }]);
  return { book, heads: lines(...records) };
}

/** First come, first served, with a stock of 20. */
function servedMore(forger: Forger): Buffer {
  let granted = 0;
  forger.resign();
  forger.relist((_, who) => {
    if (forger.withdrew.has(who)) return { outcome: 'withdrawn' };
    granted += 1;
    return granted > 20 ? { outcome: 'sold_out' } : { outcome: 'granted', serial: granted };
  });
  return written(forger.parts);
}

test('a close that is said to have come earlier than it did', async () => {
  const { book, heads } = withRecord(3);
  const forger = new Forger(book.parts);
  forger.closeAt(OPENS_AT_US + Math.floor((CLOSES_AT_US - OPENS_AT_US) / 8));
  // No slice is altered, so all of them are those that were kept.
  const report = await run({ book: inPieces(servedMore(forger)), heads });
  assert.deepEqual(codesOf(report), ['entry-after-close']);
  assert.equal(report.exitCode, 4);
  assert.match(
    report.findings[0]?.message ?? '',
    /stamped 2023-08-23T14:2\S+, is an entry of the campaign, so gateways accepted entries after the stated close/,
  );
});

test('an early close between two slices: the book cannot refute it and says so, and a receipt does', async () => {
  const { book, heads } = withRecord(1);
  const forger = new Forger(book.parts);
  const closedAtUs = (forger.slices[3]?.lastUs ?? 0) + 1;
  const hidden = forger.slices.filter(({ firstUs }) => firstUs >= closedAtUs && firstUs < CLOSES_AT_US);
  const items = hidden.reduce((sum, { count }) => sum + count, 0);
  assert.ok(items > 20);
  forger.closeAt(closedAtUs);
  const forged = servedMore(forger);
  const report = await run({ book: inPieces(forged), heads });
  assert.deepEqual(report.findings, []);
  const notes = report.notes.join('\n');
  assert.match(
    notes,
    /The operator states that the campaign was closed .* Nothing that a gateway signed says so/,
  );
  assert.match(
    notes,
    new RegExp(`${hidden.length} slices with ${items} items begin after the time of this book`),
  );
  const whole = 'had seen everything that can have been signed in the time of the book';
  assert.match(report.checked.join('\n'), new RegExp(`${whole}, from \\S+ to before ${isoOf(closedAtUs)},`));
  assert.match(
    report.notProven.join('\n'),
    /That the campaign was closed at the stated time\. .* A receipt of one of them proves otherwise/,
  );
  const item = book.items.findLast(({ campaign, kind }) => campaign === CAMPAIGN && kind === 1);
  assert.ok(item);
  const receipt = { bytes: Buffer.from(JSON.stringify(book.receiptOf(item))), user: item.user };
  const found = await codes(forged, { receipt });
  assert.ok(found.includes('outside-window') && found.includes('receipt-slice-missing'), found.join());
  const honest = await run({ book: inPieces(written(book.parts)), heads });
  assert.deepEqual(honest.findings, []);
  assert.doesNotMatch([...honest.notes, ...honest.notProven].join('\n'), /stated time|operator states/);
});

test('an invented raise of the stock, for friends further back: with the key for books alone', async () => {
  const { parts } = made;
  const forger = new Forger(parts);
  const { header } = forger.parts;
  const raisedRules = { ...header.rules, stock: STOCK + 6 };
  const raise = (atUs: number): Buffer => {
    header.rules = raisedRules;
    header.rules_hash = base64url(sha256(canonical(raisedRules)));
    const hashes = { rules_hash: header.rules_hash, rules_hash_before: parts.header.rules_hash };
    const stocks = { stock: STOCK + 6, stock_before: STOCK };
    header.raises = [{ at_us: atUs, closes_at_us: CLOSES_AT_US, ...hashes, ...stocks, version: 2 }];
    forger.relist(served(forger, STOCK + 6));
    return written(forger.parts);
  };
  const forged = raise(OPENS_AT_US + 1);
  assert.deepEqual(forger.parts.slices, parts.slices);
  const keys = json({ keys: [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')] });
  const given = { heads: pages, keys, rulesHash: parts.header.rules_hash };
  const alone = await run({ book: inPieces(forged), ...given });
  assert.deepEqual(alone.findings, []);
  assert.doesNotMatch(alone.checked.join('\n'), /announced|neither the rules/);
  assert.match(alone.notes.join('\n'), /The operator states that the stock was raised from 7 to 13/);
  assert.match(
    alone.notProven.join('\n'),
    /That the stock was raised, and when\. The key for books is enough .* \(--log, from GET \/v1\/operator-log\.ndjson\)/,
  );
  // The log, which has no such act, reveals it.
  const acts = actsOf(3);
  const details = { stock: STOCK, rules_hash: parts.header.rules_hash };
  Object.assign(acts[0] ?? {}, { action: 'createCampaign', target: `campaign ${CAMPAIGN}`, details });
  rehash(acts, 0);
  const against = await run({ book: inPieces(forged), ...given, log: inPieces(exported(acts, [])) });
  assert.deepEqual(codesOf(against), ['rules-hash', 'stock-raised']);
  assert.deepEqual(await codes(raise(OPENS_AT_US - 1)), ['stock-raised']);
});

/** Version 1 of the format showed neither where chains begin and end nor what the leaves without a line are. */
test('a book that is passed off as one of another version, which would show less', async () => {
  const forger = new Forger(made.parts);
  const gone = incarnationOf(3);
  const kept = forger.slices.flatMap(({ incarnation, data }, index) =>
    incarnation === gone || data === undefined ? [] : [index],
  );
  forger.slices = kept.map(index => forger.slices[index]).filter(slice => slice !== undefined);
  forger.resign();
  let granted = 0;
  forger.relist((index, who) => {
    if (forger.withdrew.has(who) || index === 1) return { outcome: 'withdrawn' };
    granted += 1;
    return granted > STOCK ? { outcome: 'sold_out' } : { outcome: 'granted', serial: granted };
  });
  const { header, slices } = forger.parts;
  // The heads as they were signed, so that kept heads do not contradict them.
  slices.forEach((slice, at) => {
    slice.head = made.parts.slices[kept[at] ?? -1]?.head ?? '';
    slice.others = (slice.others ?? []).map(([leaf, data]) => [
      leaf,
      base64(leafHashOf(Buffer.from(data, 'base64url'))),
    ]);
  });
  const { epochs: _, until_us: __, ...before } = header;
  for (const [book, rest] of [
    [1, before],
    [1, header],
    [0, header],
    [3, header],
  ] as const) {
    const parts = { ...forger.parts, header: { ...rest, book } as Parts['header'] };
    const report = await run({ book: inPieces(written(parts)), heads: pages });
    assert.deepEqual(codesOf(report), ['malformed']);
    assert.equal(report.exitCode, 2);
    assert.match(report.findings[0]?.message ?? '', new RegExp(`is of version ${book} of the format`));
  }
});

test('two kept versions of one head', async () => {
  const other = makeBook({ kind: 'coupon', entries: 31, stock: STOCK, gateways: 3 });
  const both = Buffer.concat([pages, pagesOf(other.parts.slices.map(({ head }) => head))]);
  const found = await codes(written(made.parts), { heads: both });
  assert.ok(found.includes('kept-head-differs'), found.join());
});

test('kept heads that are unreadable or signed with unknown keys', async () => {
  const check = async (heads: Buffer): Promise<string[]> => await codes(written(made.parts), { heads });
  assert.deepEqual(await check(Buffer.from('{"heads":["?"]}\n')), ['malformed']);
  assert.deepEqual(await check(Buffer.from('nothing')), ['malformed']);
  const { heads } = JSON.parse(pages.toString());
  assert.deepEqual(await check(json({ heads: heads.toReversed() })), ['malformed']);
  const changed = Buffer.from(String(heads[3]), 'base64url');
  changed.writeUInt8(changed.readUInt8(39) + 100, 39);
  const wrong = await check(json({ heads: [base64(changed)] }));
  assert.deepEqual(wrong, ['slice-signature']);
});

function base64(bytes: Buffer): string {
  return bytes.toString('base64url');
}
