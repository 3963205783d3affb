/** Cases of the lease reaper that ../engine.test.ts and projections/rebuild.test.ts do not cover. */
import { deepEqual, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { acquireLease, readRegistry } from '../contract/redis/lease/lease.ts';
import { TEST_LEASE_MS, World } from '../test/gateway.ts';
import { availableLogs, eventually, type TestDatabase, testDatabase } from '../test/support.ts';

for (const log of availableLogs()) {
  describe(`the lease reaper with the log in ${log}`, () => {
    let world: World;
    let another: TestDatabase;
    before(async () => {
      world = await World.make(log);
      another = await testDatabase();
    });
    after(async () => {
      await world.close();
      await another.drop();
    });

    const stateOf = async (incarnation: number): Promise<string | undefined> => {
      const { rows } = await world.pool.query('select state from gateways where incarnation = $1', [
        incarnation,
      ]);
      return rows[0]?.state;
    };

    test('fences a gateway that registered and never logged, and frees its number', async () => {
      await world.startEngine();
      const mute = await world.join();
      await eventually(async () => (await stateOf(mute.incarnation)) === 'ended');
      await eventually(async () => {
        const { leases } = await readRegistry(world.redis, world.keys.leases);
        return leases.length === 0;
      });
    });

    test('fences a gateway that the ledger knows and Redis lost', async () => {
      const lost = await world.join();
      await lost.through();
      await eventually(async () => (await stateOf(lost.incarnation)) === 'live');
      await world.redis.hdel(world.keys.leases, `g:${lost.gateway}`);
      await eventually(async () => (await stateOf(lost.incarnation)) === 'ended');
    });

    test('opens leases of another length once nobody holds an old one', async () => {
      await world.stopEngines();
      const { redis, keys } = world;
      const old = await world.join();
      const longMs = 2 * TEST_LEASE_MS;
      await world.startEngine({ LEASE_MS: String(longMs) });
      ok((await acquireLease(redis, keys.leases, longMs, 'long')).state !== 'ok');
      await old.leave();
      const long = await eventually(async () => {
        const acquired = await acquireLease(redis, keys.leases, longMs, 'long');
        return acquired.state === 'ok' && acquired;
      });
      deepEqual(await acquireLease(redis, keys.leases, TEST_LEASE_MS, 'short'), {
        state: 'differs',
        leaseMs: longMs,
      });
      await eventually(async () => (await stateOf(long.incarnation)) === 'ended');
      await world.stopEngines();
      await world.startEngine();
      await (await world.join()).leave();
    });

    test('a gateway of a log that is no longer read delays nobody', async () => {
      await world.pool.query(
        `insert into gateways (gateway, incarnation, log_name, partition, through_us, ranked_us)
         values (9, 99, 'another log', 0, 5, 5)`,
      );
      await eventually(async () => (await stateOf(99)) === 'ended');
    });

    test('one of two engines is the lease reaper, and the other takes over', async () => {
      const campaign = await world.campaign({ stock: 5 });
      const [first, second] = [await world.startEngine(), await world.startEngine()];
      await first.stop('SIGKILL');
      await second.stop('SIGTERM');
      const gateway = await world.join();
      await gateway.enter(campaign, ['a']);
      await eventually(async () => (await stateOf(gateway.incarnation)) === 'ended');
      await world.settled(campaign, 1);
      deepEqual(Object.fromEntries(await world.outcomes(campaign)), { a: 'granted' });
    });

    test('a new ledger on an old log begins an epoch that the log has not seen', async () => {
      const before = await readRegistry(world.redis, world.keys.leases);
      await world.stopEngines();
      await world.redis.unlink(world.keys.leases);
      await world.startEngine({ DATABASE_URL: another.url });
      const after = await eventually(async () => {
        const registry = await readRegistry(world.redis, world.keys.leases);
        return registry.epoch !== undefined && registry;
      });
      ok((after.epoch ?? 0) > (before.epoch ?? Number.POSITIVE_INFINITY));
      await eventually(async () => {
        const acquired = await acquireLease(world.redis, world.keys.leases, TEST_LEASE_MS, 'test');
        return acquired.state === 'ok';
      });
    });
  });
}
