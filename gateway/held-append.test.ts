/**
 * An append that the network holds until after its gateway was ended: the log refuses it, so it is never answered with 202.
 * Over Redis Streams, whose address is the proxy's; engine/contract/log/fence.test.ts shows the same of both logs' writers.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type NetworkProxy, startProxy } from '../engine/test/proxy.ts';
import { eventually, serversFromEnv } from '../engine/test/support.ts';
import { type System, startSystem } from '../engine/test/system.ts';
import { brokenInvariants } from '../engine/test-gateway.ts';

let proxy: NetworkProxy;
let system: System;
before(async () => {
  const url = new URL(serversFromEnv().redisUrl);
  proxy = await startProxy({ host: url.hostname, port: Number(url.port) });
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  system = await startSystem({ log: 'redis', gateways: 1, gatewayEnv: { REDIS_URL: url.href } });
});
after(async () => {
  await system.close();
  await proxy.close();
});

async function liveGateways(): Promise<number> {
  const { rows } = await system.pool.query("select from gateways where state = 'live'");
  return rows.length;
}

test('what was on its way when its gateway was fenced is refused, and gets in when it is asked for again', async () => {
  const campaign = await system.offer({ kind: 'coupon', stock: 10 });
  await eventually(async () => (await system.enter('before', campaign)).status === 202);
  await eventually(async () => (await liveGateways()) === 1);
  proxy.hold();
  const held = system.enter('held', campaign);
  await eventually(async () => (await liveGateways()) === 0);
  proxy.release();
  assert.equal((await held).status, 503);
  await eventually(async () => (await system.enter('held', campaign)).status === 202);
  await eventually(async () => {
    const { rows } = await system.pool.query('select user_id from entries order by stamp');
    return rows.map(row => row.user_id).join() === 'before,held';
  });
  assert.deepEqual(await brokenInvariants(system.pool), []);
});
