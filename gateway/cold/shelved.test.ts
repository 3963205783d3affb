/**
 * Shelved campaigns: users get the same answers as before, also after Redis was emptied, from a new gateway, and after prizes
 * were passed on; and Redis holds nothing about these campaigns.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { openEvents, type StreamEvent } from '../../engine/test/events.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';

const USERS = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay', 'stranger'];
/** Applies the change to any version. */
const ANY = { 'if-match': '*' };
const TERMS = { discount: 'percentage', basis_points: 1_000 };

/** The answers to one user about one campaign. */
interface Answers {
  readonly entry: string;
  readonly deleted: string;
  readonly claimed: string;
  readonly events: readonly StreamEvent[];
}

for (const log of availableLogs()) {
  describe(`campaigns shelved from Redis, over ${log}`, () => {
    let system: System;
    /** A coupon, a raffle with alternates, a coupon with claims and a waitlist, and one that was cancelled. */
    let campaigns: readonly number[] = [];
    const asBefore = new Map<string, Answers>();
    let viewsBefore: readonly string[] = [];

    const me = (id: number): string => `/v1/campaigns/${id}/entries/me`;
    const textOf = ({ status, text }: Answer): string => `${status} ${text}`;

    async function watch(user: string, id: number, gateway = 0): Promise<readonly StreamEvent[]> {
      const authorization = `Bearer ${await system.ticket(user)}`;
      const url = `${system.gateways[gateway]?.url}/v1/campaigns/${id}/queue`;
      const stream = await openEvents(url, { authorization });
      await stream.ended;
      return stream.events;
    }

    async function answersOf(user: string, id: number, gateway = 0): Promise<Answers> {
      return {
        entry: textOf(await system.ask(user, 'GET', me(id), { gateway })),
        deleted: textOf(await system.ask(user, 'DELETE', me(id), { gateway })),
        claimed: textOf(await system.ask(user, 'POST', `${me(id)}/claim`, { gateway })),
        events: await watch(user, id, gateway),
      };
    }

    async function views(gateway = 0): Promise<readonly string[]> {
      const paths = ['', ...campaigns.map(id => `/${id}`), '?limit=2', '?after=2&limit=1'];
      const answers = [];
      for (const path of paths) {
        const response = await fetch(`${system.gateways[gateway]?.url}/v1/campaigns${path}`);
        answers.push(`${response.status} ${await response.text()}`);
      }
      return answers;
    }

    async function isShelved(id: number): Promise<boolean> {
      const held = await system.redis.keys(`${system.namespace}:p:{c${id}}:*`);
      const record = await system.redis.hget(system.keys.boardCampaigns, String(id));
      return held.length === 0 && record === null;
    }

    async function checkAll(gateway: number): Promise<void> {
      for (const id of campaigns) {
        for (const user of USERS)
          assert.deepEqual(
            await answersOf(user, id, gateway),
            asBefore.get(`${id} ${user}`),
            `${user} of ${id}`,
          );
      }
      assert.deepEqual(await views(gateway), viewsBefore);
    }

    const finished = async (id: number): Promise<boolean> => {
      const { rows } = await system.pool.query(
        'select from campaigns where campaign_id = $1 and finished_at is not null',
        [id],
      );
      return rows.length === 1;
    };

    before(async () => {
      // On a busy machine an answer of the ledger may take longer than the default allows.
      const gatewayEnv = { LEDGER_TIMEOUT_MS: '5000' };
      system = await startSystem({ log, gateways: 2, gatewayEnv });
      const coupon = await system.offer({ kind: 'coupon', stock: 2, terms: TERMS });
      const raffle = await system.offer({ kind: 'raffle', winners: 1, alternates: 2 });
      const claims = await system.offer({ kind: 'coupon', stock: 1, waitlist: 2, claim_within_s: 60 });
      const cancelled = await system.offer({ kind: 'coupon', stock: 1 });
      campaigns = [coupon, raffle, claims, cancelled];
      for (const id of campaigns) {
        for (const [index, user] of USERS.slice(0, 5).entries())
          assert.equal((await system.enter(user, id, index % 2)).status, 202);
      }
      assert.equal((await system.ask('dan', 'DELETE', me(raffle))).status, 202);
      await eventually(async () => (await system.ask('ann', 'GET', me(claims))).body.outcome === 'offered');
      assert.equal((await system.ask('ann', 'POST', `${me(claims)}/claim`)).status, 202);
      assert.equal((await system.operate('POST', `/v1/campaigns/${cancelled}/cancel`, {}, ANY)).status, 200);
      for (const id of [coupon, raffle, claims])
        assert.equal((await system.operate('POST', `/v1/campaigns/${id}/close`, {})).status, 200);
      for (const id of campaigns) await eventually(() => finished(id), { timeoutMs: 180_000 });
      for (const id of [coupon, raffle, claims])
        await eventually(async () => (await fetch(`${system.gateways[0]?.url}/v1/campaigns/${id}/book`)).ok, {
          timeoutMs: 180_000,
        });
      await eventually(async () => (await views(0)).join() === (await views(1)).join());
      for (const id of campaigns) {
        for (const user of USERS) asBefore.set(`${id} ${user}`, await answersOf(user, id));
      }
      viewsBefore = await views();
    });
    after(() => system.close());

    test('keeps nothing of them in Redis, and answers everybody as before', async () => {
      for (const id of campaigns) assert.equal(await isShelved(id), false);
      await system.engine.process.stop();
      system.engine = await system.startEngine({ SHELVE_AFTER_S: '1' });
      for (const id of campaigns) await eventually(() => isShelved(id), { timeoutMs: 180_000 });
      await checkAll(0);
      await checkAll(1);
      assert.match(asBefore.get(`${campaigns[0]} ann`)?.entry ?? '', /"position":1,.*"outcome":"granted"/);
      assert.match(asBefore.get(`${campaigns[1]} dan`)?.entry ?? '', /"outcome":"withdrawn"/);
      assert.match(asBefore.get(`${campaigns[2]} ann`)?.entry ?? '', /"outcome":"granted".*"ended_at"/);
    });

    test('answers a repeated entry with its outcome, and a new one with closed', async () => {
      const [coupon = 0] = campaigns;
      const again = await system.enter('ann', coupon, 1);
      assert.equal(textOf(again), asBefore.get(`${coupon} ann`)?.entry);
      const late = await system.enter('fay', coupon);
      assert.equal(late.body.type, 'urn:fairline:problem:closed', late.text);
      const never = await system.enter('fay', 999_999);
      assert.equal(never.body.type, 'urn:fairline:problem:unknown-campaign');
    });

    test('still redeems granted coupons and serves the book', async () => {
      const [coupon = 0] = campaigns;
      const { body } = await system.ask('ann', 'GET', me(coupon));
      const basket = {
        ...{ user: 'ann', currency: 'EUR', codes: [body.code] },
        lines: [{ product: 'shoe', quantity: 1, unit_amount: 5_000 }],
      };
      const redeemed = await system.shop('POST', '/v1/redemptions', {
        body: JSON.stringify(basket),
        headers: { 'idempotency-key': randomUUID() },
      });
      assert.equal(redeemed.status, 201, redeemed.text);
      assert.equal((await fetch(`${system.gateways[1]?.url}/v1/campaigns/${coupon}/book`)).status, 200);
    });

    test('a new gateway and an emptied Redis answer the same, and nothing is restored', async () => {
      system.gateways[1] = await system.startGateway();
      await checkAll(1);
      // Everything but the log, if that is in Redis.
      await system.redis.unlink(...(await system.redis.keys(system.keys.projectionPattern)));
      for (const { url } of system.gateways)
        await eventually(async () => (await fetch(`${url}/readyz`)).ok, { timeoutMs: 180_000 });
      const open = await system.offer({ kind: 'raffle', winners: 1 });
      // Afterwards each gateway has a lease of the new registry.
      for (const gateway of [0, 1]) {
        const enters = async (): Promise<boolean> =>
          (await system.enter(`late-${gateway}`, open, gateway)).status === 202;
        await eventually(enters, { timeoutMs: 180_000 });
      }
      viewsBefore = await views(0);
      await checkAll(0);
      await checkAll(1);
      for (const id of campaigns) assert.equal(await isShelved(id), true);
    });

    test('shows a reassigned prize, and no longer lists an archived campaign', async () => {
      const [, raffle = 0] = campaigns;
      const winner = USERS.find(user =>
        /"outcome":"won"/.test(asBefore.get(`${raffle} ${user}`)?.entry ?? ''),
      );
      const passed = await system.operate('POST', `/v1/campaigns/${raffle}/alternates/next`, {
        serial: 1,
        reason: 'did not answer',
      });
      assert.equal(passed.status, 200, passed.text);
      const { user } = passed.body;
      assert.equal(typeof user, 'string');
      await eventually(
        async () => (await system.ask(String(user), 'GET', me(raffle))).body.outcome === 'won',
      );
      assert.equal((await system.ask(String(winner), 'GET', me(raffle))).body.outcome, 'not_drawn');
      assert.equal((await system.operate('POST', `/v1/campaigns/${raffle}/archive`, {}, ANY)).status, 200);
      const list = async (): Promise<string> =>
        await (await fetch(`${system.gateways[0]?.url}/v1/campaigns`)).text();
      await eventually(async () => !(await list()).includes(`"id":${raffle},`));
      assert.equal(await isShelved(raffle), true);
    });

    test('a gateway without a ledger serves running campaigns and reports shelved ones as unavailable', async () => {
      const withoutLedger = await system.startGateway({ DATABASE_URL: 'postgres://127.0.0.1:1/nowhere' });
      const list = await (await fetch(`${withoutLedger.url}/v1/campaigns`)).json();
      assert.equal(Reflect.get(Object(list), 'partial'), true);
      const [coupon = 0] = campaigns;
      const authorization = `Bearer ${await system.ticket('ann')}`;
      assert.equal((await fetch(withoutLedger.url + me(coupon), { headers: { authorization } })).status, 503);
      assert.equal(
        (await fetch(withoutLedger.url + me(999_999), { headers: { authorization } })).status,
        404,
      );
    });
  });
}
