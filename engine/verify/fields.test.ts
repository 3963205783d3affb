/**
 * Every field of the format, changed by somebody who has all keys and signs the book again: each change leads to a finding,
 * by itself or in comparison with kept keys and heads. A new field that this test does not list makes it fail. What no check
 * can find is in a list of its own, each with the reason.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FindingCode } from './findings.ts';
import { base64url, signerOf } from './testing/basics.ts';
import { type ForgedSlice, Forger } from './testing/forger.ts';
import type { MadeBook, Parts } from './testing/made.ts';
import { makeBook, written } from './testing/maker.ts';
import { bookSigner, CLOSES_AT_US, keyObject, OPENS_AT_US, sliceSigner } from './testing/maker-world.ts';
import { codesOf, inPieces, json, run } from './testing/run.ts';

const first = makeBook({ kind: 'coupon', entries: 20, stock: 5, hasLog: true });
const claimed = makeBook({
  kind: 'coupon',
  entries: 20,
  stock: 6,
  waitlist: 6,
  early: 'The shop moves',
  monitors: ['press', 'club'],
});
const raised = makeBook({ kind: 'coupon', entries: 20, stock: 9, raisedFrom: [5, 7] });
const late = makeBook({ kind: 'raffle', entries: 12, randomness: 'late' });
const books: readonly MadeBook[] = [
  first,
  claimed,
  makeBook({ kind: 'raffle', entries: 20, groupLimit: 2 }),
  makeBook({ kind: 'raffle', entries: 12, randomness: 'drand' }),
  late,
  raised,
];
/** A key that was revoked before the campaign. */
const revokedKey = {
  ...keyObject(signerOf('an earlier key'), 'slices'),
  from: '2022-01-01T00:00:00Z',
  until: '2023-01-01T00:00:00Z',
  revoked: '2023-02-01T00:00:00Z',
};
for (const { parts } of books) parts.header.keys.unshift({ ...revokedKey });
const keys = json({
  keys: [revokedKey, keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')],
});

/** The finding for a changed field, and the value to use if a greater number or another letter would make no difference. */
interface Found {
  readonly code: FindingCode;
  readonly to?: (value: unknown) => unknown;
}
/** A field of which no change is found; `unfound` has the reason. */
const NEVER = 'never';

/** Between two rounds of drand. */
const ROUND_US = 3_000_000;
const later = (): string => '2023-12-01T00:00:00Z';
const noRules: Found = { code: 'rules-hash' };

const fields: Readonly<Record<string, Found | typeof NEVER>> = {
  'header.book': { code: 'malformed' },
  'header.campaign': { code: 'malformed' },
  'header.closed_at_us': { code: 'outside-window' },
  'header.until_us': { code: 'outside-window', to: () => CLOSES_AT_US - 1 },
  'header.epochs[].began_us': { code: 'epoch-missing', to: () => OPENS_AT_US + 1 },
  'header.epochs[].epoch': { code: 'incarnation-unknown' },
  'header.epochs[].last': { code: 'incarnation-missing' },
  'header.epochs[].quiet[][]': { code: 'malformed' },
  'header.epochs[].ends[][]': { code: 'chain-end' },
  'header.keys[].id': { code: 'malformed' },
  'header.keys[].public': { code: 'malformed' },
  'header.keys[].from': { code: 'key-conflict', to: later },
  'header.keys[].until': NEVER,
  'header.keys[].revoked': { code: 'key-conflict', to: later },
  'header.keys[].use': { code: 'malformed' },
  'header.operator_log.at': { code: 'log-signature', to: () => '2023-08-23T15:00:00.000Z' },
  'header.operator_log.hash': { code: 'log-signature' },
  'header.operator_log.key': { code: 'unknown-key' },
  'header.operator_log.seq': { code: 'log-signature' },
  'header.operator_log.signature': { code: 'log-signature' },
  'header.raises[].at_us': { code: 'stock-raised', to: () => OPENS_AT_US - 1 },
  'header.raises[].closes_at_us': { code: 'stock-raised' },
  'header.raises[].rules_hash': { code: 'stock-raised' },
  'header.raises[].rules_hash_before': { code: 'stock-raised' },
  'header.raises[].stock': { code: 'stock-raised' },
  'header.raises[].stock_before': { code: 'stock-raised' },
  'header.raises[].version': { code: 'stock-raised' },
  'header.rules_hash': noRules,
  'header.rules.campaign': { code: 'malformed' },
  'header.rules.claim_within_s': noRules,
  'header.rules.closes_at_us': noRules,
  'header.rules.draw.alternates': noRules,
  'header.rules.draw.function': { code: 'malformed' },
  'header.rules.draw.group_limit': { ...noRules, to: value => (value === null ? 1 : 3) },
  'header.rules.draw.randomness.chain_hash': noRules,
  'header.rules.draw.randomness.commitment': noRules,
  'header.rules.draw.randomness.round': noRules,
  'header.rules.draw.randomness.source': { code: 'malformed' },
  'header.rules.draw.tiers[].name': noRules,
  'header.rules.draw.tiers[].winners': noRules,
  'header.rules.kind': { code: 'malformed' },
  'header.rules.monitors[].key': noRules,
  'header.rules.monitors[].name': noRules,
  'header.rules.opens_at_us': noRules,
  'header.rules.stock': noRules,
  'header.rules.title': noRules,
  'header.rules.waitlist': noRules,
  'slices[].head': { code: 'kept-head-differs', to: headOfAnother },
  'slices[].others[][]': { code: 'malformed', to: value => (typeof value === 'number' ? 1_000 : 'AAAA') },
  'entries[].alternate': { code: 'outcome' },
  'entries[].group': { code: 'pool-root' },
  'entries[].leaf': { code: 'slice-items' },
  'entries[].outcome': { code: 'outcome', to: value => (value === 'sold_out' ? 'granted' : 'sold_out') },
  'entries[].reason': { code: 'pool-root' },
  'entries[].serial': { code: 'serial' },
  'entries[].slice': { code: 'slice-items' },
  'entries[].source': { code: 'slice-root', to: value => 1 - Number(value) },
  'entries[].stamp': { code: 'slice-root', to: value => Number(value) + 1024 },
  'entries[].tickets': { code: 'pool-root' },
  'entries[].tier': { code: 'draw-order' },
  'entries[].who': { code: 'slice-root' },
  'moves[].at_us': { code: 'claims', to: () => CLOSES_AT_US + 3_600_000_000 },
  'moves[].deadline_us': { code: 'claims', to: () => CLOSES_AT_US },
  'moves[].early': NEVER,
  'moves[].move': { code: 'claims', to: () => 'lapsed' },
  'moves[].offered_us': { code: 'claims' },
  'moves[].serial': { code: 'claims' },
  'moves[].stamp': { code: 'claims' },
  'end.count': { code: 'pool-count' },
  'end.draw.randomness': { code: 'randomness' },
  'end.draw.seed': { code: 'seed' },
  'end.draw.source.frozen_at_us': { code: 'drand-round', to: value => Number(value) + ROUND_US },
  'end.draw.source.round': { code: 'drand-round' },
  'end.draw.source.secret': { code: 'randomness' },
  'end.draw.source.signature': { code: 'drand-signature' },
  'end.entries': { code: 'wrong-counts' },
  'end.lines': { code: 'wrong-counts' },
  'end.moves': { code: 'wrong-counts' },
  'end.pool_root': { code: 'pool-root' },
  'end.slices': { code: 'wrong-counts' },
};

/** A second head in the same place, with another content. */
function headOfAnother(): string {
  const forger = new Forger(first.parts);
  const slice = forger.slices.find(({ data }) => data !== undefined);
  if (slice === undefined) throw new Error('there is no slice');
  slice.data = slice.data?.slice(1);
  forger.resign();
  return forger.parts.slices[forger.slices.indexOf(slice)]?.head ?? '';
}

/** The place of a value, and how to replace it. */
interface FieldValue {
  readonly path: string;
  readonly value: unknown;
  readonly put: (parts: Parts, value: unknown) => void;
}

function fieldsIn(value: unknown, path: string, steps: readonly (string | number)[]): FieldValue[] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, member]) =>
      Array.isArray(value)
        ? fieldsIn(member, `${path}[]`, [...steps, Number(key)])
        : fieldsIn(member, path === '' ? key : `${path}.${key}`, [...steps, key]),
    );
  }
  const put = (parts: Parts, to: unknown): void => {
    const last = steps.at(-1) ?? '';
    Reflect.set(
      steps.slice(0, -1).reduce((object: object, step) => Object(Reflect.get(object, step)), parts),
      last,
      to,
    );
  };
  return [{ path, value, put }];
}

/** A greater number, another first letter. */
function other(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  const text = String(value);
  return `${text.startsWith('b') ? 'c' : 'b'}${text.slice(1)}`;
}

/** The first occurrence of each field stands for all. */
function fieldsOf(parts: Parts): Map<string, FieldValue> {
  const firsts = new Map<string, FieldValue>();
  // Of the first move, in which a waiting user leaves, nothing can be found: see `unfound`.
  const [, ...moves] = parts.moves;
  for (const field of fieldsIn({ ...parts, moves: [undefined, ...moves] }, '', [])) {
    if (field.value === undefined) continue;
    if (field.path === 'slices[].head' && String(field.value) !== parts.slices[1]?.head) continue;
    if (!firsts.has(field.path)) firsts.set(field.path, field);
  }
  return firsts;
}

async function foundIn(made: MadeBook, parts: Parts): Promise<string[]> {
  const heads = Buffer.concat(
    made.parts.slices.map(({ head }) => Buffer.from(`${json({ heads: [head] }).toString()}\n`)),
  );
  return codesOf(await run({ book: inPieces(written(parts)), keys, heads }));
}

test('checks every field of the lines', { timeout: 300_000 }, async () => {
  const seen = new Set<string>();
  const wrong: string[] = [];
  for (const made of books) {
    assert.deepEqual(await foundIn(made, made.parts), []);
    for (const [path, { value, put }] of fieldsOf(made.parts)) {
      const rule = fields[path];
      assert.ok(rule, `the field ${path} has no rule`);
      if (seen.has(path)) continue;
      seen.add(path);
      if (rule === NEVER) continue;
      const parts = structuredClone(made.parts);
      put(parts, (rule.to ?? other)(value));
      const codes = await foundIn(made, parts);
      if (!codes.includes(rule.code)) wrong.push(`${path}: ${rule.code} is not among ${codes}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(
    Object.keys(fields).filter(path => !seen.has(path)),
    [],
    'no book has these fields',
  );
});

/** What no check can find, and why. The report says so where somebody could be wronged by it. */
const unfound: readonly (readonly [why: string, made: MadeBook, change: (parts: Parts) => void])[] = [
  [
    'an end of a key: the book or the given list may be the older one, and the given one decides',
    first,
    ({ header }) => Object.assign(header.keys[0] ?? {}, { until: later() }),
  ],
  ['no end of a key: the same', first, ({ header }) => Object.assign(header.keys[0] ?? {}, { until: null })],
  [
    'a revocation left out: the same',
    first,
    ({ header }) => Object.assign(header.keys[0] ?? {}, { revoked: null }),
  ],
  [
    'a revocation put in: the same',
    first,
    ({ header }) => Object.assign(header.keys[1] ?? {}, { revoked: later() }),
  ],
  [
    'an earlier begin of an epoch: nothing that is signed names it, and an incarnation that it would let in was not kept',
    first,
    ({ header }) => Object.assign(header.epochs[0] ?? {}, { began_us: OPENS_AT_US - 3_600_000_000 }),
  ],
  [
    'an earlier close, with no entry after it: the operator states it',
    first,
    ({ header }) => Object.assign(header, { closed_at_us: CLOSES_AT_US - 1 }),
  ],
  [
    'a later end of what is shown: it only requires the book to show more',
    first,
    ({ header }) => Object.assign(header, { until_us: CLOSES_AT_US + 1 }),
  ],
  [
    'no head of the operator log: the book is older than the first one',
    first,
    ({ header }) => {
      delete header.operator_log;
    },
  ],
  [
    'when the stock was raised, after the opening: the operator states it, and the operator log shows it',
    raised,
    ({ header }) => Object.assign(header.raises?.[1] ?? {}, { at_us: CLOSES_AT_US + 9 }),
  ],
  [
    'which version raised it, in the same order: the same',
    raised,
    ({ header }) => Object.assign(header.raises?.[1] ?? {}, { version: 17 }),
  ],
  [
    'when somebody who waited left: no book shows what is signed after the close',
    claimed,
    ({ moves }) => Object.assign(moves[0] ?? {}, { at_us: CLOSES_AT_US + 7 }),
  ],
  [
    'when a claim came, before its deadline: a receipt of the claim shows it',
    claimed,
    ({ moves }) => Object.assign(moves[1] ?? {}, { at_us: CLOSES_AT_US + 9 }),
  ],
  [
    'a later deadline: outages extend it',
    claimed,
    ({ moves }) => Object.assign(moves[1] ?? {}, { deadline_us: CLOSES_AT_US + 3_600_000_000 }),
  ],
  [
    'another reason for an early end: nobody but the operator knows it, and the report shows it',
    claimed,
    ({ moves }) => Object.assign(moves.find(({ early }) => early !== undefined) ?? {}, { early: 'Because' }),
  ],
  [
    'a freeze at another instant for which the same round follows',
    late,
    ({ end }) => {
      const source = Object(Reflect.get(Object(end.draw), 'source'));
      Reflect.set(source, 'frozen_at_us', Number(Reflect.get(source, 'frozen_at_us')) - 1);
    },
  ],
];

test('what cannot be found', async () => {
  for (const [why, made, change] of unfound) {
    const parts = structuredClone(made.parts);
    change(parts);
    assert.notDeepEqual(parts, made.parts, why);
    assert.deepEqual(await foundIn(made, parts), [], why);
  }
});

test('the reason of an early end is shown as it is', async () => {
  const report = await run({ book: inPieces(written(claimed.parts)), keys });
  const shown = 'The operator brought the deadline of 1 offer forward. Stated reason: "The shop moves".';
  assert.ok(report.notes.includes(shown), report.notes.join());
});

/** The fields of a head, with the following heads of its chain signed again; and the finding without kept heads. */
const ofHeads: readonly (readonly [
  field: string,
  change: (slice: ForgedSlice) => object,
  code: FindingCode | undefined,
])[] = [
  ['gateway', ({ gateway }) => ({ gateway: gateway + 1 }), 'wrong-gateway'],
  ['incarnation', ({ incarnation }) => ({ incarnation: incarnation + 100 }), 'incarnation-unknown'],
  ['slice number', ({ sliceNumber }) => ({ sliceNumber: sliceNumber + 1_000 }), 'slice-order'],
  ['first instant', ({ firstUs }) => ({ firstUs: firstUs + 1 }), 'slice-instant'],
  ['last instant', ({ lastUs }) => ({ lastUs: lastUs - 1 }), 'slice-instant'],
  ['count', ({ count }) => ({ told: { count: count + 1 } }), 'slice-items'],
  ['root', ({ root }) => ({ told: { root: Buffer.from(root).fill(1, 0, 1) } }), 'slice-root'],
  ['key id', () => ({ signer: signerOf('somebody') }), 'unknown-key'],
  ['key id of another use', () => ({ signer: bookSigner }), 'key-not-valid'],
  ['key id of a revoked key', () => ({ signer: signerOf('an earlier key') }), 'key-revoked'],
];
/** The same, of heads outside the time of the book, whose items it does not show: only kept heads are against them. */
const ofBareHeads: typeof ofHeads = [
  ['count', ({ count }) => ({ count: count + 1 }), undefined],
  ['root', () => ({ root: Buffer.alloc(32, 1) }), undefined],
  // Signed again, it is what the next one continues.
  ['previous', () => ({ previous: Buffer.alloc(32, 1) }), undefined],
];

test('checks every field of a head, with its chain re-signed', async () => {
  for (const [field, change, code] of [...ofHeads, ...ofBareHeads]) {
    const forger = new Forger(first.parts);
    const isShown = code !== undefined;
    const slice = forger.slices.find(({ data }) => (data !== undefined) === isShown);
    assert.ok(slice);
    Object.assign(slice, change(slice));
    forger.resign();
    const alone = codesOf(await run({ book: inPieces(written(forger.parts)), keys }));
    if (code === undefined) assert.deepEqual(alone, [], field);
    else assert.ok(alone.includes(code), `${field}: ${code} is not among ${alone}`);
    const kept = await foundIn(first, forger.parts);
    assert.ok(
      kept.some(one => one.startsWith('kept-head-')),
      `${field}: no kept-head finding among ${kept}`,
    );
  }
});

/** The fields of a leaf of this campaign that has no line; its root is signed again. */
test('checks every field of a leaf that is not an entry', async () => {
  const at = { kind: 0, source: 1, campaign: 5, stamp: 13, who: 20 } as const;
  for (const [field, offset] of Object.entries(at)) {
    const forger = new Forger(first.parts);
    const withdrawal = forger.slices.flatMap(({ data = [] }) => data).find(data => data[0] === 2);
    assert.ok(withdrawal);
    withdrawal[offset] = (withdrawal[offset] ?? 0) ^ 1;
    const unsigned = structuredClone(first.parts);
    const [other] = unsigned.slices
      .flatMap(({ others = [] }) => others)
      .filter(([, data]) => data.startsWith('Ag'));
    assert.ok(other);
    other[1] = base64url(withdrawal);
    assert.ok((await foundIn(first, unsigned)).includes('slice-root'), field);
    forger.resign();
    const kept = await foundIn(first, forger.parts);
    assert.ok(kept.includes('kept-head-differs'), `${field}: ${kept}`);
    const alone = codesOf(await run({ book: inPieces(written(forger.parts)), keys }));
    // The instant and the source of a withdrawal decide nothing.
    if (field !== 'source' && field !== 'stamp')
      assert.ok(alone.includes('withdrawal-missing'), `${field}: ${alone}`);
  }
});
