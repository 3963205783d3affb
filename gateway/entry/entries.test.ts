import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';

const PROBLEM = 'urn:fairline:problem:';

function assertProblem(answer: Answer, status: number, slug: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body.type, PROBLEM + slug);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
}

for (const log of availableLogs()) {
  describe(`entries over ${log}, two gateways`, () => {
    let system: System;
    before(async () => {
      system = await startSystem({ log, gateways: 2 });
    });
    after(() => system.close());

    test('accepts an entry, and repeats get the same stamp from either gateway', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      const first = await system.enter('alice', id);
      assert.equal(first.status, 202, first.text);
      assert.equal(first.body.campaign, id);
      assert.equal(first.body.estimated_position, 1);
      assert.deepEqual([first.body.position, first.body.provisional], [null, true]);
      for (const gateway of [0, 1, 0]) {
        // A repeat has no position while Redis takes too long to count.
        const again = await eventually(async () => {
          const answer = await system.enter('alice', id, gateway);
          assert.equal(answer.body.stamp, first.body.stamp);
          return (answer.body.position ?? answer.body.estimated_position) !== undefined && answer;
        });
        assert.equal(again.status, 202);
        assert.equal(again.body.position ?? again.body.estimated_position, 1);
        assert.equal(again.body.provisional, again.body.position === null);
      }
      const second = await system.enter('bob', id, 1);
      assert.equal(second.body.estimated_position, 2);
      assert.ok(Number(second.body.stamp) > Number(first.body.stamp));
    });

    test('concurrent requests of one user at both gateways end as one entry with one stamp', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, index) => system.enter('carol', id, index % 2)),
      );
      for (const answer of answers) assert.equal(answer.status, 202, answer.text);
      const [final, again] = await Promise.all([system.enter('carol', id, 0), system.enter('carol', id, 1)]);
      assert.equal(final.body.stamp, again.body.stamp);
      const least = Math.min(...answers.map(answer => Number(answer.body.stamp)));
      assert.equal(final.body.stamp, least);
      await eventually(async () => {
        const { rows } = await system.pool.query('select stamp from entries where campaign_id = $1', [id]);
        return rows.length === 1 && rows[0].stamp === least;
      });
    });

    test('one slice may hold several campaigns', async () => {
      const ids = await Promise.all([1, 2, 3].map(() => system.offer({ kind: 'raffle', winners: 1 })));
      const answers = await Promise.all(
        Array.from({ length: 90 }, (_, index) => system.enter(`u${index}`, ids[index % 3] ?? 0)),
      );
      assert.deepEqual(new Set(answers.map(answer => answer.status)), new Set([202]));
      for (const id of ids) {
        const positions = answers
          .filter(answer => answer.body.campaign === id)
          .map(answer => answer.body.estimated_position);
        assert.equal(new Set(positions).size, 30, 'every position is given once');
      }
    });

    test('answers 409 with the time before the opening, and opens without a message', async () => {
      const opens_at = new Date(Date.now() + 6_000).toISOString();
      const id = await system.offer({ kind: 'coupon', stock: 1, opens_at });
      const early = await system.enter('alice', id);
      assertProblem(early, 409, 'not-open-yet');
      assert.equal(early.body.opens_at, opens_at);
      assert.match(early.headers.get('retry-after') ?? '', /^[1-6]$/);
      const opened = await eventually(async () => {
        const answer = await system.enter('alice', id);
        return answer.status === 202 && answer;
      });
      assert.ok(Number(opened.body.stamp) >= 0);
    });

    test("answers 409 with the time after an operator's close, and settles every entry", async () => {
      const id = await system.offer({ kind: 'raffle', winners: 2 });
      for (const user of ['alice', 'bob', 'carol']) assert.equal((await system.enter(user, id)).status, 202);
      const closed = await system.operate('POST', `/v1/campaigns/${id}/close`);
      assert.equal(closed.status, 200, closed.text);
      // The position is provisional until all earlier requests are known.
      const late = await eventually(async () => {
        const answer = await system.enter('dave', id);
        return answer.status !== 503 && answer;
      });
      assertProblem(late, 409, 'closed');
      const own = await system.enter('alice', id);
      assert.equal(own.status, 200, own.text);
      assert.equal(own.body.campaign, id);
      assert.ok(Number(own.body.stamp) >= 0);
      assert.equal(late.body.closes_at, closed.body.closes_at);
      assert.ok(Number(late.headers.get('retry-after')) > 0);
      const outcomes = await eventually(async () => {
        const views = await Promise.all(
          ['alice', 'bob', 'carol'].map(user => system.ask(user, 'GET', `/v1/campaigns/${id}/entries/me`)),
        );
        const states = views.map(view => String(view.body.outcome));
        return !states.includes('waiting') && states;
      });
      assert.deepEqual(outcomes.sort(), ['not_drawn', 'won', 'won']);
    });

    test('admission control answers sold_out, and winners still see their coupon', async () => {
      const id = await system.offer({ kind: 'coupon', stock: 2 });
      const [first] = [
        await system.enter('alice', id),
        await system.enter('bob', id),
        await system.enter('carol', id),
      ];
      const refused = await eventually(async () => {
        const answer = await system.enter('dave', id);
        return answer.status === 409 && answer;
      });
      assertProblem(refused, 409, 'sold-out');
      const again = await system.enter('alice', id);
      assert.equal(again.status, 200, again.text);
      assert.equal(again.body.outcome, 'granted');
      assert.equal(again.body.serial, 1);
      assert.equal(again.body.stamp, first.body.stamp);
      const lost = await eventually(async () => {
        const answer = await system.ask('carol', 'GET', `/v1/campaigns/${id}/entries/me`);
        // A settled entry is in the log; its rank is final when all gateways have ranked that far.
        return answer.body.outcome !== 'waiting' && answer.body.position !== null && answer;
      });
      assert.equal(lost.body.outcome, 'sold_out');
      assert.equal(lost.body.position, 3);
    });

    test('logs a withdrawal, which is final and frees the coupon', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 3 });
      for (const user of ['alice', 'bob']) await system.enter(user, id);
      assertProblem(await system.ask('nobody', 'DELETE', `/v1/campaigns/${id}/entries/me`), 404, 'no-entry');
      const gone = await system.ask('alice', 'DELETE', `/v1/campaigns/${id}/entries/me`, { gateway: 1 });
      assert.equal(gone.status, 202, gone.text);
      assert.equal(gone.body.outcome, 'withdrawing');
      const view = await eventually(async () => {
        const answer = await system.ask('alice', 'GET', `/v1/campaigns/${id}/entries/me`);
        return answer.body.outcome === 'withdrawn' && answer;
      });
      assert.equal(view.body.stamp, gone.body.stamp);
      assertProblem(await system.enter('alice', id), 409, 'already-withdrawn');
      assertProblem(
        await system.ask('alice', 'DELETE', `/v1/campaigns/${id}/entries/me`),
        409,
        'already-withdrawn',
      );
      const behind = await eventually(async () => {
        const answer = await system.ask('bob', 'GET', `/v1/campaigns/${id}/entries/me`);
        return answer.body.ahead === 0 && answer;
      });
      assert.equal(behind.body.position, 2);
    });

    test('refuses to withdraw a settled entry', async () => {
      const id = await system.offer({ kind: 'coupon', stock: 5 });
      await system.enter('alice', id);
      await eventually(async () => {
        const answer = await system.ask('alice', 'GET', `/v1/campaigns/${id}/entries/me`);
        return answer.body.outcome === 'granted';
      });
      assertProblem(
        await system.ask('alice', 'DELETE', `/v1/campaigns/${id}/entries/me`),
        409,
        'already-settled',
      );
    });

    test('shows a position only when it is final', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      await system.enter('alice', id);
      await eventually(async () => {
        const { body } = await system.ask('alice', 'GET', `/v1/campaigns/${id}/entries/me`);
        assert.equal(body.provisional, body.position === null);
        return body.position === 1 && body.ahead === 0;
      });
    });

    test('knows a new campaign at once', async () => {
      for (let count = 0; count < 5; count++) {
        const id = await system.offer({ kind: 'raffle', winners: 1 });
        assert.equal((await system.enter('alice', id)).status, 202);
        assert.equal((await fetch(`${system.gateways[1]?.url}/v1/campaigns/${id}`)).status, 200);
      }
    });

    test('a restarted gateway answers with the same stamp', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      const first = await system.enter('alice', id, 1);
      await system.gateways[1]?.process.stop();
      system.gateways[1] = await system.startGateway();
      const again = await system.enter('alice', id, 1);
      assert.equal(again.body.stamp, first.body.stamp);
    });

    test('a gateway without a lease accepts nothing, and recovers by itself', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      const leases = await system.redis.hkeys(system.keys.leases);
      await system.redis.hdel(system.keys.leases, ...leases.filter(field => field.startsWith('g:')));
      // A gateway that looks at once has its lease again before anybody asks.
      const refused = await eventually(
        async () => {
          const answer = await system.enter('alice', id);
          return answer.status === 503 && answer;
        },
        { timeoutMs: 5_000 },
      ).catch(() => undefined);
      if (refused !== undefined) {
        assertProblem(refused, 503, 'unavailable');
        assert.equal(refused.headers.get('retry-after'), '1');
      }
      await eventually(async () => (await system.enter('bob', id)).status === 202);
      await sleep(100);
      await eventually(async () => {
        const { rows } = await system.pool.query('select user_id from entries where campaign_id = $1', [id]);
        return rows.some(row => row.user_id === 'bob');
      });
    });
  });
}
