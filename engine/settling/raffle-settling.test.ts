import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { readDrawState, readProof, saveRevealed } from '../../sql/statements/draws/draws.ts';
import { saveTerms } from '../../sql/statements/draws/entrant-terms.ts';
import { announcementOf, announceRest } from '../campaigns/announce.ts';
import { canonicalJson } from '../draw/canonical.ts';
import { DRAW_FUNCTION } from '../draw/rules.ts';
import { drawSeed } from '../draw/seed.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { eventually } from '../test/support.ts';
import {
  entrant,
  expectedOf,
  instants,
  PLAIN,
  PLAIN_CAMPAIGN,
  raffle,
  winnersOf,
} from './testing/raffles.ts';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

async function alternatesOf(campaign: Campaign): Promise<string[]> {
  const { rows } = await ledger.pool.query(
    'select user_id from alternates where campaign_id = $1 order by waitlist_position',
    [campaign.campaignId],
  );
  return rows.map(row => row.user_id);
}

test('waits for the close, then draws what the pure function says', async () => {
  const campaign = await raffle(ledger);
  await ledger.enter(campaign, ...instants(40));
  await ledger.withdraw(campaign, 3, 4);
  await ledger.settle(campaign, WINDOW_US - 1);
  const gathered = await ledger.read(campaign);
  deepEqual([gathered.settledCount, gathered.goneCount, gathered.frozenAt], [0, 2, null]);
  await ledger.settle(campaign, WINDOW_US);
  const finished = await ledger.read(campaign);
  ok(finished.finishedAt !== null && finished.frozenAt !== null);
  deepEqual([finished.frozenCount, finished.settledCount, finished.grantedCount], [38, 40, 3]);
  equal(finished.seedSource, 'commit');
  const pool = instants(40).filter(instant => instant !== 3 && instant !== 4);
  deepEqual(
    (await winnersOf(ledger, campaign)).map(({ user }) => user),
    await expectedOf(
      ledger,
      campaign,
      pool.map(instant => entrant(instant)),
    ),
  );
  const shown = Object.values(await ledger.outcomes(campaign));
  equal(shown.filter(outcome => outcome === 'not_drawn').length, 35);
  equal(shown.filter(outcome => outcome === 'withdrawn').length, 2);
});

test('derives the seed from the announcement, the committed secret and the pool', async () => {
  const campaign = await raffle(ledger);
  await ledger.enter(campaign, 1, 2, 3);
  await ledger.settle(campaign, WINDOW_US);
  const state = await readDrawState(ledger.pool, campaign.campaignId);
  const { rulesHash, draw } = await ledger.read(campaign);
  ok(state?.poolRoot && state.randomness && rulesHash && draw?.randomness.source === 'commit');
  const reveal = await testRandomness().reveal(
    draw.randomness,
    { campaignId: campaign.campaignId, nonce: state.nonce },
    new AbortController().signal,
  );
  deepEqual(reveal, { source: 'commit', secret: state.randomness });
  const { poolRoot, randomness } = state;
  deepEqual(state.seed, drawSeed({ randomness, rulesHash, poolRoot, poolCount: 3 }));
});

test('draws with tickets, groups, exclusions, tiers and alternates', async () => {
  const tiers = [
    { name: 'first prize', winners: 1 },
    { name: 'second prize', winners: 4 },
  ];
  const campaign = await raffle(ledger, { tiers, alternates: 3, group_limit: 2 });
  const { campaignId } = campaign;
  const pool = instants(60).map(instant =>
    entrant(instant, {
      tickets: instant % 7 === 0 ? 1_000 : 1 + (instant % 3),
      group: instant % 2 === 0 ? `table ${instant % 4}` : null,
      excluded: instant % 10 === 0 ? 'works for the shop' : null,
    }),
  );
  equal(await saveTerms(ledger.pool, campaignId, pool), 'saved');
  // Terms of a user who never enters change nothing.
  equal(await saveTerms(ledger.pool, campaignId, [entrant(99, { tickets: 1_000 })]), 'saved');
  await ledger.enter(campaign, ...instants(60));
  await ledger.settle(campaign, WINDOW_US);
  const drawn = await expectedOf(ledger, campaign, pool);
  deepEqual(
    await winnersOf(ledger, campaign),
    drawn.slice(0, 5).map((user, index) => ({ user, serial: index + 1, tier: index === 0 ? 0 : 1 })),
  );
  deepEqual(await alternatesOf(campaign), drawn.slice(5));
  equal(drawn.length, 8);
});

test('stores a canonical proof of this draw', async () => {
  const campaign = await raffle(ledger, { alternates: 2 });
  await ledger.enter(campaign, ...instants(30));
  deepEqual(await readProof(ledger.pool, campaign.campaignId, 0, 9), []);
  await ledger.settle(campaign, WINDOW_US);
  const text = (await readProof(ledger.pool, campaign.campaignId, 0, 9)).join('');
  const proof = JSON.parse(text);
  equal(canonicalJson(proof), text);
  const { seed, rulesHash, poolRoot } = await ledger.read(campaign);
  equal(proof.seed, seed?.toString('base64url'));
  equal(proof.rules_hash, rulesHash?.toString('base64url'));
  equal(proof.pool_root, poolRoot?.toString('base64url'));
  const stampOf = (user: string): number => Number(user.slice(5)) * 1024;
  deepEqual(
    proof.winners.map((winner: { serial: number; stamp: number }) => [winner.serial, winner.stamp]),
    (await winnersOf(ledger, campaign)).map(({ user, serial }) => [serial, stampOf(user)]),
  );
  deepEqual(
    proof.alternates.map((alternate: { stamp: number }) => alternate.stamp),
    (await alternatesOf(campaign)).map(stampOf),
  );
});

test('with fewer entrants than winners, all win', async () => {
  const campaign = await raffle(ledger, { tiers: [{ name: 'prize', winners: 10 }], alternates: 5 });
  await ledger.enter(campaign, 1, 2, 3);
  await ledger.settle(campaign, WINDOW_US);
  deepEqual(Object.values(await ledger.outcomes(campaign)).sort(), [1, 2, 3]);
  deepEqual(await alternatesOf(campaign), []);
});

test('with claims, the drawing is done when winners are known, before the campaign finishes', async () => {
  const campaign = await raffle(ledger, { alternates: 1 }, { withinS: 3_600, waitlist: 0 });
  await ledger.enter(campaign, 1, 2, 3);
  await ledger.settle(campaign, WINDOW_US);
  equal((await ledger.read(campaign)).finishedAt, null);
  const { decidedAt } = await ledger.read(campaign);
  const { rows } = await ledger.pool.query(
    `select done_at from scheduled_done where campaign_id = $1 and kind = 'drawing'`,
    [campaign.campaignId],
  );
  deepEqual(rows, [{ done_at: decidedAt }]);
});

test('an empty raffle finishes, with a proof', async () => {
  const campaign = await raffle(ledger);
  await ledger.settle(campaign, WINDOW_US);
  const { finishedAt, grantedCount } = await ledger.read(campaign);
  ok(finishedAt !== null);
  equal(grantedCount, 0);
  const proof = JSON.parse((await readProof(ledger.pool, campaign.campaignId, 0, 9)).join(''));
  deepEqual([proof.pool_count, proof.winners], [0, []]);
});

test('draws more entrants than a page holds', async () => {
  const campaign = await raffle(ledger, { tiers: [{ name: 'prize', winners: 50 }] });
  const count = 9_001;
  await ledger.enter(campaign, ...instants(count));
  await ledger.settle(campaign, WINDOW_US);
  deepEqual(
    (await winnersOf(ledger, campaign)).map(({ user }) => user),
    await expectedOf(
      ledger,
      campaign,
      instants(count).map(instant => entrant(instant)),
    ),
  );
});

test('draws the same step by step, each by another engine', async () => {
  const campaign = await raffle(ledger);
  await ledger.enter(campaign, ...instants(20));
  const seen: unknown[] = [];
  for (let step = 0; step < 3; step++) {
    await ledger.settle(campaign, WINDOW_US, {}, () => false);
    const { poolRoot, seed, finishedAt } = await ledger.read(campaign);
    seen.push([poolRoot !== null, seed !== null, finishedAt !== null]);
  }
  // The randomness is revealed between the second step and the third.
  deepEqual(seen, [
    [true, false, false],
    [true, true, false],
    [true, true, true],
  ]);
  deepEqual(
    (await winnersOf(ledger, campaign)).map(({ user }) => user),
    await expectedOf(
      ledger,
      campaign,
      instants(20).map(instant => entrant(instant)),
    ),
  );
});

test('several engines draw once', async () => {
  const campaign = await raffle(ledger);
  await ledger.enter(campaign, ...instants(50));
  await Promise.all([1, 2, 3, 4].map(() => ledger.settle(campaign, WINDOW_US)));
  await ledger.settle(campaign, WINDOW_US);
  equal((await ledger.read(campaign)).grantedCount, 3);
  deepEqual(await brokenInvariants(ledger.pool), []);
});

test('announces and draws a raffle created before rules were announced', async () => {
  const coupon = await ledger.campaign('coupon', 5);
  const seen = await ledger.campaign('raffle', 2);
  const late = await ledger.campaign('raffle', 2);
  await ledger.enter(seen, ...instants(9));
  await ledger.enter(late, ...instants(9));
  await ledger.settle(late, WINDOW_US);
  await announceRest(ledger.pool, testRandomness());
  const announced = await ledger.read(seen);
  ok(announced.rulesHash !== null && announced.draw?.randomness.source === 'commit');
  ok((await ledger.read(coupon)).rulesHash !== null);
  await announceRest(ledger.pool, testRandomness());
  deepEqual((await ledger.read(seen)).rulesHash, announced.rulesHash, 'announced once');
  await ledger.settle(seen, WINDOW_US);
  for (const campaign of [seen, late]) {
    const pool = instants(9).map(instant => entrant(instant));
    deepEqual(
      (await winnersOf(ledger, campaign)).map(({ user }) => user),
      await expectedOf(ledger, campaign, pool),
    );
  }
});

test('is not drawn with another DRAW_SECRET, and is drawn with the right one', async () => {
  const campaign = await raffle(ledger);
  await ledger.enter(campaign, 1, 2, 3);
  const another = testRandomness({ drawSecret: 'another draw secret that is long enough' });
  const raffles = { randomness: another, saltSecret: TEST_SALT_SECRET };
  await rejects(ledger.settle(campaign, WINDOW_US, { raffles }), /the secret gives the commitment/);
  const frozen = await ledger.read(campaign);
  deepEqual([frozen.frozenCount, frozen.seed, frozen.finishedAt], [3, null, null]);
  // A withdrawal now is too late: the pool is frozen.
  await ledger.withdraw(campaign, 1, 2, 3);
  await ledger.settle(campaign, WINDOW_US);
  const finished = await ledger.read(campaign);
  deepEqual([finished.goneCount, finished.grantedCount], [0, 3]);
});

test('refuses to draw from a pool that is not the frozen one', async () => {
  for (const change of [
    'delete from entries where campaign_id = $1 and stamp = 1024',
    'update entries set stamp = stamp + 1 where campaign_id = $1 and stamp = 1024',
    `update entries set user_id = 'somebody-else' where campaign_id = $1 and stamp = 1024`,
    `insert into entries values ($1, 'somebody-else', 5000)`,
  ]) {
    const campaign = await raffle(ledger);
    await ledger.enter(campaign, 1, 2, 3);
    await ledger.settle(campaign, WINDOW_US, {}, () => false);
    await ledger.pool.query(change, [campaign.campaignId]);
    await rejects(ledger.settle(campaign, WINDOW_US), /was frozen with 3 entrants and root .* not drawn/);
    equal((await ledger.read(campaign)).finishedAt, null);
  }
});

test("refuses to draw when tickets, a group or an exclusion changed in spite of the ledger's guard", async () => {
  for (const change of [
    'update entrant_terms set tickets = 999 where campaign_id = $1 and tickets = 2',
    `update entrant_terms set user_group = 'another' where campaign_id = $1 and user_group = 'table 1'`,
    `update entrant_terms set user_group = null where campaign_id = $1 and user_group = 'table 1'`,
    `update entrant_terms set excluded = 'another reason' where campaign_id = $1 and excluded is not null`,
    'update entrant_terms set excluded = null where campaign_id = $1 and excluded is not null',
    `insert into entrant_terms values ($1, 'user-4', 1, null, 'has won too often')`,
  ]) {
    const campaign = await raffle(ledger);
    const { campaignId } = campaign;
    const terms = [
      entrant(1, { tickets: 2 }),
      entrant(2, { group: 'table 1' }),
      entrant(3, { excluded: 'works for the shop' }),
    ];
    equal(await saveTerms(ledger.pool, campaignId, terms), 'saved');
    await ledger.enter(campaign, 1, 2, 3, 4, 5);
    await ledger.settle(campaign, WINDOW_US, {}, () => false);
    await ledger.pool.query('alter table entrant_terms disable trigger entrant_terms_guard');
    const { rowCount } = await ledger.pool.query(change, [campaignId]);
    await ledger.pool.query('alter table entrant_terms enable trigger entrant_terms_guard');
    equal(rowCount, 1, change);
    await rejects(ledger.settle(campaign, WINDOW_US), /was frozen with 5 entrants .* not drawn/, change);
  }
});

test('refuses to draw a raffle announced with another method', async () => {
  const rules = (id: number): string => {
    const of = announcementOf(testRandomness(), id, PLAIN_CAMPAIGN, PLAIN).rules;
    return of.replace(DRAW_FUNCTION, 'fairline draw 1');
  };
  const campaign = await ledger.campaign('raffle', 3, id => ({ rules: rules(id), nonce: Buffer.alloc(32) }));
  await ledger.enter(campaign, 1, 2, 3);
  await rejects(
    ledger.settle(campaign, WINDOW_US),
    /"fairline draw 1", but this engine has "fairline draw 2"/,
  );
  equal((await ledger.read(campaign)).frozenAt, null);
});

test('the ledger rejects randomness before the freeze, twice or after the draw', async () => {
  const campaign = await raffle(ledger);
  const { campaignId } = campaign;
  await ledger.enter(campaign, 1, 2, 3);
  const revealed = {
    source: 'commit',
    randomness: Buffer.alloc(32, 1),
    signature: null,
    round: null,
    seed: Buffer.alloc(32, 2),
  } as const;
  await rejects(saveRevealed(ledger.pool, campaignId, revealed), { constraint: 'campaigns_revealed' });
  // The rejected query releases the row a moment after it rejects, and settling skips a locked row: so try again.
  const seed = await eventually(async () => {
    await ledger.settle(campaign, WINDOW_US);
    return (await ledger.read(campaign)).seed ?? undefined;
  });
  equal(await saveRevealed(ledger.pool, campaignId, revealed), false);
  deepEqual((await ledger.read(campaign)).seed, seed);
});
