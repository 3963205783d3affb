import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProxyTo } from '../../engine/test/proxy.ts';
import { availableLogs, eventually, serversFromEnv } from '../../engine/test/support.ts';
import { startSystem } from '../../engine/test/system.ts';
import { readAvailability } from '../../sql/statements/progress/availability.ts';
import { GRACE_SECONDS, makeLine, moved, OUTAGE_MS, pass, presentNow } from '../testing/outage.ts';
import { SLOWLY } from '../testing/room.ts';

for (const log of availableLogs()) {
  test(`nobody loses their rank when Redis is down for longer than the grace (${log})`, async t => {
    const { proxy, url } = await startProxyTo(serversFromEnv().redisUrl);
    t.after(() => proxy.close());
    const env = { REDIS_URL: url };
    const system = await startSystem({ log, gatewayEnv: env, engineEnv: env });
    t.after(() => system.close());
    const { room, names, come } = await makeLine(system);
    const streams = await come(system.gateways[0]?.url ?? '', names);
    const [leaver] = await come(system.gateways[0]?.url ?? '', ['leaver']);
    await eventually(async () => (await presentNow(system, room)) === names.length + 1);
    await eventually(() => streams.every(stream => stream.events.length > 0));
    const before = (await readAvailability(system.pool)).availableMs;
    proxy.cut();
    await eventually(() => streams.every(stream => stream.events.at(-1)?.event === 'stalled'));
    leaver?.close();
    await pass(OUTAGE_MS);
    assert.ok((await readAvailability(system.pool)).availableMs - before <= 1_000 * GRACE_SECONDS);
    proxy.mend();
    // The availability clock continues: users who are away now are skipped in the end, those who are present are not.
    await eventually(async () => (await moved(system, room)).length > 0, SLOWLY);
    assert.deepEqual(await moved(system, room), ['leaver']);
    assert.ok(streams.every(stream => stream.events.every(({ event }) => event !== 'outcome')));
    for (const stream of streams) stream.close();
  });
}
