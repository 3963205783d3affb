/**
 * A node of a Redis Cluster is lost with its last writes about claims, a room and a code. Users who look all the while get the
 * earlier answer, a later one, or that it is unknown at the moment.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { brokenInvariants } from '../../engine/test/gateway.ts';
import { TestCluster } from '../../engine/test/redis-cluster.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { makeLine, moved, presentNow } from '../testing/outage.ts';

/** Coupons and the campaigns 2 and 3 lie on the first master, the leases on the second, the board and presence on the third. */
const LAST_SLOTS = [8_191, 15_199, 16_383] as const;
const SETTINGS = { LEASE_MS: '5000', REDIS_TIMEOUT_MS: '10000', LEDGER_TIMEOUT_MS: '10000' };
const SLOW = { timeoutMs: 120_000 };
const PAUSE_MS = 50;
const USES = 10;

/** The answers to one question, each that differs from the one before; 503 is no answer. */
class Seen {
  readonly answers: string[] = [];
  readonly #ask: (gateway: number) => Promise<Answer>;
  readonly #read: (answer: Answer) => string;
  #asked = 0;

  constructor(ask: (gateway: number) => Promise<Answer>, read: (answer: Answer) => string) {
    this.#ask = ask;
    this.#read = read;
  }

  /** Asks both gateways in turn. Returns whether there was an answer. */
  async look(): Promise<boolean> {
    const answer = await this.#ask(this.#asked++ % 2);
    if (answer.status === 503) return false;
    const text = answer.status === 200 ? this.#read(answer) : `${answer.status} ${answer.text}`;
    if (this.answers.at(-1) !== text) this.answers.push(text);
    return true;
  }
}

// A log in Redis would lose its last entries with the node, and is refused on a Cluster.
for (const log of availableLogs().filter(each => each !== 'redis')) {
  describe(`claims, rooms and codes after the loss of a Redis node, over ${log}`, () => {
    let cluster: TestCluster;
    let system: System;
    before(async () => {
      cluster = await TestCluster.start(LAST_SLOTS);
      const options = { log, redisCluster: cluster.urls, engineEnv: SETTINGS, gatewayEnv: SETTINGS };
      system = await startSystem({ ...options, gateways: 2 });
    });
    after(async () => {
      await system?.close();
      await cluster?.stop();
    });

    /** Looks again and again until `end`. */
    const watch = (seen: readonly Seen[]): { end(): Promise<void> } => {
      let isOver = false;
      const looking = (async () => {
        while (!isOver) {
          await Promise.all(seen.map(each => each.look()));
          await sleep(PAUSE_MS);
        }
      })();
      return {
        end: () => {
          isOver = true;
          return looking;
        },
      };
    };

    const awaitAnswer = (seen: Seen, answer: string): Promise<unknown> =>
      eventually(async () => (await seen.look()) && seen.answers.at(-1) === answer, SLOW);

    test('reverts no acknowledged claim or use of a code', async () => {
      // The next campaign lies on the same node as coupons.
      const other = await system.offer({ kind: 'raffle', winners: 1 });
      const campaign = await system.offer({ kind: 'coupon', stock: 2, waitlist: 2, claim_within_s: 3_600 });
      const { claimants } = system.keys.campaign(campaign);
      equal(await cluster.holderOf(claimants), await cluster.holderOf(system.keys.couponVersion));
      const code = 'TEN-PERCENT';
      const terms = { discount: 'percentage', basis_points: 1_000, limit_total: USES };
      equal((await system.operate('POST', '/v1/coupons', { code, terms })).status, 201);

      const path = `/v1/campaigns/${campaign}/entries`;
      const entries = ['claims', 'leaves', 'moves-up', 'waits'].map(user => ({
        user,
        seen: new Seen(
          gateway => system.ask(user, 'GET', `${path}/me`, { gateway }),
          ({ body }) => String(body.outcome),
        ),
      }));
      const [claims, leaves, movesUp, waits] = entries.map(({ seen }) => seen);
      ok(claims && leaves && movesUp && waits);
      const uses = new Seen(
        gateway => system.shop('GET', `/v1/coupons/${code}`, { gateway }),
        ({ body }) => String(body.remaining),
      );
      for (const { user } of entries) equal((await system.enter(user, campaign)).status, 202);
      await Promise.all([
        awaitAnswer(claims, 'offered'),
        awaitAnswer(leaves, 'offered'),
        awaitAnswer(movesUp, 'waitlisted'),
      ]);
      await Promise.all([awaitAnswer(waits, 'waitlisted'), awaitAnswer(uses, String(USES))]);
      for (const { seen } of entries) seen.answers.splice(0, seen.answers.length - 1);
      const watching = watch([...entries.map(({ seen }) => seen), uses]);

      await cluster.failOver(claimants, async () => {
        equal((await system.ask('claims', 'POST', `${path}/me/claim`)).status, 202);
        equal((await system.ask('leaves', 'DELETE', `${path}/me`)).status, 202);
        const line = { product: 'shoe', quantity: 1, unit_amount: 1_000 };
        const sold = await system.shop('POST', '/v1/redemptions', {
          body: JSON.stringify({ user: 'ann', currency: 'EUR', lines: [line], codes: [code] }),
          headers: { 'idempotency-key': randomUUID() },
        });
        equal(sold.status, 201, sold.text);
        await Promise.all([
          awaitAnswer(claims, 'granted'),
          awaitAnswer(leaves, 'declined'),
          awaitAnswer(movesUp, 'offered'),
        ]);
        await awaitAnswer(uses, String(USES - 1));
      });
      await eventually(async () => (await system.enter('after', other)).status === 202, SLOW);
      for (const { seen } of entries) await eventually(() => seen.look(), SLOW);
      await eventually(async () => (await system.redis.hlen(claimants)) === 4, SLOW);
      await watching.end();
      deepEqual(
        [...entries.map(({ seen }) => seen.answers), uses.answers],
        [
          ['offered', 'granted'],
          ['offered', 'declined'],
          ['waitlisted', 'offered'],
          ['waitlisted'],
          [String(USES), String(USES - 1)],
        ],
      );
      deepEqual(await brokenInvariants(system.pool), []);
    });

    test('waiting users stay present in a room, and later departures are recorded', async () => {
      const { room, names, come } = await makeLine(system);
      const [first = '', second = ''] = system.gateways.map(({ url }) => url);
      const streams = [...(await come(first, names.slice(0, 3))), ...(await come(second, names.slice(3)))];
      const [leaver] = await come(first, ['leaver']);
      await eventually(async () => (await presentNow(system, room)) === names.length + 1, SLOW);
      const presence = system.keys.presenceMark;
      let late: Awaited<ReturnType<typeof come>> = [];
      await cluster.failOver(presence, async () => {
        equal((await system.enter('late', room)).status, 202);
        late = await come(second, ['late']);
        await eventually(async () => (await presentNow(system, room)) === names.length + 2, SLOW);
      });
      await eventually(async () => (await system.enter('after', room)).status === 202, SLOW);
      leaver?.close();
      await eventually(async () => (await moved(system, room)).includes('leaver'), SLOW);
      // The users without a stream.
      deepEqual(
        (await moved(system, room)).filter(user => user !== 'after'),
        ['leaver'],
      );
      for (const stream of [...streams, ...late]) {
        ok(stream.events.every(({ event }) => event !== 'outcome'));
        stream.close();
      }
      deepEqual(await brokenInvariants(system.pool), []);
    });
  });
}
