/** Offers that the operator ends early, over a ledger: what gateways are told when, and how the ledger decides. */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { type Campaign, opensAtUs } from '../../../sql/statements/campaigns/campaigns.ts';
import { beginEnd, completeEnds, listBegunEnds } from '../../../sql/statements/claims/offers.ts';
import { leaseMarginMs } from '../../contract/redis/lease/lease.ts';
import { TestLedger } from '../../test/settling.ts';
import { eventually } from '../../test/support.ts';
import { endOffer, extendOffer, resumeEnds } from './offers.ts';
import { noticeMs, type TellDeps } from './tell-then-act.ts';

const LEASE_MS = 500;
const UNTIL_ALL_KNOW_US = (LEASE_MS + leaseMarginMs(LEASE_MS)) * 1_000;
const WITHIN_S = 40;
const SECOND_US = 1_000_000;
const RUNNING = new AbortController().signal;
const ACTOR = { name: 'operator', role: 'owner', tokenId: null, action: 'passOn' } as const;
const BY = { actor: ACTOR, reason: null };

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

/** user-10 and user-20 are offered the serials 1 and 2, and user-30 is waitlisted. */
async function offered(): Promise<Campaign> {
  const campaign = await ledger.claimed(2, { withinS: WITHIN_S, waitlist: 1 });
  await ledger.enter(campaign, 10, 20, 30);
  await ledger.settle(campaign, 100);
  return campaign;
}

/** Deadlines by user, microseconds after the opening. */
async function deadlines(campaign: Campaign): Promise<Record<string, number>> {
  const { rows } = await ledger.pool.query<{ user_id: string; claim_by_us: number }>(
    `select user_id, claim_by_us from claimants where campaign_id = $1 and state = 'offered' order by number`,
    [campaign.campaignId],
  );
  return Object.fromEntries(rows.map(row => [row.user_id.slice(5), row.claim_by_us - opensAtUs(campaign)]));
}

const AS_OFFERED = 100 + WITHIN_S * SECOND_US;

/** `tell` runs in place of the publication; the clock shows `clock` microseconds after the opening. */
function depsOf(campaign: Campaign, clock: { us: number }, onPublish: () => Promise<void>): TellDeps {
  return {
    pool: ledger.pool,
    publish: async () => {
      await onPublish();
      return 1;
    },
    nowUs: async () => opensAtUs(campaign) + clock.us,
    leaseMs: LEASE_MS,
    longestLeaseMs: async () => LEASE_MS,
    log: pino({ level: 'silent' }),
  };
}

/** Notes the end of an offer, like an engine that reads the clock at this moment. */
function note(campaign: Campaign, serial: number, nowUs: number): Promise<boolean> {
  const atUs = opensAtUs(campaign) + nowUs + noticeMs(LEASE_MS) * 1_000;
  const holder = `user-${serial * 10}`;
  return beginEnd(ledger.pool, campaign.campaignId, { serial, holder, atUs, reason: 'not seen' });
}

test('moves the deadline to when all gateways know, by the clock after the notification', async () => {
  const campaign = await offered();
  const clock = { us: SECOND_US };
  equal(await note(campaign, 1, clock.us), true);
  deepEqual(await deadlines(campaign), { 10: AS_OFFERED, 20: AS_OFFERED });
  const deps = depsOf(campaign, clock, async () => {
    deepEqual(await deadlines(campaign), { 10: AS_OFFERED, 20: AS_OFFERED });
    clock.us += 5 * SECOND_US;
  });
  await resumeEnds(deps);
  const dueUs = 6 * SECOND_US + UNTIL_ALL_KNOW_US;
  deepEqual(await deadlines(campaign), { 10: dueUs, 20: AS_OFFERED });
  // The answer of a gateway that did not know of the end until then.
  await ledger.claim(campaign, [10, dueUs]);
  await ledger.settle(campaign, dueUs);
  deepEqual(await ledger.shown(campaign), { 10: 'granted 1', 20: 'offered 2', 30: 'waitlisted' });
});

test('while gateways are unreachable the deadline stays, and the end resumes afterwards', async () => {
  const campaign = await offered();
  const clock = { us: SECOND_US };
  const silent = depsOf(campaign, clock, () => Promise.reject(new Error('Redis is down')));
  const toEnd = { serial: 1, holder: undefined, reason: 'not seen' };
  await rejects(endOffer(silent, campaign.campaignId, toEnd, ACTOR, RUNNING), { slug: 'unavailable' });
  await rejects(resumeEnds(silent), /Redis is down/);
  deepEqual(await deadlines(campaign), { 10: AS_OFFERED, 20: AS_OFFERED });
  clock.us = 10 * SECOND_US;
  const again = endOffer(
    depsOf(campaign, clock, async () => undefined),
    campaign.campaignId,
    toEnd,
    ACTOR,
    RUNNING,
  );
  const dueUs = clock.us + UNTIL_ALL_KNOW_US;
  await eventually(async () => (await deadlines(campaign))[10] === dueUs);
  await ledger.settle(campaign, dueUs);
  deepEqual(await again, { serial: 1, tier: null, alternate: 1, user: 'user-30', passed_from: 'user-10' });
});

test('a campaign that always fails holds up the ends of no other', async () => {
  const [failing, other] = [await offered(), await offered()];
  const clock = { us: SECOND_US };
  for (const campaign of [failing, other]) await note(campaign, 1, clock.us);
  // Later than what was noted.
  clock.us = 2 * SECOND_US;
  const deps = depsOf(other, clock, async () => undefined);
  const failsFor = (campaignId: number): Promise<never> => Promise.reject(new Error(`not ${campaignId}`));
  const { campaignId } = failing;
  await rejects(
    resumeEnds({
      ...deps,
      publish: ([campaign]) =>
        campaign?.campaignId === campaignId ? failsFor(campaignId) : deps.publish([]),
    }),
    { message: `campaign ${campaignId}: not ${campaignId}` },
  );
  deepEqual(await deadlines(failing), { 10: AS_OFFERED, 20: AS_OFFERED });
  const dueUs = clock.us + UNTIL_ALL_KNOW_US;
  deepEqual(await deadlines(other), { 10: dueUs, 20: AS_OFFERED });
  // Nothing is left for the other tests.
  await resumeEnds(deps);
  for (const campaign of [failing, other]) await ledger.settle(campaign, dueUs);
});

test('moves only deadlines of ends that gateways were notified of', async () => {
  const campaign = await offered();
  const clock = { us: SECOND_US };
  await note(campaign, 1, clock.us);
  let publications = 0;
  const deps = depsOf(campaign, clock, async () => {
    publications += 1;
    if (publications === 1) await note(campaign, 2, clock.us);
    clock.us += 2 * SECOND_US;
  });
  await resumeEnds(deps);
  const [first, second] = [3, 5].map(s => s * SECOND_US + UNTIL_ALL_KNOW_US);
  deepEqual(await deadlines(campaign), { 10: first, 20: AS_OFFERED });
  await resumeEnds(deps);
  deepEqual(await deadlines(campaign), { 10: first, 20: second });
});

test('records an end once, never after the deadline, and refuses later extensions', async () => {
  const campaign = await offered();
  const { campaignId } = campaign;
  equal(await note(campaign, 1, SECOND_US), true);
  equal(await note(campaign, 1, 2 * SECOND_US), false);
  equal(await note(campaign, 2, WITHIN_S * SECOND_US), true);
  const claim_by = new Date(campaign.opensAt.getTime() + 90_000).toISOString();
  const deps = { pool: ledger.pool, log: pino({ level: 'silent' }) };
  for (const serial of [1, 2]) {
    const extended = extendOffer(deps, campaign, { serial, holder: `user-${serial * 10}`, claim_by }, BY);
    await rejects(extended, { slug: 'conflict', message: /is being ended/ });
  }
  const begun = await listBegunEnds(ledger.pool);
  const row = begun.find(each => each.campaignId === campaignId);
  equal(row?.moveCount, 2);
  const knownUs = opensAtUs(campaign) + 20 * SECOND_US;
  equal(await completeEnds(ledger.pool, { campaignId, moveCount: 2 }, knownUs), 1);
  deepEqual(await deadlines(campaign), { 10: 20 * SECOND_US, 20: AS_OFFERED });
  equal(await completeEnds(ledger.pool, { campaignId, moveCount: 2 }, knownUs + SECOND_US), 0);
});

test('concurrent extensions by two operators never shorten a deadline', async () => {
  const campaign = await offered();
  const deps = { pool: ledger.pool, log: pino({ level: 'silent' }) };
  const extend = (s: number): Promise<unknown> => {
    const claim_by = new Date(campaign.opensAt.getTime() + s * 1_000).toISOString();
    return extendOffer(deps, campaign, { serial: 1, holder: 'user-10', claim_by }, BY);
  };
  await Promise.allSettled([extend(100), extend(60), extend(80)]);
  equal((await deadlines(campaign))[10], 100 * SECOND_US);
});

test('the ledger refuses an earlier deadline without a recorded end, and a changed end', async () => {
  const campaign = await offered();
  const refuses = (constraint: string, change: string): Promise<void> =>
    rejects(
      ledger.pool.query(`update claimants set ${change} where campaign_id = $1 and serial = 1`, [
        campaign.campaignId,
      ]),
      { code: '23514', constraint },
    );
  await refuses('claimants_told', 'claim_by_us = claim_by_us - 1');
  await refuses('claimants_told', `claim_by_us = claim_by_us - 1, ending_us = 1, ended_early = 'why'`);
  await refuses('claimants_ending', `ending_us = claim_by_us + 1, ended_early = 'why'`);
  await refuses('claimants_ending', 'ending_us = 1');
  await note(campaign, 1, SECOND_US);
  await refuses('claimants_ending_once', 'ending_us = ending_us + 1');
  await refuses('claimants_ending_once', 'ending_us = null');
  await refuses('claimants_ending', 'claim_by_us = ending_us - 1');
  await refuses('claimants_extended', 'claim_by_us = claim_by_us + 1, deadline_moved = true');
});
