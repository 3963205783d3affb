/**
 * A gateway whose machine was suspended, with its clock and timers: when it resumes, it still trusts its lease, and accepts
 * what is in its sockets before it learns otherwise. The log refuses that. Also a gateway whose LEASE_MS differs from the
 * registry's.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { brokenInvariants } from '../../engine/test/gateway.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';

const FROZEN_CLOCK = new URL('../../engine/test/preloaded/frozen-clock.mjs', import.meta.url);
/** Enough for requests to reach the socket. */
const SENT_MS = 200;
/** The gateway renews four times a lease: its first renewal after the suspension comes later than the log's answer. */
const LEASE_MS = 4_000;
const PEOPLE = Array.from({ length: 20 }, (_, index) => `caught-${index}`);

for (const log of availableLogs()) {
  describe(`a suspended gateway, over ${log}`, () => {
    let system: System;
    before(async () => {
      const lease = { LEASE_MS: String(LEASE_MS) };
      system = await startSystem({
        log,
        gateways: 1,
        gatewayEnv: { NODE_OPTIONS: `--import=${FROZEN_CLOCK.href}`, ...lease },
        engineEnv: lease,
      });
    });
    after(async () => {
      assert.deepEqual(await brokenInvariants(system.pool), []);
      await system.close();
    });

    const hasNoLiveGateway = async (): Promise<boolean> => {
      const { rows } = await system.pool.query("select from gateways where state = 'live'");
      return rows.length === 0;
    };

    test('is refused by the log behind its fence, answers 503, and accepts everybody on retry', async () => {
      const campaign = await system.offer({ kind: 'coupon', stock: 1_000 });
      await eventually(async () => (await system.enter('before', campaign)).status === 202);
      // Over the connections of these the gateway hears all of PEOPLE at once.
      await Promise.all(PEOPLE.map(user => system.ask(user, 'GET', `/v1/campaigns/${campaign}/entries/me`)));
      await eventually(async () => !(await hasNoLiveGateway()));
      const { child, output } = system.gateways[0]?.process ?? assert.fail('there is no gateway');
      child.kill('SIGSTOP');
      // The gateway reads them when it resumes, long after its incarnation was ended.
      const answers = PEOPLE.map(user => system.enter(user, campaign));
      await sleep(SENT_MS);
      await eventually(hasNoLiveGateway, { timeoutMs: 180_000 });
      child.kill('SIGCONT');
      for (const { status } of await Promise.all(answers)) assert.equal(status, 503);
      // Their slice was sent, and neither the lease nor a clock refused it before the log did. What a process writes may be
      // read after what it answers.
      const refusals: Readonly<Record<LogKind, string>> = {
        redis: 'the writer was fenced',
        kafka: 'Kafka refuses this writer: its epoch was raised',
      };
      await eventually(() => output().includes('"msg":"leaving"'));
      assert.match(
        output(),
        new RegExp(`the log did not accept a slice of ${PEOPLE.length}: .*${refusals[log]}`),
      );
      for (const user of PEOPLE)
        await eventually(async () => (await system.enter(user, campaign)).status === 202, {
          timeoutMs: 180_000,
        });
      const { rows } = await system.pool.query('select count(*) as count from dead_letters');
      assert.equal(rows[0]?.count, 0);
      await eventually(async () => {
        const { rows: entries } = await system.pool.query(
          'select user_id from entries where campaign_id = $1',
          [campaign],
        );
        return entries.length === PEOPLE.length + 1;
      });
    });

    test('accepts nothing while the registry has another lease length, and reports it', async () => {
      const { leases } = system.keys;
      const right = (await system.redis.hget(leases, 'leaseUs')) ?? '';
      const campaign = await system.offer({ kind: 'coupon', stock: 1_000 });
      const reportsMismatch = async (url: string | undefined): Promise<boolean> => {
        const answer = await fetch(`${url}/readyz`);
        const text = await answer.text();
        return (
          answer.status === 503 && text.includes('LEASE_MS is 4000, but the registry was opened with 7000')
        );
      };
      await eventually(async () => {
        // Again each time: once no lease of that length is left, the engine sets its own.
        await system.redis.hset(leases, 'leaseUs', '7000000');
        const { status } = await system.enter('early', campaign);
        // The engine reports it as well: its own LEASE_MS may be the wrong one.
        const reports = await Promise.all(
          [system.gateways[0], system.engine].map(process => reportsMismatch(process?.url)),
        );
        return status === 503 && reports.every(Boolean);
      });
      await system.redis.hset(leases, 'leaseUs', right);
      await eventually(async () => (await fetch(`${system.engine.url}/readyz`)).ok);
      await eventually(async () => (await system.enter('early', campaign)).status === 202, {
        timeoutMs: 180_000,
      });
    });
  });
}
