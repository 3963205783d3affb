import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type EventStream, openEvents } from '../../engine/test/events.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';

for (const log of availableLogs()) {
  describe(`the queue as a stream, over ${log}, two gateways`, () => {
    let system: System;
    const streams: EventStream[] = [];
    before(async () => {
      system = await startSystem({
        log,
        gateways: 2,
        gatewayEnv: { WATCHER_COMMENT_MS: '300', MAX_WATCHERS_PER_USER: '2', WATCHER_RETRY_MS: '500' },
      });
    });
    after(async () => {
      for (const stream of streams) stream.close();
      await system.close();
    });

    const watch = async (
      user: string,
      id: number,
      { gateway = 0, lastEventId }: { gateway?: number; lastEventId?: string } = {},
    ): Promise<EventStream> => {
      const authorization = `Bearer ${await system.ticket(user)}`;
      const headers = {
        authorization,
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      };
      const stream = await openEvents(`${system.gateways[gateway]?.url}/v1/campaigns/${id}/queue`, headers);
      streams.push(stream);
      return stream;
    };

    test('sends the position, then a falling ahead, then the outcome, and ends the stream', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      for (const user of ['a', 'b', 'c']) await system.enter(user, id);
      const stream = await watch('c', id);
      assert.equal(stream.response.headers.get('content-type'), 'text/event-stream');
      assert.equal(stream.response.headers.get('cache-control'), 'no-store');
      await eventually(() => stream.events.length > 0);
      assert.deepEqual(stream.events[0]?.data, { position: 3, ahead: 2 });
      assert.ok(Number(stream.retryMs) >= 500 && Number(stream.retryMs) <= 1_000);
      await system.ask('a', 'DELETE', `/v1/campaigns/${id}/entries/me`);
      await eventually(() => stream.events.length > 1);
      assert.deepEqual(stream.events[1]?.data, { position: 3, ahead: 1 });
      await eventually(() => stream.comments > 1);
      await system.operate('POST', `/v1/campaigns/${id}/close`);
      await stream.ended;
      const last = stream.events.at(-1);
      assert.equal(last?.event, 'outcome');
      assert.ok(last.data.outcome === 'won' || last.data.outcome === 'not_drawn');
      assert.equal(last.data.position, 3);
      const view = await system.ask('c', 'GET', `/v1/campaigns/${id}/entries/me`);
      assert.equal(view.body.outcome, last.data.outcome);

      const again = await watch('c', id, { lastEventId: last.id });
      assert.equal(again.status, 204, 'an EventSource stops at 204');
      const reload = await watch('c', id);
      await reload.ended;
      assert.deepEqual(
        reload.events.map(event => event.data),
        [last.data],
        'a reopened page gets the outcome',
      );
    });

    test("reports a withdrawal on the user's own stream", async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      await system.enter('a', id);
      const stream = await watch('a', id);
      await eventually(() => stream.events.length > 0);
      await system.ask('a', 'DELETE', `/v1/campaigns/${id}/entries/me`);
      await stream.ended;
      assert.equal(stream.events.at(-1)?.data.outcome, 'withdrawn');
    });

    test('sends granted and sold_out as the ledger has them', async () => {
      const id = await system.offer({ kind: 'coupon', stock: 2 });
      const users = ['a', 'b', 'c', 'd'];
      for (const user of users) await system.enter(user, id);
      const watched = await Promise.all(users.map((user, index) => watch(user, id, { gateway: index % 2 })));
      await Promise.all(watched.map(stream => stream.ended));
      const { rows } = await system.pool.query(
        'select outcome, serial, code from entry_outcomes where campaign_id = $1 order by stamp',
        [id],
      );
      for (const [index, stream] of watched.entries()) {
        const { outcome, serial, code } = stream.events.at(-1)?.data ?? {};
        assert.deepEqual({ outcome, serial: serial ?? null, code: code ?? null }, rows[index]);
      }
    });

    test('a watcher who reconnects elsewhere sees the same position, and nothing goes backward', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      for (const user of ['a', 'b', 'c', 'd']) await system.enter(user, id);
      const first = await watch('d', id);
      await eventually(() => first.events.length > 0);
      const lastEventId = first.events.at(-1)?.id ?? '';
      first.close();
      await first.ended;
      const second = await watch('d', id, { gateway: 1, lastEventId });
      await eventually(() => second.events.length > 0);
      assert.deepEqual(second.events[0]?.data, first.events.at(-1)?.data);
    });

    test('refuses a stream without an entry; allows a second tab, not a third', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      assert.equal((await watch('nobody', id)).status, 404);
      await system.enter('tabs', id);
      const [one] = [await watch('tabs', id), await watch('tabs', id)];
      const third = await watch('tabs', id);
      assert.equal(third.status, 429);
      assert.equal(third.response.headers.get('retry-after'), '5');
      one.close();
      await eventually(async () => (await watch('tabs', id)).status === 200);
    });

    test('sends simultaneous outcomes in turns of a hundred, to everybody', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      const users = Array.from({ length: 250 }, (_, index) => `m${index}`);
      await Promise.all(users.map(user => system.enter(user, id)));
      const watched = await Promise.all(users.map(user => watch(user, id)));
      await eventually(() => watched.every(stream => stream.events.length > 0));
      await system.operate('POST', `/v1/campaigns/${id}/close`);
      await Promise.all(watched.map(stream => stream.ended));
      for (const stream of watched) assert.equal(stream.events.at(-1)?.event, 'outcome');
      const text = await (await fetch(`${system.gateways[0]?.url}/metrics`)).text();
      const figure = (name: string): number =>
        Number(new RegExp(`^fairline_watchers_told_a_turn_${name} (\\d+)`, 'm').exec(text)?.[1]);
      assert.ok(figure('sum') >= users.length);
      assert.equal(figure('bucket\\{le="100"\\}'), figure('count'), 'no turn exceeded the limit');
    });

    test('waiting watchers cost Redis nothing', async () => {
      const id = await system.offer({ kind: 'raffle', winners: 1 });
      const users = Array.from({ length: 100 }, (_, index) => `w${index}`);
      await Promise.all(users.map(user => system.enter(user, id)));
      const watched = await Promise.all(users.map(user => watch(user, id)));
      await eventually(() => watched.every(stream => stream.events.length > 0));
      const ranks = async (): Promise<number> => {
        const text = await system.redis.info('commandstats');
        return Number(/cmdstat_zrank:calls=(\d+)/.exec(text)?.[1] ?? 0);
      };
      // Other suites use the same Redis: measure only while none of them sends commands.
      await eventually(async () => {
        const before = await ranks();
        await eventually(() => watched.every(stream => stream.comments > 1));
        return (await ranks()) === before;
      });
      for (const stream of watched) stream.close();
    });
  });
}
