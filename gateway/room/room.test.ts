import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { brokenInvariants, users } from '../../engine/test/gateway.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { line, present, SLOWLY, setRoom, stateOf, watch } from '../testing/room.ts';

for (const log of availableLogs()) {
  describe(`a waiting room (${log})`, () => {
    let system: System;
    before(async () => {
      system = await startSystem({ log, gateways: 2 });
    });
    after(() => system.close());

    test('goes from entry to shop and out again', async () => {
      const room = await system.offer({ kind: 'room', per_second: 100, capacity: 1, single_use: true });
      const [alice, bob] = await line(system, room, ['alice', 'bob']);
      assert.ok(alice !== undefined && bob !== undefined);
      const pass = (user: string): Promise<Answer> =>
        system.ask(user, 'POST', `/v1/campaigns/${room}/pass`, { gateway: 1 });
      await alice.ended;
      assert.deepEqual(alice.events.at(-1)?.data.outcome, 'admitted');
      assert.equal((await pass('bob')).body.type, 'urn:fairline:problem:no-pass');
      const given = await pass('alice');
      assert.equal(given.status, 200, given.text);
      const jwks = createRemoteJWKSet(new URL(`${system.gateways[0]?.url}/.well-known/jwks.json`));
      const { payload, protectedHeader } = await jwtVerify(String(given.body.pass), jwks, {
        audience: `fairline-room-${room}`,
        typ: 'fairline-pass+jwt',
      });
      assert.deepEqual([payload.sub, payload.campaign, payload.serial], ['alice', room, 1]);
      assert.equal(protectedHeader.alg, 'EdDSA');

      const report = (body: object, gateway = 0): Promise<Answer> =>
        system.shop('POST', `/v1/campaigns/${room}/reports`, { gateway, body: JSON.stringify(body) });
      const use = { event: 'used', pass: given.body.pass, session: 'shop-1' };
      const used = await Promise.all([report(use), report({ ...use, session: 'shop-2' }, 1)]);
      assert.deepEqual(
        used.map(each => each.status).sort(),
        [200, 409],
        'one of two concurrent visits is admitted',
      );
      const first = used.find(each => each.status === 200);
      assert.deepEqual([first?.body.user, first?.body.state], ['alice', 'inside']);
      const winner = used[0]?.status === 200 ? 'shop-1' : 'shop-2';
      assert.equal((await report({ ...use, session: winner })).status, 200, 'the same report, repeated');
      assert.equal((await pass('alice')).body.type, 'urn:fairline:problem:pass-used');
      assert.equal(await stateOf(system, room, 'bob'), 'waiting', 'the capacity is one');
      const left = await report({ event: 'left', serial: 1 }, 1);
      assert.deepEqual([left.status, left.body.state], [200, 'left']);
      await bob.ended;
      assert.deepEqual(bob.events.at(-1)?.data.serial, 2);
      assert.equal((await pass('bob')).status, 200);
      assert.equal((await pass('alice')).body.type, 'urn:fairline:problem:no-pass');
      const totals = await system.operate('GET', `/v1/campaigns/${room}/totals`);
      assert.deepEqual([totals.body.admitted, totals.body.waiting, totals.body.skipped], [2, 0, 0]);
    });

    test('gives a user one rank and one pass, however many devices they use', async () => {
      const room = await system.offer({ kind: 'room', per_second: 1_000 });
      assert.equal((await setRoom(system, room, { per_second: 1_000, paused: true })).status, 200);
      const stamp = (await system.enter('carol', room, 0)).body.stamp;
      const streams = await Promise.all([0, 1].map(gateway => watch(system, 'carol', room, gateway)));
      await eventually(() => streams.every(stream => stream.events.length > 0));
      assert.equal(
        (await system.enter('carol', room, 1)).body.stamp,
        stamp,
        'the position belongs to the account',
      );
      streams[0]?.close();
      await eventually(async () => {
        const { rows } = await system.pool.query(
          'select cardinality(incarnations) as streams from room_people where campaign_id = $1',
          [room],
        );
        return rows[0]?.streams === 1;
      });
      assert.equal(await present(system, room), 1);
      const again = await watch(system, 'carol', room, 0);
      assert.equal((await setRoom(system, room, { per_second: 1_000 })).status, 200);
      await Promise.all([again.ended, streams[1]?.ended]);
      for (const stream of [again, streams[1]]) assert.equal(stream?.events.at(-1)?.data.serial, 1);
      const { rows } = await system.pool.query('select from grants where campaign_id = $1', [room]);
      assert.equal(rows.length, 1);
    });

    test('ahead equals a recount, whoever leaves, is skipped or returns', async () => {
      const room = await system.offer({ kind: 'room', per_second: 2, grace_seconds: 1 });
      await setRoom(system, room, { per_second: 2, paused: true });
      const names = users(30, 'r');
      const streams = await line(system, room, names);
      await eventually(async () => (await present(system, room)) === names.length);
      const isAway = (index: number): boolean => index % 3 === 1;
      for (const [index, stream] of streams.entries()) if (isAway(index)) stream.close();
      await system.ask('r-5', 'DELETE', `/v1/campaigns/${room}/entries/me`);
      await eventually(async () => (await stateOf(system, room, 'r-28')) === 'skipped', SLOWLY);
      await recounted(system, room, names);
      // Some users are admitted, so that a few of those who return were overtaken.
      await setRoom(system, room, { per_second: 5 });
      await eventually(async () => (await stateOf(system, room, 'r-9')) === 'admitted', SLOWLY);
      await setRoom(system, room, { per_second: 5, paused: true });
      // Two users who were overtaken, and two who would be more than two seconds from now.
      const back = [1, 4, 22, 25];
      streams.push(...(await Promise.all(back.map(index => watch(system, `r-${index}`, room, index % 2)))));
      for (const index of back) {
        await eventually(async () => (await stateOf(system, room, `r-${index}`)) === 'waiting');
      }
      await recounted(system, room, names);
      const { rows } = await system.pool.query<{ move: string; n: number }>(
        'select move, count(*) as n from room_moves where campaign_id = $1 group by move',
        [room],
      );
      const moves = Object.fromEntries(rows.map(({ move, n }) => [move, n]));
      assert.deepEqual([moves.returned, moves.back], [2, 2], 'skipped, and not');
      await setRoom(system, room, { per_second: 100 });
      await Promise.all(streams.map(stream => stream.ended));
      assert.deepEqual(await brokenInvariants(system.pool), []);
    });

    test('has no book and no proof, and says so', async () => {
      const room = await system.offer({ kind: 'room', per_second: 1 });
      await system.ask('x', 'GET', `/v1/campaigns/${room}`);
      for (const what of ['book', 'proof']) {
        const answer = await system.ask('x', 'GET', `/v1/campaigns/${room}/${what}`);
        assert.deepEqual([answer.status, answer.body.type], [404, `urn:fairline:problem:no-${what}`]);
        assert.match(String(answer.body.detail), /waiting room/);
      }
    });
  });
}

/** Compares what each waiting user is told with a count of the ledger's rows. */
async function recounted(system: System, room: number, names: readonly string[]): Promise<void> {
  await eventually(async () => {
    for (const [index, user] of names.entries()) {
      const { body } = await system.ask(user, 'GET', `/v1/campaigns/${room}/entries/me`, {
        gateway: index % 2,
      });
      const { rows } = await system.pool.query<{ ahead: number; state: string }>(
        `select p.state, (select count(*) from room_people o
                           where o.campaign_id = $1 and o.state = 'waiting' and o.stamp < p.stamp) as ahead
           from room_people p where p.campaign_id = $1 and p.user_id = $2`,
        [room, user],
      );
      const [row] = rows;
      if (row?.state === 'waiting') assert.equal(body.ahead, Number(row.ahead), `${user} at ${index}`);
    }
    return true;
  });
}
