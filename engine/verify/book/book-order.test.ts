import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64url, sha256, signedHeadOf } from '../testing/basics.ts';
import { assertNamed, type Change, coupon, entryAt, entryWith } from '../testing/changed.ts';
import { makeBook } from '../testing/maker.ts';
import { CLOSES_AT_US, OPENS_AT_US, sliceSigner } from '../testing/maker-world.ts';
import { codesAfter } from '../testing/run.ts';

function swap(list: { [index: number]: unknown }, a: number, b: number): void {
  [list[a], list[b]] = [list[b], list[a]];
}

/** Even if the shop signs the book again: the content of the slices' roots cannot change. */
const changes: readonly Change[] = [
  [
    'an omitted user',
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
    'an added user',
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
    'a replaced user',
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
      entryAt(parts, 20).stamp -= 1024;
    },
    ['pool-root', 'slice-root'],
  ],
  [
    'another source',
    coupon,
    parts => {
      const one = entryAt(parts, 3);
      one.source = 1 - one.source;
    },
    ['pool-root', 'slice-root'],
  ],
  [
    'an index in another slice',
    coupon,
    parts => {
      entryAt(parts, 3).slice = parts.slices.length - 1;
    },
    ['slice-instant', 'slice-items'],
  ],
  [
    'a missing slice',
    coupon,
    parts => {
      entryAt(parts, 3).slice = 999;
    },
    ['slice-items'],
  ],
  [
    'a missing leaf',
    coupon,
    parts => {
      entryAt(parts, 3).leaf = 999;
    },
    ['slice-items'],
  ],
  [
    'closed before the last entry',
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
    'wrong counts at the end',
    coupon,
    parts => {
      parts.end.entries += 1;
      parts.end.count += 1;
    },
    ['pool-count', 'wrong-counts'],
  ],
  [
    'an omitted slice',
    coupon,
    parts => {
      // A slice without an entry of the campaign.
      const bare = parts.slices.findIndex(
        ({ others }, slice) => others && !parts.entries.some(e => e.slice === slice),
      );
      assert.ok(bare > 0);
      parts.slices.splice(bare, 1);
      for (const entry of parts.entries) if (entry.slice > bare) entry.slice -= 1;
      parts.end.slices -= 1;
      parts.end.lines -= 1;
    },
    ['slice-chain'],
  ],
  [
    'a duplicate slice',
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
      const data = Buffer.from(other[1], 'base64url');
      sha256('another').copy(data, 14);
      other[1] = base64url(data);
    },
    ['slice-root'],
  ],
  [
    'omitted leaves',
    coupon,
    parts => {
      const slice = parts.slices.find(({ others }) => (others?.length ?? 0) > 0);
      assert.ok(slice);
      slice.others = [];
    },
    ['slice-items'],
  ],
];

test('detects and names books with other users or another order', async () => {
  await assertNamed(changes);
});

test('names a fork of a gateway', async () => {
  const codes = await codesAfter(coupon, parts => {
    // A head in place of the third slice that continues the same head as the second one.
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

test("detects a duplicate user when each entry's leaf is signed", async () => {
  const made = makeBook({ kind: 'coupon', entries: 30, stock: 7 });
  // A repeat inserted among the entries, with a line.
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

test('detects a head of another campaign', async () => {
  const other = makeBook({ kind: 'coupon', entries: 31, stock: 7, sliceItems: 4 });
  const codes = await codesAfter(coupon, parts => {
    const [own, foreign] = [parts.slices[3], other.parts.slices[3]];
    assert.ok(own && foreign);
    own.head = foreign.head;
  });
  assert.ok(codes.includes('slice-chain') || codes.includes('slice-root'), String(codes));
  assert.ok(!codes.includes('book-signature'));
});
