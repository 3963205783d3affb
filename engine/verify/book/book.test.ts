import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { coupon, drand, raffle } from '../testing/changed.ts';
import type { Plan } from '../testing/made.ts';
import { makeBook, written } from '../testing/maker.ts';
import { CAMPAIGN } from '../testing/maker-world.ts';
import { codesAfter, inPieces, json, run, runBook } from '../testing/run.ts';

const plans: Readonly<Record<string, Plan>> = {
  'a coupon': { kind: 'coupon', entries: 40, stock: 9 },
  'a coupon with more stock than entries': { kind: 'coupon', entries: 4, stock: 9 },
  'a raffle by commitment': { kind: 'raffle', entries: 40 },
  'a raffle by drand': { kind: 'raffle', entries: 40, randomness: 'drand' },
  'a raffle with a group limit': {
    kind: 'raffle',
    entries: 60,
    groupLimit: 1,
    tiers: [2, 5],
    alternates: 4,
  },
  'a raffle that everybody wins': { kind: 'raffle', entries: 12, tiers: [100], alternates: 3 },
  'one entry': { kind: 'raffle', entries: 1 },
  'no entry': { kind: 'coupon', entries: 0 },
  'large slices': { kind: 'coupon', entries: 2500, gateways: 1, sliceItems: 2300, isMixed: false },
};

for (const [name, plan] of Object.entries(plans)) {
  test(`accepts a valid book, plain and gzipped: ${name}`, async () => {
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

test('the report says what each source of randomness does not prove', async () => {
  const of = async (made: typeof raffle): Promise<string> =>
    (await runBook(written(made.parts))).notProven.join('\n');
  assert.match(await of(raffle), /tried which extra entries, tickets, groups or exclusions make them win/);
  assert.match(await of(drand), /League of Entropy/);
  assert.doesNotMatch(await of(coupon), /randomness was known before|League of Entropy/);
});

test('the campaign in the header matches the rules', async () => {
  const codes = await codesAfter(coupon, parts => {
    parts.header.campaign = CAMPAIGN + 1;
  });
  assert.deepEqual(codes, ['malformed']);
});
