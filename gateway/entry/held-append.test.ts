/**
 * The network delays an append until its gateway's incarnation has been ended: the log refuses it, so it is never answered
 * with 202. engine/contract/log/fence.test.ts tests the writers of both logs for this.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { readRegistry, revokeLease } from '../../engine/contract/redis/lease/lease.ts';
import { brokenInvariants } from '../../engine/test/gateway.ts';
import { type NetworkProxy, startProxy } from '../../engine/test/proxy.ts';
import { availableLogs, eventually, serversFromEnv } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';

const REDIRECTED = new URL('../../engine/test/preloaded/redirected.mjs', import.meta.url);
/** Enough for the append to be sent. */
const SENT_MS = 200;

function serverOf(log: LogKind): URL {
  const { kafkaBrokers, redisUrl } = serversFromEnv();
  return new URL(log === 'kafka' ? `kafka://${kafkaBrokers}` : redisUrl);
}

/** Makes a gateway reach its log through the proxy. A broker is reached at the address that it advertises. */
function throughProxy(log: LogKind, { port }: NetworkProxy): Readonly<Record<string, string>> {
  const url = serverOf(log);
  if (log === 'kafka') {
    const preload = `--import=${REDIRECTED.href}`;
    return { NODE_OPTIONS: preload, REDIRECT_FROM: url.port, REDIRECT_TO: String(port) };
  }
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return { REDIS_URL: url.href };
}

for (const log of availableLogs()) {
  describe(`a gateway whose append is delayed, over ${log}`, () => {
    let proxy: NetworkProxy;
    let system: System;
    before(async () => {
      const { hostname, port } = serverOf(log);
      proxy = await startProxy({ host: hostname, port: Number(port) });
      system = await startSystem({ log, gateways: 1, gatewayEnv: throughProxy(log, proxy) });
    });
    after(async () => {
      await system.close();
      await proxy.close();
    });

    const liveGateways = async (): Promise<number> => {
      const { rows } = await system.pool.query("select from gateways where state = 'live'");
      return rows.length;
    };

    test('answers 503 for an append that arrives behind its fence, and accepts the retry', async () => {
      const campaign = await system.offer({ kind: 'coupon', stock: 10 });
      await eventually(async () => (await system.enter('before', campaign)).status === 202);
      await eventually(async () => (await liveGateways()) === 1);
      const { redis, keys } = system;
      proxy.hold();
      const held = system.enter('held', campaign);
      await sleep(SENT_MS);
      // As if its lease had expired long ago: the engine ends it at once.
      await eventually(async () => {
        const [lease] = (await readRegistry(redis, keys.leases)).leases;
        return lease !== undefined && (await revokeLease(redis, keys.leases, lease));
      });
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
  });
}
