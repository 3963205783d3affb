/**
 * Claims while parts of the service are down: an outage longer than the deadline costs nobody their offer, and users see the
 * extended deadline.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { brokenInvariants } from '../../engine/test/gateway.ts';
import { type NetworkProxy, startProxyTo } from '../../engine/test/proxy.ts';
import { availableLogs, eventually, serversFromEnv } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';
import { claim, holders, outcomes } from '../testing/claims.ts';

const WITHIN_S = 5;
/** Longer than the deadline, even if the outage is noticed late. */
const OUTAGE_MS = WITHIN_S * 1_000 + 3_000;
/** A killed gateway is fenced through the log, and later records wait for that. */
const SLOW = { timeoutMs: 180_000 };
const USERS = Array.from({ length: 30 }, (_, index) => `user-${index}`);

for (const log of availableLogs()) {
  describe(`claims during outages, over ${log}`, () => {
    let system: System;
    let proxy: NetworkProxy;
    before(async () => {
      const proxied = await startProxyTo(serversFromEnv().redisUrl);
      proxy = proxied.proxy;
      system = await startSystem({
        log,
        gateways: 1,
        gatewayEnv: { REDIS_URL: proxied.url },
        engineEnv: { REDIS_URL: proxied.url },
      });
    });
    after(async () => {
      assert.deepEqual(await brokenInvariants(system.pool), []);
      await system.close();
      await proxy.close();
    });

    async function offered(stock: number, waitlist: number): Promise<number> {
      const campaign = await system.offer({ kind: 'coupon', stock, waitlist, claim_within_s: WITHIN_S });
      await Promise.all(USERS.map(user => system.enter(user, campaign)));
      await eventually(
        async () =>
          [...(await outcomes(system, campaign)).values()].filter(o => o === 'offered').length === stock,
      );
      return campaign;
    }

    /** The outage begins while users hold offers: afterwards all of them claim, and get what they were offered. */
    async function nobodyLoses(outage: () => Promise<void>): Promise<void> {
      const campaign = await offered(5, 5);
      const had = await holders(system, campaign);
      const path = `/v1/campaigns/${campaign}/entries/me`;
      const before = await eventually(async () => {
        const answer = await system.ask(had[0] ?? '', 'GET', path);
        return answer.body.outcome === 'offered' && answer;
      });
      await outage();
      await eventually(async () => (await fetch(`${system.gateways[0]?.url}/readyz`)).ok, SLOW);
      // Users see the extended deadline.
      await eventually(async () => {
        const { text, body } = await system.ask(had[0] ?? '', 'GET', path);
        assert.equal(body.outcome, 'offered', text);
        assert.ok(String(body.claim_by) > String(before.body.claim_by), text);
        return true;
      }, SLOW);
      for (const user of had) {
        await eventually(async () => (await claim(system, user, campaign)) === 202);
      }
      await eventually(async () => {
        const now = await outcomes(system, campaign);
        return had.every(user => now.get(user) === 'granted');
      });
      const after = await system.ask(had[0] ?? '', 'GET', path);
      assert.equal(after.body.code, before.body.code);
    }

    it('Redis is down for longer than the deadline', () =>
      nobodyLoses(async () => {
        proxy.cut();
        await sleep(OUTAGE_MS);
        proxy.mend();
      }));

    it('the engine is killed and down for longer than the deadline', () =>
      nobodyLoses(async () => {
        await system.engine.process.stop('SIGKILL');
        await sleep(OUTAGE_MS);
        system.engine = await system.startEngine();
      }));

    it('the only gateway is killed and down for longer than the deadline', () =>
      nobodyLoses(async () => {
        await system.gateways[0]?.process.stop('SIGKILL');
        await sleep(OUTAGE_MS);
        system.gateways[0] = await system.startGateway();
      }));
  });
}
