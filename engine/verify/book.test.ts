import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { base64url, sha256, signedHeadOf, signerOf } from './testing/basics.ts';
import {
  bookSigner,
  CAMPAIGN,
  CLOSES_AT_US,
  type EntryObject,
  keyObject,
  makeBook,
  OPENS_AT_US,
  type Parts,
  type Plan,
  sliceSigner,
  written,
} from './testing/maker.ts';
import { quicknetRound } from './testing/quicknet-round.ts';
import { codesAfter, codesOf, inPieces, json, run, runBook } from './testing/run.ts';

const plans: Readonly<Record<string, Plan>> = {
  'a coupon': { kind: 'coupon', entries: 40, stock: 9 },
  'a coupon with more stock than entries': { kind: 'coupon', entries: 4, stock: 9 },
  'a raffle by commitment': { kind: 'raffle', entries: 40 },
  'a raffle by drand': { kind: 'raffle', entries: 40, randomness: 'drand' },
  'a raffle with a limit for groups': {
    kind: 'raffle',
    entries: 60,
    groupLimit: 1,
    tiers: [2, 5],
    alternates: 4,
  },
  'a raffle that all win': { kind: 'raffle', entries: 12, tiers: [100], alternates: 3 },
  'one entry': { kind: 'raffle', entries: 1 },
  'no entry': { kind: 'coupon', entries: 0 },
  'large slices': { kind: 'coupon', entries: 2500, gateways: 1, sliceItems: 2300, isMixed: false },
};

for (const [name, plan] of Object.entries(plans)) {
  test(`a book is found right, plain and as gzip: ${name}`, async () => {
    const { parts, proof } = makeBook(plan);
    const book = written(parts);
    for (const bytes of [book, gzipSync(book)]) {
      const report = await run({
        book: inPieces(bytes),
        ...(proof === undefined ? {} : { proof: json(proof) }),
      });
      assert.deepEqual(report.findings, []);
      assert.equal(report.ok, true);
      assert.equal(report.exitCode, 0);
      assert.equal(report.facts.entries, plan.entries);
      assert.ok(report.checked.length >= 4 && report.notProven.length >= 4);
    }
  });
}

const coupon = makeBook({ kind: 'coupon', entries: 30, stock: 7 });
const raffle = makeBook({ kind: 'raffle', entries: 30, tiers: [1, 3], alternates: 2 });
const drand = makeBook({ kind: 'raffle', entries: 12, randomness: 'drand' });

function entryWith(parts: Parts, outcome: string): EntryObject {
  const found = parts.entries.find(entry => entry.outcome === outcome);
  assert.ok(found, outcome);
  return found;
}

function swap(list: { [index: number]: unknown }, a: number, b: number): void {
  [list[a], list[b]] = [list[b], list[a]];
}

/** Even when the shop signs them anew: what is in the slices' roots and the rules cannot be changed. */
test('books that were changed and signed again are found and named', async () => {
  const named: readonly [string, typeof coupon, (parts: Parts) => void, readonly string[]][] = [
    [
      'somebody is left out',
      coupon,
      parts => {
        const [gone] = parts.entries.splice(20, 1);
        assert.equal(gone?.outcome, 'sold_out');
        parts.end.entries -= 1;
        parts.end.lines -= 1;
        parts.end.count -= 1;
      },
      ['pool-root', 'slice-items'],
    ],
    [
      'somebody is put in',
      coupon,
      parts => {
        const last = parts.entries.at(-1);
        assert.ok(last);
        parts.entries.push({ ...last, stamp: last.stamp + 1024, who: base64url(sha256('friend')) });
        parts.end.entries += 1;
        parts.end.lines += 1;
        parts.end.count += 1;
      },
      ['pool-root', 'slice-instant', 'slice-items'],
    ],
    [
      'another user for one',
      coupon,
      parts => {
        entryWith(parts, 'granted').who = base64url(sha256('friend'));
      },
      ['pool-root', 'slice-root'],
    ],
    [
      'two users exchanged',
      coupon,
      parts => {
        const [a, b] = parts.entries;
        assert.ok(a && b);
        [a.who, b.who] = [b.who, a.who];
      },
      ['pool-root', 'slice-root'],
    ],
    ['two lines exchanged', coupon, parts => swap(parts.entries, 10, 11), ['pool-root', 'stamp-order']],
    [
      'two granted lines exchanged',
      coupon,
      parts => swap(parts.entries, 0, 1),
      ['pool-root', 'serial', 'stamp-order'],
    ],
    [
      'an earlier stamp',
      coupon,
      parts => {
        const late = parts.entries[20];
        assert.ok(late);
        late.stamp -= 1024;
      },
      ['pool-root', 'slice-root'],
    ],
    [
      'another source',
      coupon,
      parts => {
        const one = parts.entries[3];
        assert.ok(one);
        one.source = 1 - one.source;
      },
      ['pool-root', 'slice-root'],
    ],
    [
      'a place in another slice',
      coupon,
      parts => {
        const one = parts.entries[3];
        assert.ok(one);
        one.slice = parts.slices.length - 1;
      },
      ['slice-instant', 'slice-items'],
    ],
    [
      'a slice that is not there',
      coupon,
      parts => {
        const one = parts.entries[3];
        assert.ok(one);
        one.slice = 999;
      },
      ['slice-items'],
    ],
    [
      'a leaf that is not there',
      coupon,
      parts => {
        const one = parts.entries[3];
        assert.ok(one);
        one.leaf = 999;
      },
      ['slice-items'],
    ],
    [
      'a coupon more',
      coupon,
      parts => {
        const one = entryWith(parts, 'sold_out');
        one.outcome = 'granted';
        one.serial = 8;
      },
      ['outcome'],
    ],
    [
      'a gap in the serials',
      coupon,
      parts => {
        entryWith(parts, 'granted').serial = 99;
      },
      ['serial'],
    ],
    [
      'withdrawn and not said',
      coupon,
      parts => {
        entryWith(parts, 'withdrawn').outcome = 'sold_out';
      },
      ['outcome', 'pool-count', 'pool-root', 'serial'],
    ],
    [
      'a serial for nothing',
      coupon,
      parts => {
        entryWith(parts, 'sold_out').serial = 3;
      },
      ['outcome'],
    ],
    [
      'a raffle outcome in a coupon',
      coupon,
      parts => {
        const one = entryWith(parts, 'sold_out');
        one.outcome = 'not_drawn';
        one.tickets = 2;
      },
      ['outcome'],
    ],
    [
      'a coupon outcome in a raffle',
      raffle,
      parts => {
        entryWith(parts, 'not_drawn').outcome = 'sold_out';
      },
      ['draw-order', 'outcome'],
    ],
    [
      'a winner exchanged',
      raffle,
      parts => {
        const [won, lost] = [entryWith(parts, 'won'), entryWith(parts, 'not_drawn')];
        Object.assign(lost, { outcome: 'won', serial: won.serial, tier: won.tier });
        won.outcome = 'not_drawn';
        delete won.serial;
        delete won.tier;
      },
      ['draw-order'],
    ],
    [
      'a better prize',
      raffle,
      parts => {
        const winners = parts.entries.filter(({ outcome }) => outcome === 'won');
        const [a, b] = [winners.find(({ tier }) => tier === 0), winners.find(({ tier }) => tier === 1)];
        assert.ok(a && b);
        [a.tier, b.tier] = [1, 0];
      },
      ['draw-order'],
    ],
    [
      'more tickets',
      raffle,
      parts => {
        // So many that one of them wins.
        entryWith(parts, 'not_drawn').tickets = 1000;
      },
      ['draw-order', 'pool-root', 'seed'],
    ],
    [
      'an exclusion too few',
      raffle,
      parts => {
        const one = entryWith(parts, 'excluded');
        one.outcome = 'not_drawn';
      },
      ['outcome'],
    ],
    [
      'another seed',
      raffle,
      parts => {
        Object.assign(parts.end.draw ?? {}, { seed: base64url(sha256('steered')) });
      },
      ['draw-order', 'seed'],
    ],
    [
      'another secret',
      raffle,
      parts => {
        const secret = base64url(sha256('steered'));
        Object.assign(parts.end.draw ?? {}, { source: { secret }, randomness: secret });
      },
      ['randomness', 'seed'],
    ],
    [
      'other randomness',
      raffle,
      parts => {
        Object.assign(parts.end.draw ?? {}, { randomness: base64url(sha256('steered')) });
      },
      ['randomness', 'seed'],
    ],
    [
      'another signature of drand',
      drand,
      parts => {
        const { round, signature } = quicknetRound;
        Object.assign(parts.end.draw ?? {}, { source: { round, signature: signature.replace('b4', 'b5') } });
      },
      ['drand-signature', 'randomness'],
    ],
    [
      'another round',
      drand,
      parts => {
        const { signature } = quicknetRound;
        Object.assign(parts.end.draw ?? {}, { source: { round: 1001, signature } });
      },
      ['drand-round', 'drand-signature'],
    ],
    [
      'other rules',
      coupon,
      parts => {
        Object.assign(parts.header.rules, { title: 'Another' });
      },
      ['rules-hash'],
    ],
    [
      'a larger stock',
      coupon,
      parts => {
        Object.assign(parts.header.rules, { stock: 8 });
      },
      ['outcome', 'rules-hash'],
    ],
    [
      'closed before the last',
      coupon,
      parts => {
        parts.header.closed_at_us = OPENS_AT_US + 1;
      },
      ['outside-window'],
    ],
    [
      'closed later than announced',
      coupon,
      parts => {
        parts.header.closed_at_us = CLOSES_AT_US + 1;
      },
      ['outside-window'],
    ],
    [
      'wrong numbers in the end',
      coupon,
      parts => {
        parts.end.entries += 1;
        parts.end.count += 1;
      },
      ['pool-count', 'wrong-counts'],
    ],
    [
      'a slice left out',
      coupon,
      parts => {
        // One that is only there for the chain.
        const bare = parts.slices.findIndex(({ others }) => others === undefined);
        parts.slices.splice(bare, 1);
        for (const entry of parts.entries) if (entry.slice > bare) entry.slice -= 1;
        parts.end.slices -= 1;
        parts.end.lines -= 1;
      },
      ['slice-chain'],
    ],
    [
      'a slice twice',
      coupon,
      parts => {
        const last = parts.slices.at(-1);
        assert.ok(last);
        parts.slices.push({ head: last.head });
        parts.end.slices += 1;
        parts.end.lines += 1;
      },
      ['slice-forked'],
    ],
    [
      'slices in another order',
      coupon,
      parts => swap(parts.slices, 0, 1),
      ['slice-chain', 'slice-items', 'slice-order'],
    ],
    [
      'another leaf among the others',
      coupon,
      parts => {
        const other = parts.slices.find(({ others }) => (others?.length ?? 0) > 0)?.others?.[0];
        assert.ok(other);
        other[1] = base64url(sha256('another'));
      },
      ['slice-root'],
    ],
    [
      'leaves left out',
      coupon,
      parts => {
        const slice = parts.slices.find(({ others }) => (others?.length ?? 0) > 0);
        assert.ok(slice);
        slice.others = [];
      },
      ['slice-items'],
    ],
  ];
  for (const [name, made, change, codes] of named) {
    // Some of these throw off what comes behind them too; what they are is among what is found.
    const found = await codesAfter(made, change);
    for (const code of codes) assert.ok(found.includes(code), `${name}: ${code} is not among ${found}`);
  }
});

test('a fork of a gateway is named', async () => {
  const codes = await codesAfter(coupon, parts => {
    // A head that continues what the second one continues, in place of the third.
    const second = Buffer.from(parts.slices[1]?.head ?? '', 'base64url');
    const fields = {
      gateway: second.readUInt16BE(16),
      incarnation: Number(second.readBigUInt64BE(24)),
      sliceNumber: Number(second.readBigUInt64BE(32)) + 1,
      firstUs: OPENS_AT_US,
      lastUs: CLOSES_AT_US,
      count: 1,
      root: sha256('another truth'),
      previous: second.subarray(88, 120),
    };
    parts.slices.splice(2, 0, { head: base64url(signedHeadOf(fields, sliceSigner)) });
  });
  assert.ok(codes.includes('slice-forked'), String(codes));
});

test("a user who is in twice is found, where each entry's leaf is signed", async () => {
  const made = makeBook({ kind: 'coupon', entries: 30, stock: 7 });
  // A repeat that stands among the others gets a line.
  const repeat = made.items.find(one => one.user === 'user1' && one.stamp !== made.parts.entries[1]?.stamp);
  assert.ok(repeat?.at);
  const codes = await codesAfter(made, parts => {
    const slice = parts.slices[repeat.at?.slice ?? -1];
    assert.ok(slice?.others);
    slice.others = slice.others.filter(([leaf]) => leaf !== repeat.at?.index);
    const { stamp, source } = repeat;
    const line = {
      leaf: repeat.at?.index ?? 0,
      outcome: 'sold_out',
      slice: repeat.at?.slice ?? 0,
      source,
      stamp,
    };
    parts.entries.push({ ...line, who: parts.entries[1]?.who ?? '' });
    parts.entries.sort((a, b) => a.stamp - b.stamp);
  });
  assert.ok(codes.includes('entered-twice'), String(codes));
});

test('a head of another campaign in place of the own is found', async () => {
  const other = makeBook({ kind: 'coupon', entries: 31, stock: 7, sliceItems: 4 });
  const codes = await codesAfter(coupon, parts => {
    const [own, foreign] = [parts.slices[3], other.parts.slices[3]];
    assert.ok(own && foreign);
    own.head = foreign.head;
  });
  assert.ok(codes.includes('slice-chain') || codes.includes('slice-root'), String(codes));
  assert.ok(!codes.includes('book-signature'));
});

test('keys: unknown, for something else, out of their time, revoked', async () => {
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

test('a key that was revoked after the campaign is told, and is no finding', async () => {
  const parts = structuredClone(coupon.parts);
  const [slices] = parts.header.keys;
  assert.ok(slices);
  slices.revoked = '2024-01-01T00:00:00Z';
  const report = await runBook(written(parts));
  assert.equal(report.ok, true);
  assert.match(report.notes.join(), /revoked after it signed/);
});

test('given keys take the place of those in the book', async () => {
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

test('a book made up as a whole passes only without keys, and the report says so', async () => {
  const parts = structuredClone(coupon.parts);
  const forger = signerOf('forger');
  parts.header.keys = [keyObject(sliceSigner, 'slices'), keyObject(forger, 'books')];
  const book = written(parts, forger);
  const report = await runBook(book);
  assert.equal(report.ok, true);
  assert.ok(report.notProven.some(text => text.includes('makes up a whole book')));
  const pinned = json({ keys: [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')] });
  assert.deepEqual(codesOf(await run({ book: inPieces(book), keys: pinned })), ['unknown-key']);
});

test('the words name what a source of randomness does not prove', async () => {
  const of = async (made: typeof raffle): Promise<string> =>
    (await runBook(written(made.parts))).notProven.join('\n');
  assert.match(
    await of(raffle),
    /tried out which extra entries of their own, or which tickets, groups and exclusions, would make them win/,
  );
  assert.match(await of(drand), /League of Entropy/);
  assert.doesNotMatch(await of(coupon), /randomness was known before|League of Entropy/);
});

test('a round of drand that was known at the close is refused', async () => {
  const codes = await codesAfter(drand, parts => {
    parts.header.closed_at_us = quicknetRound.knownUs;
    Object.assign(parts.header.rules, { closes_at_us: quicknetRound.knownUs });
  });
  assert.ok(codes.includes('drand-round'), String(codes));
});

test('the campaign in the header is that of the rules', async () => {
  const codes = await codesAfter(coupon, parts => {
    parts.header.campaign = CAMPAIGN + 1;
  });
  assert.deepEqual(codes, ['malformed']);
});
