/**
 * A drawing written in turns: a kill anywhere changes nothing, half a draw is never shown, and other campaigns settle
 * meanwhile.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { readProof, readProofBytes, readProofPart } from '../../sql/statements/draws/draws.ts';
import { readGrants } from '../../sql/statements/entries/grants.ts';
import { readTotals } from '../../sql/statements/entries/outcomes.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { eventually } from '../test/support.ts';
import { watched } from '../test/watched-pool.ts';
import { Slots } from './slots.ts';
import { entrant, expectedOf, instants, raffle, winnersOf } from './testing/raffles.ts';

const EVERY_PART = 1_000;
/** Two tiers, and alternates behind them. */
const MANY = {
  tiers: [
    { name: 'first', winners: 3 },
    { name: 'second', winners: 4 },
  ],
  alternates: 4,
};
const WINNERS = 7;
const ENTRANTS = 20;

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

function raffles(drawnAtOnce?: number) {
  return { randomness: testRandomness(), saltSecret: TEST_SALT_SECRET, drawnAtOnce };
}

async function grantsOf({ campaignId }: Campaign): Promise<number> {
  const text = 'select count(*) as count from grants where campaign_id = $1';
  const { rows } = await ledger.pool.query<{ count: number }>(text, [campaignId]);
  return rows[0]?.count ?? 0;
}

/** Asserts that nothing of the draw is shown. */
async function expectUnpublished(campaign: Campaign, entrants: number): Promise<void> {
  const { campaignId } = campaign;
  const { pool } = ledger;
  deepEqual(new Set(Object.values(await ledger.outcomes(campaign))), new Set(['waiting']));
  const totals = await readTotals(pool, campaignId);
  deepEqual([totals?.granted, totals?.waiting, totals?.lost], [0, entrants, 0]);
  deepEqual(await readGrants(pool, campaignId, 0, EVERY_PART), [], 'no grant is projected');
  deepEqual(await readProof(pool, campaignId, 0, EVERY_PART), []);
  equal(await readProofBytes(pool, campaignId), 0);
  equal(await readProofPart(pool, campaignId, 0), undefined);
  const { settledCount, grantedCount } = await ledger.read(campaign);
  deepEqual([settledCount, grantedCount], [0, 0]);
}

/** Compares the draw that is shown, and its proof, with the pure function. */
async function expectDrawn(campaign: Campaign, pool: readonly number[], winners: number): Promise<void> {
  const { campaignId } = campaign;
  const expected = await expectedOf(
    ledger,
    campaign,
    pool.map(instant => entrant(instant)),
  );
  deepEqual(
    (await winnersOf(ledger, campaign)).map(({ user, serial }) => [user, serial]),
    expected.slice(0, winners).map((user, index) => [user, index + 1]),
  );
  const { rows } = await ledger.pool.query<{ user_id: string; waitlist_position: number }>(
    'select user_id, waitlist_position from alternates where campaign_id = $1 order by waitlist_position',
    [campaignId],
  );
  deepEqual(
    rows.map(({ user_id, waitlist_position }) => [user_id, waitlist_position]),
    expected.slice(winners).map((user, index) => [user, index + 1]),
  );
  const parts = await readProof(ledger.pool, campaignId, 0, EVERY_PART);
  const proof = JSON.parse(parts.join(''));
  deepEqual(
    [proof.winners, proof.alternates].map(list => list.map((each: { stamp: number }) => each.stamp)),
    [expected.slice(0, winners), expected.slice(winners)].map(list =>
      list.map(user => Number(user.slice(5)) * 1024),
    ),
  );
  equal(await readProofBytes(ledger.pool, campaignId), Buffer.byteLength(parts.join('')));
  const { settledCount, grantedCount } = await ledger.read(campaign);
  deepEqual([settledCount, grantedCount], [pool.length, winners]);
  deepEqual(await brokenInvariants(ledger.pool), []);
}

for (const claims of [undefined, { withinS: 3_600 }]) {
  test(`resumes a drawing killed at any statement, ${claims ? 'with' : 'without'} claims`, async () => {
    const campaign = await raffle(ledger, MANY, claims && { ...claims, waitlist: 0 });
    await ledger.enter(campaign, ...instants(ENTRANTS));
    const seen = new Set<number>();
    for (let kills = 0, isDone = false; !isDone; kills++) {
      let statements = 0;
      const pool = watched(ledger.pool, () => {
        statements += 1;
        if (statements === kills + 1) throw new Error('killed on purpose');
      });
      isDone = await ledger.settle(campaign, WINDOW_US, { pool, raffles: raffles(2) }).then(
        () => true,
        (error: unknown) => {
          match(String(error), /killed on purpose/);
          return false;
        },
      );
      const { finishedAt, decidedAt } = await ledger.read(campaign);
      if ((finishedAt ?? decidedAt) !== null) continue;
      await expectUnpublished(campaign, ENTRANTS);
      seen.add(await grantsOf(campaign));
    }
    ok(
      [2, 4, 6, 7].every(count => seen.has(count)),
      `${[...seen]}`,
    );
    await expectDrawn(campaign, instants(ENTRANTS), WINNERS);
    const offered = Object.values(await ledger.shown(campaign)).filter(shown => shown.startsWith('offered'));
    equal(offered.length, claims === undefined ? 0 : WINNERS);
  });
}

test("two engines that write one drawing continue from each other's progress", async () => {
  const campaign = await raffle(ledger, MANY);
  await ledger.enter(campaign, ...instants(ENTRANTS));
  await eventually(async () => {
    const settle = () => ledger.settle(campaign, WINDOW_US, { raffles: raffles(1) });
    await Promise.all([settle(), settle()]);
    return (await ledger.read(campaign)).finishedAt !== null;
  });
  await expectDrawn(campaign, instants(ENTRANTS), WINNERS);
});

test('other campaigns have their steps while many winners are written', async () => {
  const [winners, alternates] = [5_500, 500];
  const entrants = winners + alternates + 10;
  const campaign = await raffle(ledger, { tiers: [{ name: 'prize', winners }], alternates });
  await ledger.enter(campaign, ...instants(entrants));
  let writes = 0;
  let reads = 0;
  let letGo: (() => void) | undefined;
  const pool = watched(ledger.pool, async text => {
    if (/left join entrant_terms/.test(text)) reads += 1;
    if (!/^insert into grants/.test(text)) return;
    writes += 1;
    await new Promise<void>(resolve => {
      letGo = resolve;
    });
  });
  const slots = new Slots(1);
  const drawing = ledger.settle(campaign, WINDOW_US, { pool, slots, raffles: raffles() });
  await eventually(() => writes === 1);
  const coupon = await ledger.campaign('coupon', 5);
  await ledger.enter(coupon, 10, 20);
  const settled = ledger.settle(coupon, 100, { slots });
  letGo?.();
  await settled;
  equal((await ledger.read(coupon)).settledCount, 2);
  await eventually(() => writes === 2);
  equal(await grantsOf(campaign), 5_000);
  await expectUnpublished(campaign, entrants);
  letGo?.();
  await drawing;
  // Once for the root, and once for the draw.
  equal(reads, 2 * Math.ceil(entrants / 4_096));
  await expectDrawn(campaign, instants(entrants), winners);
});
