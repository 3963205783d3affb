/** Turns of claims: everything due in one campaign is decided in bounded transactions, in the order in which it fell due. */
import { deepEqual, equal } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

/** As in claims-settling.ts. */
const TURN_LIMIT = 5_000;
/** The time to claim an offer, microseconds. */
const WITHIN_US = 5_000_000;
/** When everybody has an offer, microseconds after the opening. */
const OFFERED_US = 20_000;

/** The instants at which `count` users enter, microseconds after the opening. */
function people(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** A campaign in which `count` users have an offer and `waitlist` more wait. */
async function offered(count: number, waitlist = 0): Promise<Campaign> {
  const campaign = await ledger.claimed(count, { withinS: WITHIN_US / 1_000_000, waitlist });
  await ledger.enter(campaign, ...people(count + waitlist));
  await ledger.settle(campaign, OFFERED_US);
  return campaign;
}

/** Settles; returns the number of moves in each transaction. */
async function turns(campaign: Campaign, afterUs: number, claimsAtOnce?: number): Promise<readonly number[]> {
  const moved: number[] = [];
  const onMoved = (states: readonly string[]): void => {
    moved.push(states.length);
  };
  await ledger.settle(campaign, afterUs, { onMoved, claimsAtOnce });
  return moved;
}

async function moves(
  campaign: Campaign,
): Promise<readonly { readonly state: string; readonly number: number; readonly atUs: number }[]> {
  const { rows } = await ledger.pool.query<{ state: string; number: number; atUs: number }>(
    `select state, number, at_us as "atUs" from claimant_moves where campaign_id = $1 order by move_number`,
    [campaign.campaignId],
  );
  return rows;
}

async function assertInOrder(campaign: Campaign): Promise<void> {
  const ended = (await moves(campaign)).filter(({ state }) => state !== 'offered');
  const wanted = ended.toSorted((a, b) => a.atUs - b.atUs || a.number - b.number);
  deepEqual(ended, wanted);
}

test('decides more claims than fit in a step over several, in stamp order', async () => {
  const count = 2 * TURN_LIMIT + 2_000;
  const campaign = await offered(count);
  // The users who entered last claim first.
  await ledger.claim(campaign, ...people(count).map(who => [who, OFFERED_US + count - who] as const));
  deepEqual(await turns(campaign, OFFERED_US + count), [TURN_LIMIT, TURN_LIMIT, 2_000]);
  await assertInOrder(campaign);
  equal(
    (await moves(campaign)).every(({ state }) => state === 'claimed'),
    true,
  );
  equal(await ledger.findsWork(campaign, OFFERED_US + count), false);
});

test('a campaign with much to decide does not delay the step of another', async () => {
  const count = TURN_LIMIT + 1_000;
  const [large, small] = [await offered(count), await offered(1)];
  await ledger.claim(large, ...people(count).map(who => [who, OFFERED_US + who] as const));
  await ledger.claim(small, [1, OFFERED_US + 1]);
  const once = (): boolean => false;
  for (const campaign of [large, small]) await ledger.settle(campaign, OFFERED_US + count, {}, once);
  deepEqual([(await moves(large)).length, (await moves(small)).length], [TURN_LIMIT, 1]);
  equal(await ledger.findsWork(large, OFFERED_US + count), true);
  await ledger.settle(large, OFFERED_US + count, {}, once);
  equal((await moves(large)).length, count);
});

test('offers with one deadline lapse over several steps, then freed coupons pass on', async () => {
  const count = TURN_LIMIT + 10;
  const campaign = await offered(count, 3);
  const claimedBy = count - 5;
  await ledger.claim(campaign, [claimedBy, OFFERED_US + WITHIN_US]);
  const moved = await turns(campaign, OFFERED_US + WITHIN_US);
  deepEqual(moved, [TURN_LIMIT + 1, 9 + 3]);
  const all = await moves(campaign);
  deepEqual(
    [
      all.filter(({ state }) => state === 'lapsed').length,
      all.filter(({ state }) => state === 'claimed').length,
    ],
    [count - 1, 1],
  );
  const shown = await ledger.shown(campaign);
  deepEqual(
    people(3).map(who => shown[count + who]),
    ['offered 1', 'offered 2', 'offered 3'],
  );
});

test('decides claims, declines and lapses in the same order, however the steps are cut', async () => {
  const outcomes: Record<string, string>[] = [];
  const orders: unknown[] = [];
  for (const claimsAtOnce of [1, 2, 3, 7, undefined]) {
    const campaign = await ledger.claimed(9, { withinS: WITHIN_US / 1_000_000, waitlist: 9 });
    // Offered at three instants, so that deadlines differ.
    for (const [turn, atUs] of [100, 200, 300].entries()) {
      await ledger.enter(campaign, ...[1, 2, 3].map(who => turn * 10 + who));
      await ledger.settle(campaign, atUs);
    }
    await ledger.enter(campaign, ...people(9).map(who => 300 + who));
    await ledger.settle(campaign, 400);
    await ledger.claim(campaign, [1, 5_000], [11, 150 + WITHIN_US], [12, 201 + WITHIN_US], [301, 6_000]);
    await ledger.leave(campaign, [2, 4_000], [21, 160 + WITHIN_US], [303, 7_000], [305, 100 + WITHIN_US]);
    await turns(campaign, 1_000_000 + WITHIN_US, claimsAtOnce);
    await assertInOrder(campaign);
    outcomes.push(await ledger.shown(campaign));
    orders.push(await moves(campaign));
    equal(await ledger.findsWork(campaign, 1_000_000 + WITHIN_US), false);
  }
  for (const [index, shown] of outcomes.entries()) {
    deepEqual(shown, outcomes[0]);
    deepEqual(orders[index], orders[0]);
  }
});

for (const isClosed of [true, false]) {
  const what = isClosed ? 'the end of a campaign' : 'a freed coupon with a waitlist';
  test(`any engine finds ${what} when one step decided all that was due`, async () => {
    const campaign = await ledger.claimed(2, { withinS: WITHIN_US / 1_000_000, waitlist: isClosed ? 0 : 1 });
    const fromUs = isClosed ? WINDOW_US - 1_000 : 0;
    const [first, second, third] = [fromUs + 1, fromUs + 2, fromUs + 3];
    await ledger.enter(campaign, first);
    await ledger.settle(campaign, fromUs + 100);
    await ledger.enter(campaign, second, ...(isClosed ? [] : [third]));
    await ledger.settle(campaign, fromUs + 200);
    if (isClosed) await ledger.settle(campaign, WINDOW_US);
    // Three instants: a lapse, a claim in time, and the deadline of that claim.
    await ledger.claim(campaign, [second, fromUs + 150 + WITHIN_US]);
    const once = (): boolean => false;
    const endUs = fromUs + 1_000 + WITHIN_US;
    await ledger.settle(campaign, endUs, { claimsAtOnce: 2 }, once);
    deepEqual(
      (await moves(campaign)).map(({ state, number }) => [state, number]),
      [
        ['lapsed', 1],
        ['claimed', 2],
      ],
    );
    equal(await ledger.findsWork(campaign, endUs), true);
    await ledger.settle(campaign, endUs);
    equal(await ledger.findsWork(campaign, endUs), false);
    const { rows } = await ledger.pool.query<{ isFinished: boolean }>(
      'select finished_at is not null as "isFinished" from campaigns where campaign_id = $1',
      [campaign.campaignId],
    );
    equal(rows[0]?.isFinished, isClosed);
    if (!isClosed) equal((await ledger.shown(campaign))[third], 'offered 1');
  });
}

test('claims that wait for a possible extension delay no other decision', async () => {
  const campaign = await offered(8);
  const deadline = OFFERED_US + WITHIN_US;
  // After their deadlines, which may still be extended; one more user, offered later, is in time.
  await ledger.claim(campaign, ...[1, 2, 3, 4].map(who => [who, deadline + who] as const));
  await ledger.leave(campaign, ...[5, 6].map(who => [who, deadline + who] as const));
  await ledger.pool.query(
    `update claimants set claim_by_us = claim_by_us + 1000, deadline_moved = true where campaign_id = $1 and user_id = 'user-8'`,
    [campaign.campaignId],
  );
  await ledger.claim(campaign, [8, deadline + 500]);
  ledger.availableBehindUs = 2_000;
  await turns(campaign, deadline + 1_000, 2);
  ledger.availableBehindUs = 0;
  deepEqual(
    (await moves(campaign)).map(({ state, number }) => [state, number]),
    [['claimed', 8]],
  );
  await turns(campaign, deadline + 1_000, 2);
  deepEqual(
    (await moves(campaign)).slice(1).map(({ state, number }) => [state, number]),
    people(7).map(number => ['lapsed', number]),
  );
});
