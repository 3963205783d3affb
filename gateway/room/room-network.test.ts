import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProxy } from '../../engine/test/proxy.ts';
import { eventually } from '../../engine/test/support.ts';
import { startSystem } from '../../engine/test/system.ts';
import { makeLine, moved, OUTAGE_MS, pass, presentNow } from '../testing/outage.ts';
import { SLOWLY } from '../testing/room.ts';

test('nobody loses their rank when the network in front of the gateway is cut for longer than the grace', async t => {
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
  await eventually(async () => (await moved(system, room)).length > 0, SLOWLY);
  assert.deepEqual(await moved(system, room), ['leaver']);
  for (const stream of streams) stream.close();
});
