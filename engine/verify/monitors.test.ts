/** Monitors' records compared with a book: what their signatures prove, and what is found if the book differs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64url, canonical, sha256 } from './testing/basics.ts';
import { Forger } from './testing/forger.ts';
import type { Parts } from './testing/made.ts';
import { makeBook, written } from './testing/maker.ts';
import { CLOSES_AT_US, monitorSigner, OPENS_AT_US } from './testing/maker-world.ts';
import {
  headNumbersOf,
  inOrder,
  lines,
  type RecordObject,
  recordLine,
  recordsOf,
  type ShownPage,
} from './testing/records.ts';
import { codesAfter, codesOf, inPieces, json, run } from './testing/run.ts';
import type { Report } from './verify.ts';

const made = makeBook({ kind: 'coupon', entries: 30, stock: 7, gateways: 3, monitors: ['press', 'club'] });
const press = monitorSigner('press');
const club = monitorSigner('club');
const heads = inOrder(made.parts.slices.map(({ head }) => head));
const MIDDLE = Math.floor(heads.length / 2);
const SECOND = 1_000_000;

/** Small pages as they are shown one after the other, ending with the statement that they are complete. */
function followed(shown: readonly string[] = heads, throughUs = CLOSES_AT_US + 60 * SECOND): ShownPage[] {
  const pages: ShownPage[] = [];
  for (let from = 0; from < shown.length; from += 4) {
    const some = shown.slice(from, from + 4);
    pages.push({ heads: some, atUs: (headNumbersOf(some.at(-1) ?? '')[0] ?? 0) + 3 * SECOND });
  }
  pages.push({ heads: [], throughUs, atUs: CLOSES_AT_US + 61 * SECOND });
  return pages;
}

const records = recordsOf(press, followed());

async function hold(kept: Buffer | undefined, parts: Parts = made.parts): Promise<Report> {
  return await run({ book: inPieces(written(parts)), ...(kept === undefined ? {} : { heads: kept }) });
}

async function codes(kept: Buffer, parts?: Parts): Promise<string[]> {
  return codesOf(await hold(kept, parts));
}

test('a named monitor that saw everything: what it confirms, and what remains', async () => {
  const report = await hold(lines(...records));
  assert.deepEqual(report.findings, []);
  const checked = report.checked.join('\n');
  assert.match(
    checked,
    new RegExp(`Monitor "press", which the rules name, signed ${records.length} records`),
  );
  assert.match(checked, /of gateway 0 \(incarnation \d+\) up to slice \d+ at 2023-08-23T/);
  assert.match(
    checked,
    /By 2023-08-23T15:13:28\S* on its clock the monitor had seen everything that can have been signed/,
  );
  const left = report.notProven.join('\n');
  assert.match(left, /That "press" does not sign whatever the shop asks for/);
  assert.match(
    left,
    /What "club" saw\. The rules name it as a monitor, but none of their records were given/,
  );
  assert.match(left, /That the kept heads are complete/);
  assert.deepEqual(report.facts.monitors, [
    {
      name: 'press',
      key: base64url(press.raw),
      records: records.length,
      missing: 0,
      slices: heads.length,
      sawAllAtUs: CLOSES_AT_US + 8 * SECOND,
    },
    { name: 'club', key: base64url(club.raw), records: 0 },
  ]);
});

test('reports whose records are missing, and what each of two monitors saw', async () => {
  const without = (await hold(undefined)).notProven.join('\n');
  assert.match(without, /What "press", "club" saw\. The rules name them as monitors/);
  const late = followed(heads.slice(MIDDLE)).map((page, index) =>
    index === 0 ? { ...page, after: headNumbersOf(heads[MIDDLE - 1] ?? '').join('.') } : page,
  );
  const both = await hold(lines(...records, ...recordsOf(club, late)));
  assert.deepEqual(both.findings, []);
  assert.match(
    both.checked.join('\n'),
    /Monitor "club", .* The monitor saw everything that begins from 2023-08-23T/,
  );
  const stranger = await hold(lines(...recordsOf(monitorSigner('stranger'), followed())));
  assert.deepEqual(stranger.findings, []);
  assert.match(stranger.notes.join('\n'), /The rules do not name the monitor with key/);
  assert.doesNotMatch(stranger.checked.join('\n'), /Monitor /);
});

test('claims no more than records cover that begin late or end early', async () => {
  const until = OPENS_AT_US + 600 * SECOND;
  const short = followed(
    heads.filter(head => headNumbersOf(head)[0] <= until),
    until,
  );
  const report = await hold(lines(...recordsOf(press, short)));
  assert.deepEqual(report.findings, []);
  const checked = report.checked.join('\n');
  assert.doesNotMatch(checked, /had seen everything that can have been signed/);
  assert.match(
    checked,
    /The monitor saw everything that begins from \S+ to before 2023-08-23T14:23:20\.000001Z/,
  );
});

/** One slice of somebody who was not there, in an incarnation of its own, with the earliest stamp. */
function withLateIncarnation(): Parts {
  const forger = new Forger(made.parts);
  const model = forger.slices.find(({ data }) => data !== undefined);
  assert.ok(model?.data);
  const [first] = model.data;
  assert.ok(first);
  const data = Buffer.from(first);
  data.writeBigUInt64BE(9n, 6);
  sha256('a friend').copy(data, 14);
  forger.slices.push({
    ...model,
    ...{
      gateway: 9,
      incarnation: forger.epoch.epoch * 2 ** 32 + 6,
      sliceNumber: 1,
      previous: Buffer.alloc(32),
    },
    ...{ firstUs: OPENS_AT_US, lastUs: OPENS_AT_US, data: [data], count: 1 },
  });
  forger.resign();
  forger.retell();
  let granted = 0;
  forger.relist((_, who) => {
    if (forger.withdrew.has(who)) return { outcome: 'withdrawn' };
    if (granted >= 7) return { outcome: 'sold_out' };
    granted += 1;
    return { outcome: 'granted', serial: granted };
  });
  return forger.parts;
}

test('an incarnation fabricated after the close: the book alone is consistent, but no monitor saw it', async () => {
  const forged = withLateIncarnation();
  assert.deepEqual(codesOf(await hold(undefined, forged)), []);
  const report = await hold(lines(...records), forged);
  assert.deepEqual(codesOf(report), ['kept-head-late']);
  assert.match(
    report.findings[0]?.message ?? '',
    /was never shown to monitor \S+, which was shown everything around it/,
  );
  // Shown later, within what was said to be complete: it was kept then, and is late for that reason.
  const madeUp = forged.slices.at(-1)?.head ?? '';
  const again = recordsOf(press, [
    ...followed(),
    { heads: [madeUp], after: '0.0.0.0', atUs: CLOSES_AT_US + 90 * SECOND },
  ]);
  const later = await hold(lines(...again), forged);
  assert.deepEqual(codesOf(later), ['kept-head-late']);
  assert.match(
    later.findings[0]?.message ?? '',
    /appears first in record \d+ of monitor \S+, of 2023-08-23T15:14:50/,
  );
  // One monitor saw it; the other was told that everything was shown, without it.
  const seenByOne = recordsOf(club, followed(inOrder(forged.slices.map(({ head }) => head))));
  assert.deepEqual(await codes(lines(...seenByOne), forged), []);
  assert.deepEqual(await codes(lines(...seenByOne, ...records), forged), ['kept-head-late']);
});

test('two adjacent records leave no room for a head, while two kept pages do', async () => {
  // Shown before the last pages, with nothing after it: a head that begins between two pages is late all the same.
  const forged = withLateIncarnation();
  const madeUp = forged.slices.at(-1)?.head ?? '';
  const at = inOrder([...heads, madeUp]).indexOf(madeUp);
  const [before, after] = [heads.slice(0, at), heads.slice(at)];
  const shown = [before, after].map(some => ({ heads: some, atUs: CLOSES_AT_US }));
  assert.deepEqual(await codes(lines(...recordsOf(press, shown)), forged), ['kept-head-late']);
  const plain = lines(...[before, after].map(some => json({ heads: some })));
  assert.deepEqual(await codes(plain, forged), []);
});

test('detects and names a record that was changed, forked or moved', async () => {
  const at = (number: number): RecordObject => {
    const { signature: _, ...record } = JSON.parse(String(records[number - 1]));
    return record;
  };
  const changed = Buffer.from(
    String(records[2]).replace('https://gateway.example', 'https://gateway.exampel'),
  );
  const forked = recordLine(press, { ...at(3), at_us: 5 });
  const foreign = recordLine(club, { ...at(3), key: base64url(press.raw) });
  const [one, two, three, four, ...rest] = records;
  assert.ok(one && two && three && four);
  for (const [what, kept, message] of [
    ['changed', [one, two, changed, four, ...rest], /record 4 of monitor \S+ does not continue/],
    [
      'a changed last record',
      [one, two, changed],
      /signature of record 3 of monitor \S+ by that monitor is invalid/,
    ],
    [
      'signed with another key',
      [one, two, foreign],
      /signature of record 3 of monitor \S+ by that monitor is invalid/,
    ],
    [
      'forked',
      [one, two, three, forked, four, ...rest],
      /record 3 of monitor \S+ exists twice with different content/,
    ],
    [
      'a first record that continues another',
      [recordLine(press, { ...at(2), number: 1 })],
      /does not continue/,
    ],
  ] as const) {
    const report = await hold(lines(...kept));
    assert.deepEqual(codesOf(report), ['monitor-record'], what);
    assert.equal(report.exitCode, 3);
    assert.match(report.findings.map(({ message: text }) => text).join('\n'), message, what);
  }
  // In any order of lines; and with some missing, which is reported.
  assert.deepEqual(await codes(lines(...records.toReversed())), []);
  const missing = await hold(lines(one, two, ...rest));
  assert.deepEqual(missing.findings, []);
  assert.match(missing.notes.join('\n'), /Of monitor "press" 2 records are missing between the given ones/);
});

test('reports an unreadable record', async () => {
  const [first] = records;
  assert.ok(first);
  const change = (change: object): Buffer => json({ ...JSON.parse(String(first)), ...change });
  for (const [what, record, code] of [
    ['another version', change({ monitor: 2 }), 'malformed'],
    ['no place', change({ after: 'somewhere' }), 'malformed'],
    ['a non-canonical position', change({ after: '00.0.0.0' }), 'malformed'],
    ['an unknown member', change({ more: 1 }), 'malformed'],
    ['a head before the page', change({ after: headNumbersOf(heads[1] ?? '').join('.') }), 'malformed'],
    ['spaces', Buffer.from(String(first).replace('{', '{ ')), 'not-canonical'],
  ] as const) {
    assert.deepEqual(await codes(lines(record)), [code], what);
  }
});

test('naming other, fewer or more monitors changes the announced rules', async () => {
  const named = [press, club].map((signer, index) => ({
    key: base64url(signer.raw),
    name: ['press', 'club'][index],
  }));
  const other = { key: base64url(monitorSigner('other').raw), name: 'other' };
  for (const [what, monitors] of [
    ['none', undefined],
    ['one fewer', named.slice(1)],
    ['one more', [...named, other]],
    ['another', [other, ...named.slice(1)]],
    ['in another order', named.toReversed()],
  ] as const) {
    const found = await codesAfter(made, ({ header }) => {
      Reflect.set(header.rules, 'monitors', monitors);
    });
    assert.deepEqual(found, ['rules-hash'], what);
  }
  for (const [what, monitors] of [
    ['a duplicate name', [...named, { ...other, name: 'press' }]],
    ['a duplicate key', [...named, { ...other, key: named[0]?.key }]],
    ['an invalid key', [{ ...other, key: 'AAAA' }]],
    ['more than a name and a key', [{ ...other, url: 'x' }]],
  ] as const) {
    const found = await codesAfter(made, ({ header }) => {
      Reflect.set(header.rules, 'monitors', monitors);
    });
    assert.deepEqual(found, ['malformed'], what);
  }
});

test('a noted rules hash detects other monitors under a new hash', async () => {
  const parts = structuredClone(made.parts);
  Reflect.set(parts.header.rules, 'monitors', [{ key: base64url(club.raw), name: 'club' }]);
  const noted = parts.header.rules_hash;
  parts.header.rules_hash = base64url(sha256(canonical(parts.header.rules)));
  const book = (): AsyncIterable<Uint8Array> => inPieces(written(parts));
  const alone = await run({ book: book(), heads: lines(...records) });
  assert.deepEqual(alone.findings, []);
  assert.match(alone.notes.join('\n'), /The rules do not name the monitor with key/);
  assert.match(
    alone.notProven.join('\n'),
    /monitors, were announced before the opening\. .* \(--rules-hash\)/,
  );
  const against = await run({ book: book(), rulesHash: noted });
  assert.deepEqual(codesOf(against), ['rules-hash']);
  assert.match(against.findings[0]?.message ?? '', /the rules or their monitors have changed since/);
  const right = await run({ book: inPieces(written(made.parts)), rulesHash: noted });
  assert.deepEqual(right.findings, []);
  assert.match(right.notProven.join('\n'), /When the rules hash was noted/);
});

test('an unsigned head accuses nobody', async () => {
  const forged = Buffer.from(heads[MIDDLE] ?? '', 'base64url');
  forged.writeUInt8(forged.readUInt8(60) ^ 1, 60);
  const kept = lines(json({ heads: [forged.toString('base64url')] }));
  assert.deepEqual(await codes(kept), ['slice-signature']);
  assert.deepEqual(await codes(Buffer.concat([kept, lines(...records)])), ['slice-signature']);
});
