/**
 * A gateway stays connected to a Redis that was replaced in a failover and still answers: the gateway reports nothing that it
 * reads there. With Kafka only: if Redis keeps the log as well, another Redis is another log.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { availableLogs, eventually, serversFromEnv } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';
import { EpochCheck } from './epoch-check.ts';

/** No other suite uses these databases of the tests' Redis. */
const [OLD, NEW] = [11, 12];
const LONG_MS = 180_000;

for (const log of availableLogs().filter(each => each === 'kafka')) {
  describe('a gateway on a replaced Redis', () => {
    let system: System;
    before(async () => {
      system = await startSystem({ log, redisDatabase: OLD });
    });
    after(() => system.close());

    test('answers 503 and other gateways continue', async () => {
      const campaign = await system.offer({ kind: 'raffle', winners: 1 });
      const path = `/v1/campaigns/${campaign}/entries/me`;
      equal((await system.enter('ann', campaign)).status, 202);
      equal((await system.ask('ann', 'GET', path)).body.outcome, 'waiting');
      await system.engine.process.stop();

      const url = new URL(serversFromEnv().redisUrl);
      url.pathname = `/${NEW}`;
      const env = { REDIS_URL: url.href };
      system.engine = await system.startEngine(env);
      system.gateways.push(await system.startGateway(env));
      const [old, other] = [0, 1];
      await eventually(
        async () => (await system.ask('ann', 'DELETE', path, { gateway: other })).status === 202,
        { timeoutMs: LONG_MS },
      );
      await eventually(
        async () => (await system.ask('ann', 'GET', path, { gateway: other })).body.outcome === 'withdrawn',
        { timeoutMs: LONG_MS },
      );
      for (const user of ['ann', 'bob']) {
        const { status, text } = await system.ask(user, 'GET', path, { gateway: old });
        equal(status, 503, text);
      }
      const again = await system.enter('ann', campaign, old);
      equal(again.status, 503, again.text);
    });
  });
}

describe('the latest epoch', () => {
  const never = new Promise<boolean>(() => undefined);
  const pipeline = (answer: Promise<boolean>) => () => ({ epoch: '7', confirm: () => answer });
  const ledgerDown = async (): Promise<number> => {
    throw new Error('the ledger is down');
  };

  test('comes from the log or the ledger while the other is silent or unavailable', async () => {
    const [yes, no] = [Promise.resolve(true), Promise.resolve(false)];
    const asked = [
      new EpochCheck({ pipeline: pipeline(yes), readEpoch: ledgerDown }),
      new EpochCheck({ pipeline: pipeline(never), readEpoch: async () => 7 }),
      new EpochCheck({ pipeline: pipeline(no), readEpoch: async () => 7 }),
      new EpochCheck({ pipeline: pipeline(no), readEpoch: async () => 8 }),
      new EpochCheck({ pipeline: pipeline(no), readEpoch: ledgerDown }),
      new EpochCheck({ pipeline: () => undefined, readEpoch: async () => 7 }),
    ];
    deepEqual(await Promise.all(asked.map(each => each.isLatest('7'))), [
      true,
      true,
      true,
      false,
      false,
      true,
    ]);
  });

  test('is never confirmed by an incarnation of another epoch', async () => {
    const check = new EpochCheck({ pipeline: pipeline(Promise.resolve(true)), readEpoch: async () => 7 });
    equal(await check.isLatest('6'), false);
  });
});
