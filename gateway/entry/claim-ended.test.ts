/** Offers that the operator ends, on a whole system: a claim that a gateway has answered as claimed is never void. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { beginEnd } from '../../sql/statements/claims/offers.ts';
import { outcomes } from '../testing/claims.ts';

/** More than LEASE_MS and its margin in a test system (engine/test/system.ts). */
const UNTIL_ALL_KNOW_MS = 2_500;

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis' });
});
after(() => system.close());

const me = (campaign: number): string => `/v1/campaigns/${campaign}/entries/me`;

/** Ann has an offer for ten minutes, and ben waits. */
async function offered(): Promise<number> {
  const campaign = await system.offer({ kind: 'coupon', stock: 1, waitlist: 1, claim_within_s: 600 });
  for (const user of ['ann', 'ben']) assert.equal((await system.enter(user, campaign)).status, 202);
  await eventually(async () => (await system.ask('ben', 'GET', me(campaign))).body.outcome === 'waitlisted');
  return campaign;
}

function endByHand(campaign: number): Promise<Answer> {
  const body = { serial: 1, reason: 'not seen at the till', holder: 'ann' };
  return system.operate('POST', `/v1/campaigns/${campaign}/alternates/next`, body);
}

test('an acknowledged claim counts, however long an engine takes between the clock and the ledger', async () => {
  const campaign = await offered();
  const inTheWay = await system.pool.connect();
  try {
    await inTheWay.query('begin');
    await inTheWay.query('select from claimants where campaign_id = $1 for update', [campaign]);
    const ended = endByHand(campaign);
    await eventually(async () => {
      const { rows } = await system.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    await sleep(UNTIL_ALL_KNOW_MS);
    const claimed = await system.ask('ann', 'POST', `${me(campaign)}/claim`);
    assert.deepEqual([claimed.status, claimed.body.outcome], [202, 'claimed'], claimed.text);
    await inTheWay.query('commit');
    const answer = await ended;
    assert.equal(answer.status, 409, answer.text);
    assert.match(String(answer.body.detail), /was claimed in time/);
  } finally {
    inTheWay.release();
  }
  assert.deepEqual(
    [...(await outcomes(system, campaign))],
    [
      ['ann', 'granted'],
      ['ben', 'waitlisted'],
    ],
  );
});

test("another engine completes an offer's end that was recorded before a crash, and nothing undoes it", async () => {
  const campaign = await offered();
  const ending = { serial: 1, holder: 'ann', atUs: Date.now() * 1_000, reason: 'not seen at the till' };
  assert.equal(await beginEnd(system.pool, campaign, ending), true);
  const extended = await system.operate('POST', `/v1/campaigns/${campaign}/deadlines`, {
    serial: 1,
    holder: 'ann',
    claim_by: new Date(Date.now() + 3_000_000).toISOString(),
  });
  assert.equal(extended.status, 409, extended.text);
  await eventually(async () => (await system.ask('ben', 'GET', me(campaign))).body.outcome === 'offered');
  assert.equal((await system.ask('ann', 'GET', me(campaign))).body.outcome, 'lapsed');
  assert.equal((await system.ask('ann', 'POST', `${me(campaign)}/claim`)).status, 409);
});
