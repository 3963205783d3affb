import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventStream, openEvents } from '../engine/test/events.ts';
import { startProxy } from '../engine/test/proxy.ts';
import { availableLogs, eventually, serversFromEnv } from '../engine/test/support.ts';
import { type System, startSystem } from '../engine/test/system.ts';
import { users } from '../engine/test-gateway.ts';
import { readHeard } from '../sql/hearing.ts';

/** Much shorter than the outages. */
const GRACE_SECONDS = 2;
const OUTAGE_MS = 5_000;

interface Line {
  readonly room: number;
  readonly names: readonly string[];
  /** Opens a stream of each. */
  come(base: string, who: readonly string[]): Promise<EventStream[]>;
}

/** A paused room with people in it, and one among them who will not come back. */
async function makeLine(system: System): Promise<Line> {
  const room = await system.offer({ kind: 'room', per_second: 10, grace_seconds: GRACE_SECONDS });
  await system.operate('PUT', `/v1/campaigns/${room}/room`, { per_second: 10, paused: true });
  const names = users(6);
  for (const user of [...names, 'leaver']) assert.equal((await system.enter(user, room)).status, 202);
  const open = async (base: string, user: string): Promise<EventStream> => {
    const authorization = `Bearer ${await system.ticket(user)}`;
    return openEvents(`${base}/v1/campaigns/${room}/queue`, { authorization });
  };
  return { room, names, come: (base, who) => Promise.all(who.map(user => open(base, user))) };
}

async function moved(system: System, room: number): Promise<string[]> {
  const { rows } = await system.pool.query<{ user_id: string }>(
    'select user_id from room_moves where campaign_id = $1',
    [room],
  );
  return rows.map(row => row.user_id);
}

async function presentNow(system: System, room: number): Promise<number> {
  const { rows } = await system.pool.query(
    'select from room_people where campaign_id = $1 and absent_since_ms is null',
    [room],
  );
  return rows.length;
}

async function pass(ms: number): Promise<void> {
  const untilMs = performance.now() + ms;
  await eventually(() => performance.now() > untilMs);
}

for (const log of availableLogs()) {
  test(`Redis is away for longer than the grace: nobody has lost their place (${log})`, async t => {
    const target = new URL(serversFromEnv().redisUrl);
    const proxy = await startProxy({ host: target.hostname, port: Number(target.port) });
    t.after(() => proxy.close());
    target.port = String(proxy.port);
    const env = { REDIS_URL: target.href };
    const system = await startSystem({ log, gatewayEnv: env, engineEnv: env });
    t.after(() => system.close());
    const { room, names, come } = await makeLine(system);
    const streams = await come(system.gateways[0]?.url ?? '', names);
    const [leaver] = await come(system.gateways[0]?.url ?? '', ['leaver']);
    await eventually(async () => (await presentNow(system, room)) === names.length + 1);
    await eventually(() => streams.every(stream => stream.events.length > 0));
    const before = (await readHeard(system.pool)).heardMs;
    proxy.cut();
    await eventually(() => streams.every(stream => stream.events.at(-1)?.event === 'stalled'));
    leaver?.close();
    await pass(OUTAGE_MS);
    assert.ok((await readHeard(system.pool)).heardMs - before <= 1_000 * GRACE_SECONDS);
    proxy.mend();
    // Heard time goes on, and whoever is away now is skipped in the end; those who are there are not.
    await eventually(async () => (await moved(system, room)).length > 0);
    assert.deepEqual(await moved(system, room), ['leaver']);
    assert.ok(streams.every(stream => stream.events.every(({ event }) => event !== 'outcome')));
    for (const stream of streams) stream.close();
  });
}

test('the network before the gateway is cut for longer than the grace: nobody has lost their place', async t => {
  const system = await startSystem({ log: 'redis' });
  t.after(() => system.close());
  const proxy = await startProxy({ host: '127.0.0.1', port: system.gateways[0]?.port ?? 0 });
  t.after(() => proxy.close());
  const base = `http://127.0.0.1:${proxy.port}`;
  const { room, names, come } = await makeLine(system);
  await come(base, [...names, 'leaver']);
  await eventually(async () => (await presentNow(system, room)) === names.length + 1);
  proxy.cut();
  await eventually(async () => (await presentNow(system, room)) === 0);
  await pass(OUTAGE_MS);
  assert.deepEqual(await moved(system, room), []);
  proxy.mend();
  const streams = await come(base, names);
  await eventually(async () => (await moved(system, room)).length > 0);
  assert.deepEqual(await moved(system, room), ['leaver']);
  for (const stream of streams) stream.close();
});
