/** Claims over HTTP and the stream, on a whole system. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EventStream, openEvents } from '../../engine/test/events.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';

for (const log of availableLogs()) {
  describe(`claims, over ${log}`, () => {
    let system: System;
    before(async () => {
      system = await startSystem({ log, gateways: 2 });
    });
    after(() => system.close());

    const path = (campaign: number): string => `/v1/campaigns/${campaign}/entries/me`;
    const claim = (user: string, campaign: number, gateway = 0) =>
      system.ask(user, 'POST', `${path(campaign)}/claim`, { gateway });
    const look = async (user: string, campaign: number) =>
      (await system.ask(user, 'GET', path(campaign))).body;

    async function watch(user: string, campaign: number, lastEventId?: string): Promise<EventStream> {
      const headers = { authorization: `Bearer ${await system.ticket(user)}` };
      return await openEvents(`${system.gateways[1]?.url}/v1/campaigns/${campaign}/queue`, {
        ...headers,
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      });
    }

    async function enterAll(campaign: number, ...users: string[]): Promise<void> {
      for (const user of users) assert.equal((await system.enter(user, campaign)).status, 202);
    }

    async function becomes(
      user: string,
      campaign: number,
      outcome: string,
    ): Promise<Record<string, unknown>> {
      return await eventually(async () => {
        const body = await look(user, campaign);
        return body.outcome === outcome ? body : undefined;
      });
    }

    it('passes an unclaimed coupon to the next user, whose waitlist position and offer arrive live', async () => {
      const campaign = await system.offer({ kind: 'coupon', stock: 1, waitlist: 3, claim_within_s: 5 });
      await enterAll(campaign, 'ann', 'ben', 'cat', 'dan', 'eve');
      await becomes('eve', campaign, 'sold_out');
      const offered = await look('ann', campaign);
      assert.equal(offered.outcome, 'offered');
      assert.ok(Number(offered.seconds_left) <= 5);
      assert.equal((await look('dan', campaign)).waitlist_position, 3);
      const [ben, cat, dan] = await Promise.all(['ben', 'cat', 'dan'].map(user => watch(user, campaign)));
      assert.ok(ben && cat && dan);
      await eventually(() => cat.events.some(({ event }) => event === 'waitlisted'));
      // When a user leaves, those behind move up.
      assert.equal((await system.ask('cat', 'DELETE', path(campaign))).status, 202);
      await eventually(() => dan.events.at(-1)?.data.waitlist_position === 2);
      const offer = await eventually(() => ben.events.find(({ event }) => event === 'offer'));
      assert.equal(offer.data.serial, 1);
      assert.notEqual(offer.data.code, offered.code);
      await eventually(() => dan.events.at(-1)?.data.waitlist_position === 1);
      const lapsed = await claim('ann', campaign);
      assert.equal(lapsed.status, 409);
      assert.equal(lapsed.body.type, 'urn:fairline:problem:claim-lapsed');
      assert.ok(typeof lapsed.body.lapsed_at === 'string');
      const claimed = await claim('ben', campaign);
      assert.equal(claimed.status, 202, claimed.text);
      assert.deepEqual(claimed.body.code, offer.data.code);
      await ben.ended;
      const last = ben.events.at(-1);
      assert.deepEqual(
        [last?.event, last?.data.outcome, last?.data.code],
        ['outcome', 'granted', offer.data.code],
      );
      assert.equal((await watch('ben', campaign, last?.id)).status, 204);
      await cat.ended;
      assert.equal(cat.events.at(-1)?.data.outcome, 'withdrawn');
      const positions = dan.events
        .filter(({ event }) => event === 'waitlisted')
        .map(({ data }) => Number(data.waitlist_position));
      assert.deepEqual(
        positions,
        [...new Set(positions)].sort((a, b) => b - a),
      );
      // A reconnected stream shows the current state.
      const again = await watch('dan', campaign, dan.events.at(-1)?.id);
      await eventually(() => again.events.at(-1)?.data.waitlist_position === 1);
      dan.close();
      again.close();
      const { rows } = await system.pool.query(
        'select user_id, outcome, serial from entry_outcomes where campaign_id = $1 order by stamp',
        [campaign],
      );
      assert.deepEqual(
        rows.map(({ user_id, outcome, serial }) => [user_id, outcome, serial]),
        [
          ['ann', 'lapsed', null],
          ['ben', 'granted', 1],
          ['cat', 'withdrawn', null],
          ['dan', 'waitlisted', null],
          ['eve', 'sold_out', null],
        ],
      );
    });

    it('answers a repeated claim alike on any gateway, and never sold_out to a holder or waiting user', async () => {
      const campaign = await system.offer({ kind: 'coupon', stock: 1, waitlist: 1, claim_within_s: 60 });
      await enterAll(campaign, 'ann', 'ben');
      await becomes('ben', campaign, 'waitlisted');
      const first = await claim('ann', campaign);
      const second = await claim('ann', campaign, 1);
      assert.equal(first.body.outcome, 'claimed');
      const { receipt, ...answer } = first.body;
      assert.ok(receipt, 'a claim has a receipt');
      assert.deepEqual({ ...second.body, receipt }, first.body);
      await becomes('ann', campaign, 'granted');
      const third = await claim('ann', campaign);
      assert.deepEqual([third.status, third.body], [202, answer]);
      await eventually(async () => (await system.enter('stranger', campaign)).status === 409);
      for (const user of ['ann', 'ben']) assert.equal((await system.enter(user, campaign)).status, 202);
      const refused = await system.ask('ann', 'DELETE', path(campaign));
      assert.equal(refused.body.type, 'urn:fairline:problem:already-settled');
    });

    it('refuses a claim without an offer', async () => {
      const campaign = await system.offer({ kind: 'coupon', stock: 1, waitlist: 1, claim_within_s: 60 });
      const plain = await system.offer({ kind: 'coupon', stock: 1 });
      await enterAll(campaign, 'ann', 'ben');
      await enterAll(plain, 'ann');
      await becomes('ben', campaign, 'waitlisted');
      await becomes('ann', plain, 'granted');
      for (const [user, of, type] of [
        ['ben', campaign, 'nothing-to-claim'],
        ['ann', plain, 'nothing-to-claim'],
        ['nobody', campaign, 'no-entry'],
      ] as const) {
        assert.equal((await claim(user, of)).body.type, `urn:fairline:problem:${type}`, user);
      }
      assert.equal((await system.ask('ann', 'DELETE', path(campaign))).status, 202);
      await becomes('ben', campaign, 'offered');
      assert.equal((await claim('ann', campaign)).body.type, 'urn:fairline:problem:already-withdrawn');
    });

    it('passes an unclaimed prize to the next alternate, and publishes the book after the last claim', async () => {
      const campaign = await system.offer({
        kind: 'raffle',
        winners: 1,
        alternates: 2,
        claim_within_s: 5,
        closes_at: new Date(Date.now() + 2_000).toISOString(),
      });
      await enterAll(campaign, 'ann', 'ben', 'cat');
      const state = async (outcome: string): Promise<string | undefined> => {
        const { rows } = await system.pool.query<{ user_id: string }>(
          'select user_id from entry_outcomes where campaign_id = $1 and outcome = $2',
          [campaign, outcome],
        );
        return rows[0]?.user_id;
      };
      const winner = await eventually(() => state('offered'));
      assert.equal((await system.ask(winner, 'GET', `/v1/campaigns/${campaign}/proof`)).status, 200);
      await eventually(async () => (await state('lapsed')) === winner);
      const alternate = await eventually(() => state('offered'));
      assert.notEqual(alternate, winner);
      await becomes(alternate, campaign, 'offered');
      assert.equal((await system.ask('ann', 'GET', `/v1/campaigns/${campaign}/book`)).status, 409);
      assert.equal((await claim(alternate, campaign)).status, 202);
      await becomes(alternate, campaign, 'won');
      await eventually(
        async () => (await system.ask('ann', 'GET', `/v1/campaigns/${campaign}/book`)).status === 200,
      );
      assert.ok(await state('not_drawn'));
    });

    it('the operator ends an offer manually and sees the new holder', async () => {
      const campaign = await system.offer({ kind: 'coupon', stock: 1, waitlist: 1, claim_within_s: 600 });
      await enterAll(campaign, 'ann', 'ben');
      await becomes('ben', campaign, 'waitlisted');
      const passOn = { serial: 1, reason: 'not seen at the till' };
      const passed = await system.operate('POST', `/v1/campaigns/${campaign}/alternates/next`, passOn);
      assert.deepEqual(passed.body, { serial: 1, tier: null, alternate: 1, user: 'ben', passed_from: 'ann' });
      const again = await system.operate('POST', `/v1/campaigns/${campaign}/alternates/next`, passOn);
      assert.equal(again.status, 409);
      await becomes('ann', campaign, 'lapsed');
    });
  });
}
