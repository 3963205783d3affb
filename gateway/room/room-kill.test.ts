import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokenInvariants, users } from '../../engine/test/gateway.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { startSystem } from '../../engine/test/system.ts';
import { readAvailability } from '../../sql/statements/progress/availability.ts';
import { line, mostInASecond, present, SLOWLY, setRoom, stateOf, watch } from '../testing/room.ts';

for (const log of availableLogs()) {
  test(`with three gateways, two engines and one killed, no second exceeds the budget (${log})`, async t => {
    const perSecond = 40;
    const system = await startSystem({ log, gateways: 3 });
    t.after(() => system.close());
    const other = await system.startEngine();
    const room = await system.offer({ kind: 'room', per_second: perSecond });
    await setRoom(system, room, { per_second: perSecond, paused: true });
    const names = users(200, 'k');
    const streams = await line(system, room, names);
    await eventually(async () => (await present(system, room)) === names.length);
    await setRoom(system, room, { per_second: perSecond });
    const admitted = async (): Promise<number> =>
      Number((await system.operate('GET', `/v1/campaigns/${room}`)).body.admitted);
    await eventually(async () => (await admitted()) > 40, SLOWLY);
    await system.engine.process.stop('SIGKILL');
    system.engine = other;
    await eventually(async () => (await admitted()) > 120, SLOWLY);
    system.engine = await system.startEngine();
    await other.process.stop('SIGKILL');
    await Promise.all(streams.map(stream => stream.ended));
    assert.ok((await mostInASecond(system, room)) <= perSecond);
    const { rows } = await system.pool.query<{ userId: string; serial: number }>(
      'select user_id as "userId", serial from room_people where campaign_id = $1 order by stamp',
      [room],
    );
    assert.deepEqual(
      rows.map(row => row.serial),
      names.map((_, index) => index + 1),
      'all were present: admitted in order',
    );
    for (const stream of streams) assert.equal(stream.events.at(-1)?.data.outcome, 'admitted');
    assert.deepEqual(await brokenInvariants(system.pool), []);
  });
}

test('waiting users keep their ranks through an outage, and lose them only for their own absence', async t => {
  const system = await startSystem({ log: 'redis', gatewayEnv: { WATCHER_RETRY_MS: '100' } });
  t.after(() => system.close());
  const room = await system.offer({ kind: 'room', per_second: 10, grace_seconds: 2 });
  await setRoom(system, room, { per_second: 10, paused: true });
  const names = users(5, 'p');
  await line(system, room, [...names, 'leaver']);
  await eventually(async () => (await present(system, room)) === 6);
  await system.gateways[0]?.process.stop('SIGKILL');
  await eventually(async () => (await present(system, room)) === 0);
  const before = (await readAvailability(system.pool)).availableMs;
  // Longer than the grace, which would have expired when a gateway is back.
  const untilMs = performance.now() + 4_000;
  await eventually(() => performance.now() > untilMs);
  assert.ok(
    (await readAvailability(system.pool)).availableMs - before < 2_000,
    'the service was unavailable',
  );
  system.gateways[0] = await system.startGateway();
  await Promise.all(names.map(user => watch(system, user, room)));
  await eventually(async () => (await stateOf(system, room, 'leaver')) === 'skipped', SLOWLY);
  for (const user of names) assert.equal(await stateOf(system, room, user), 'waiting', user);
  const { rows } = await system.pool.query(`select user_id from room_moves where campaign_id = $1`, [room]);
  assert.deepEqual(
    rows.map(row => row.user_id),
    ['leaver'],
  );
});
