/**
 * Claims while engines and gateways are killed: every answered claim counts, each offer ends once, and each serial has one
 * holder. Compares the answers to clients with the ledger.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { brokenInvariants } from '../../engine/test/gateway.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';
import { claim, holders, outcomes } from '../testing/claims.ts';

const USERS = Array.from({ length: 30 }, (_, index) => `user-${index}`);

for (const log of availableLogs()) {
  describe(`claims while processes are killed, over ${log}`, () => {
    let system: System;
    before(async () => {
      system = await startSystem({ log });
    });
    after(() => system.close());

    it('kills engines and gateways while offers are claimed, lapse and pass on: each ends once, with one holder', async () => {
      const campaign = await system.offer({ kind: 'coupon', stock: 6, waitlist: 20, claim_within_s: 5 });
      await Promise.all(USERS.map(user => system.enter(user, campaign)));
      await eventually(async () => (await holders(system, campaign)).length === 6);
      const answered = new Set<string>();
      let isOver = false;
      const killing = (async () => {
        for (let round = 0; round < 2; round++) {
          await sleep(1_500);
          await system.engine.process.stop('SIGKILL');
          system.engine = await system.startEngine();
          await system.gateways[0]?.process.stop('SIGKILL');
          system.gateways[0] = await system.startGateway();
        }
        isOver = true;
      })();
      while (!isOver || answered.size === 0) {
        // Every third holder claims the offer; the others let it lapse.
        for (const user of await holders(system, campaign)) {
          if (Number(user.slice(5)) % 3 === 0 && (await claim(system, user, campaign)) === 202)
            answered.add(user);
        }
        await sleep(50);
      }
      await killing;
      await eventually(async () => {
        const now = await outcomes(system, campaign);
        return [...answered].every(user => now.get(user) === 'granted');
      });
      const { rows } = await system.pool.query<{ number: number; ends: number }>(
        `select number, count(*) as ends from claimant_moves
          where campaign_id = $1 and state in ('claimed', 'lapsed', 'declined') group by number having count(*) > 1`,
        [campaign],
      );
      assert.deepEqual(rows, []);
      assert.deepEqual(await brokenInvariants(system.pool), []);
    });
  });
}
