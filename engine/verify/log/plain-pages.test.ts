import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodePrimitives } from '../node.ts';
import { base64url } from '../testing/basics.ts';
import { type ActObject, actsOf, exported, hashOf } from '../testing/log-maker.ts';
import { isJsonObject } from '../text/json.ts';
import { COMMA } from '../text/plain-text.ts';
import { NO_ROW, RowHasher, readLogRow } from './log-row.ts';
import { PlainPages } from './plain-pages.ts';
import { MOST_PAYLOAD_BYTES } from './row-lanes.ts';

const DEPTH = 16;
const pages = new PlainPages({ primitives: nodePrimitives, depth: DEPTH, target: 'campaign 3' });
const hasher = new RowHasher(nodePrimitives);
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface Seen {
  readonly seqs: readonly number[];
  readonly hashes: readonly string[];
  readonly isRight: readonly boolean[];
}

/** What the page says, read directly; undefined if it is not written plainly, or does not go on as JSON. */
function plainly(page: Uint8Array): Seen | undefined {
  const read = pages.read(page, NO_ROW);
  if (read === undefined || page[read.end] !== COMMA) return undefined;
  try {
    JSON.parse(`{${decoder.decode(page.subarray(read.end + 1))}`);
  } catch {
    return undefined;
  }
  const indexes = Array.from({ length: read.count }, (_, index) => index);
  return {
    seqs: indexes.map(index => read.seqs[index] ?? 0),
    hashes: indexes.map(index => base64url(pages.hash(index))),
    isRight: indexes.map(index => read.isRight[index] === 1),
  };
}

/** The same by way of JSON. Throws Unreadable. */
function asJson(page: Uint8Array): Seen {
  const value: unknown = JSON.parse(decoder.decode(page));
  assert.ok(isJsonObject(value) && Array.isArray(value.acts));
  let previous = NO_ROW;
  const rows = value.acts.map((act, index) => {
    const row = readLogRow(act, `act ${index}`);
    const isRight = Buffer.compare(hasher.hash(previous, row), row.hash) === 0;
    previous = row.hash;
    return { seq: row.seq, hash: base64url(row.hash), isRight };
  });
  return {
    seqs: rows.map(({ seq }) => seq),
    hashes: rows.map(({ hash }) => hash),
    isRight: rows.map(({ isRight }) => isRight),
  };
}

/** As one page, without its end of line. */
function pageOf(acts: readonly ActObject[]): Uint8Array {
  const page = exported(acts, [], Math.max(1, acts.length));
  return page.subarray(0, page.length - 1);
}

/** Without the control characters that need \u. */
const text = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.constantFrom('"\\\n', '앤'))
  .map(any => [...any].filter(character => character >= ' ' || character === '\n').join(''));
const name = fc.oneof(
  { weight: 9, arbitrary: fc.string({ unit: fc.constantFrom('a', 'b', '_', '!', 'é', '앤', '\u{1f3ab}') }) },
  { weight: 1, arbitrary: text },
);
const details = fc.dictionary(
  name,
  fc.letrec(tie => ({
    value: fc.oneof(
      { maxDepth: 4 },
      ...[fc.maxSafeInteger(), fc.boolean(), fc.constant(null), text],
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(name, tie('value'), { maxKeys: 4 }),
    ),
  })).value,
  { maxKeys: 5 },
);
const act = fc.record({
  at: fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
  ...{ operator: text, token: fc.option(fc.integer({ min: 1, max: 2 ** 31 - 1 })), role: text },
  ...{ action: text, target: text, reason: fc.option(text), details },
});

function chained(rows: readonly (Omit<ActObject, 'at' | 'seq' | 'hash'> & { at: Date })[]): ActObject[] {
  const acts: ActObject[] = [];
  for (const [index, { at, ...row }] of rows.entries()) {
    const made = { ...row, seq: index + 1, at: at.toISOString() };
    acts.push({ ...made, hash: base64url(hashOf(made, acts.at(-1)?.hash)) });
  }
  return acts;
}

test('any acts have the hashes that they have as JSON', () => {
  let read = 0;
  fc.assert(
    fc.property(fc.array(act, { maxLength: 9 }), rows => {
      const page = pageOf(chained(rows));
      const seen = plainly(page);
      if (seen === undefined) return;
      read += rows.length;
      assert.deepEqual(seen, asJson(page));
      assert.ok(seen.isRight.every(isRight => isRight));
    }),
    { numRuns: 400, seed: 20260731 },
  );
  // The others have keys with escapes, or keys that bytes do not put in order.
  assert.ok(read > 700, `${read} acts were read plainly`);
});

test('a page with any byte changed, removed or doubled is refused, or means the same as JSON', () => {
  const acts = actsOf(5);
  const page = pageOf(acts);
  const values = [0x00, 0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x5c, 0x65, 0x7d, 0x80, 0xc0, 0xed, 0xff];
  let read = 0;
  for (let at = 0; at < page.length; at++) {
    const before = page.subarray(0, at);
    const changed = [
      ...values.map(value => [...before, value, ...page.subarray(at + 1)]),
      [...before, ...page.subarray(at + 1)],
      [...page.subarray(0, at + 1), ...page.subarray(at)],
    ];
    for (const bytes of changed) {
      const other = Uint8Array.from(bytes);
      const seen = plainly(other);
      if (seen === undefined) continue;
      read += 1;
      assert.deepEqual(seen, asJson(other), Buffer.from(other).toString());
    }
  }
  assert.ok(read > 1_000, `${read} pages were read plainly`);
});

test('what is spelt in another way is refused', () => {
  const [one] = actsOf(1);
  assert.ok(one);
  const line = Buffer.from(pageOf([one])).toString();
  assert.ok(plainly(Buffer.from(line)));
  const spellings: readonly (readonly [from: string, to: string])[] = [
    ['"seq":1,', '"seq":1.0,'],
    ['"seq":1,', '"seq":01,'],
    ['"token":1,', '"token":1e0,'],
    ['"capacity":null,', '"capacity": null,'],
    ['"capacity":null,', '"capacity":-0,'],
    ['"capacity":null,', '"capacity":1.5,'],
    ['"capacity":null,', '"capacity":90071992547409920,'],
    ['"capacity":null,', '"capacity":"\\u0041",'],
    ['"capacity":null,', '"capacity":"\\/",'],
    ['"capacity":null,', '"capacity":null,"capacity":null,'],
    ['"capacity":null,', '"z":null,'],
    ['"capacity":null,', '"\\ncapacity":null,'],
    ['"capacity":null,', `"capacity":${'['.repeat(DEPTH)}${']'.repeat(DEPTH)},`],
    ['"operator":"Ann', '"operator":"\\u0041nn'],
    ['"operator":"Ann', `"operator":"${'A'.repeat(MOST_PAYLOAD_BYTES)}`],
    ['T14:00:01.000Z', 'T24:00:01.000Z'],
    ['2023-08-23', '2023-02-29'],
    ['2023-08-23', '2023-13-01'],
    ['2023-08-23', '2023-00-23'],
    ['2023-08-23', '1969-12-31'],
    ['"acts":[', '"acts":[,'],
    ['"acts":[', '"next":1,"acts":['],
  ];
  for (const [from, to] of spellings) {
    assert.ok(line.includes(from), from);
    assert.equal(plainly(Buffer.from(line.replace(from, to))), undefined, to);
  }
  assert.equal(
    plainly(Buffer.concat([Buffer.from(line.slice(0, 60)), Buffer.of(0xed, 0xa0, 0x80)])),
    undefined,
  );
});

test('payloads of all lengths are hashed beside longer and shorter ones', () => {
  const rows = Array.from({ length: 300 }, (_, index) => ({
    ...{ at: new Date(1e12 + index), operator: 'Ann', token: null, role: 'owner', action: 'act' },
    ...{ target: 'x'.repeat((index * 37) % 263), reason: null, details: {} },
  }));
  const longest = MOST_PAYLOAD_BYTES - (7 * 4 + 'Annowneract{}'.length);
  const acts = chained([...rows, ...rows.slice(0, 1).map(row => ({ ...row, target: 'x'.repeat(longest) }))]);
  const seen = plainly(pageOf(acts));
  assert.deepEqual(seen, asJson(pageOf(acts)));
  assert.ok(seen?.isRight.every(isRight => isRight));
});

test('marks the acts on a target, and says where each is', () => {
  const page = pageOf(actsOf(5));
  const read = pages.read(page, NO_ROW);
  assert.ok(read);
  assert.deepEqual([...read.isMarked.subarray(0, 5)], [0, 0, 1, 0, 0]);
  const third = Buffer.from(page.subarray(read.begins[2], read.ends[2])).toString();
  assert.equal(JSON.parse(third).target, 'campaign 3');
});
