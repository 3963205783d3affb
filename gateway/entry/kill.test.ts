/** Gateways are killed and paused in the middle of a burst: every entry answered with 202 counts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';
import { assertWhole, burst } from '../testing/burst.ts';

const USERS = 6_000;
const STOCK = 500;

for (const log of availableLogs()) {
  describe(`gateway failures during a burst, over ${log}`, () => {
    let system: System;
    before(async () => {
      system = await startSystem({ log, gateways: 0 });
      // Fixed ports: a port that the system chose could not be bound again at once.
      for (const port of await freePorts(3)) {
        system.gateways.push(await system.startGateway({ GATEWAY_PORT: String(port) }));
      }
    });
    after(() => system.close());

    test('kills a gateway with kill -9, twice', async () => {
      const id = await system.offer({ kind: 'coupon', stock: STOCK });
      const rows = await burst(system, id, USERS, async () => {
        for (const number of [0, 1]) {
          await sleep(150);
          await system.gateways[number]?.process.stop('SIGKILL');
          system.gateways[number] = await system.startGateway({
            GATEWAY_PORT: String(system.gateways[number]?.port),
          });
        }
      });
      await assertWhole(system, id, STOCK, rows);
    });

    test('suspends a gateway for longer than its lease, then resumes it', async () => {
      const id = await system.offer({ kind: 'coupon', stock: STOCK });
      const paused = system.gateways[2]?.process.child;
      const rows = await burst(system, id, USERS, async () => {
        await sleep(100);
        paused?.kill('SIGSTOP');
        await sleep(2_600);
        paused?.kill('SIGCONT');
      });
      await assertWhole(system, id, STOCK, rows);
      await eventually(async () => (await fetch(`${system.gateways[2]?.url}/readyz`)).ok);
    });

    test('a stopping gateway finishes the requests it accepted', async () => {
      const id = await system.offer({ kind: 'coupon', stock: STOCK });
      const rows = await burst(system, id, USERS, async () => {
        await sleep(100);
        assert.equal(await system.gateways[1]?.process.stop('SIGTERM'), 0);
        system.gateways[1] = await system.startGateway({ GATEWAY_PORT: String(system.gateways[1]?.port) });
      });
      await assertWhole(system, id, STOCK, rows);
    });
  });
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map(server => once(server, 'listening')));
  const addresses = servers.map(server => server.address());
  await Promise.all(servers.map(server => once(server.close(), 'close')));
  return addresses.map(address => (typeof address === 'object' && address !== null ? address.port : 0));
}
