import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readWatermark } from '../sql/statements/progress/watermarks.ts';
import { Fenced } from './contract/log/log.ts';
import { readBoard } from './contract/redis/board/board.ts';
import { readRegistry } from './contract/redis/lease/lease.ts';
import { brokenInvariants, TEST_LEASE_MS, type TestGateway, users, World } from './test/gateway.ts';
import { availableLogs, eventually } from './test/support.ts';

for (const log of availableLogs()) {
  describe(`an engine with the log in ${log}`, () => {
    let world: World;
    before(async () => {
      world = await World.make(log);
      await world.startEngine();
    });
    after(async () => {
      deepEqual(await brokenInvariants(world.pool), []);
      await world.close();
    });

    /** The board's record of a campaign, once `isThere` accepts it. */
    const onBoard = (
      campaignId: number,
      isThere: (campaign: { settledCount: number; gone: number; finished: boolean }) => boolean,
    ) =>
      eventually(async () => {
        const { campaigns } = await readBoard(world.redis, world.keys, { epoch: '', version: 0 });
        const found = campaigns.find(campaign => campaign.campaignId === campaignId);
        return found !== undefined && isThere(found) ? found : undefined;
      });
    const keepAlive = (...gateways: TestGateway[]) => {
      const timer = setInterval(() => {
        // Requests in progress when the gateway leaves are refused.
        for (const gateway of gateways)
          void gateway
            .renew()
            .then(() => gateway.through())
            .catch(() => undefined);
      }, TEST_LEASE_MS / 5);
      return () => clearInterval(timer);
    };

    test('grants coupons in stamp order, with several gateways and users at more than one', async () => {
      const campaign = await world.campaign({ stock: 25 });
      const gateways = [await world.join(), await world.join(), await world.join()];
      const [first, second, third] = gateways;
      if (first === undefined || second === undefined || third === undefined) throw new Error('no gateways');
      const early = await first.stamp(campaign, users(20));
      await second.enter(campaign, users(20).concat(users(10, 'other')));
      await third.enter(campaign, users(5, 'other').concat(users(5, 'last')));
      await first.log(early);
      for (const gateway of gateways) await gateway.leave();
      await world.settled(campaign, 35);
      const outcomes = await world.outcomes(campaign);
      equal(outcomes.size, 35);
      const names = [...outcomes.keys()];
      deepEqual(names.slice(0, 20), users(20), 'each keeps its earliest stamp');
      deepEqual(
        names.filter(user => outcomes.get(user) === 'granted'),
        names.slice(0, 25),
      );
      const board = await onBoard(campaign.campaignId, ({ settledCount }) => settledCount === 35);
      deepEqual([board.granted, board.soldOut, board.finished], [25, true, false]);
      const won = await world.redis.hgetall(world.keys.campaign(campaign.campaignId).won);
      equal(Object.keys(won).length, 25);
      match(won['user-0'] ?? '', /^1:[0-9A-Z-]{19}$/);
    });

    test('never settles past a gateway that joined and has not reported yet', async () => {
      const campaign = await world.campaign({ stock: 1 });
      const silent = await world.join();
      const loud = await world.join();
      const stop = keepAlive(loud);
      const held = await silent.stamp(campaign, ['first']);
      await loud.enter(campaign, ['second']);
      await silent.renew();
      await eventually(async () => (await world.outcomes(campaign)).get('second') === 'waiting');
      await sleep(TEST_LEASE_MS / 2);
      equal((await world.read(campaign)).settledCount, 0);
      ok((await readWatermark(world.pool)) <= silent.registeredUs);
      await silent.log(held);
      await silent.leave();
      await world.settled(campaign, 2);
      stop();
      await loud.leave();
      deepEqual(Object.fromEntries(await world.outcomes(campaign)), { first: 'granted', second: 'sold_out' });
    });

    test('fences a dead gateway; what it logged counts and is ranked, later appends are refused', async () => {
      // The previous holder of the number is finished: by its number, the engine ranked what that gateway had not.
      await eventually(async () => {
        const { rows } = await world.pool.query('select from gateways where not backfilled');
        return rows.length === 0;
      });
      const campaign = await world.campaign({ stock: 10 });
      // An engine that shows a campaign for the first time ranks what the ledger has and Redis lacks.
      await onBoard(campaign.campaignId, () => true);
      const dying = await world.join();
      await dying.enter(campaign, ['ranked']);
      const unranked = await dying.enter(campaign, ['logged'], { rank: false });
      const paused = await dying.stamp(campaign, ['paused']);
      await world.settled(campaign, 2);
      const rank = world.keys.campaign(campaign.campaignId).rank;
      equal(await world.redis.zscore(rank, 'logged'), null);
      await eventually(async () => {
        const { leases } = await readRegistry(world.redis, world.keys.leases);
        return leases.every(lease => lease.incarnation !== dying.incarnation);
      });
      await eventually(async () => (await world.redis.zscore(rank, 'logged')) === String(unranked[0]?.stamp));
      await rejects(dying.log(paused, { rank: false }), Fenced);
      // A later record in the same partition proves that this one was consumed.
      const successor = await world.join(dying.partition);
      await successor.enter(campaign, ['successor']);
      await world.settled(campaign, 3);
      await successor.leave();
      deepEqual([...(await world.outcomes(campaign)).keys()], ['ranked', 'logged', 'successor']);
      await eventually(async () => {
        const { rankedUs, watermarkUs } = await readBoard(world.redis, world.keys, { epoch: '', version: 0 });
        return rankedUs === watermarkUs && watermarkUs > successor.registeredUs;
      });
    });

    test('skips users who withdrew in time, and publishes them as ranks', async () => {
      const campaign = await world.campaign({ kind: 'raffle', stock: 1, closesInMs: 8_000 });
      const gateway = await world.join();
      const stop = keepAlive(gateway);
      await gateway.enter(campaign, users(10));
      await gateway.withdraw(campaign, ['user-3', 'user-7']);
      const board = await onBoard(campaign.campaignId, ({ gone }) => gone === 2);
      deepEqual([board.settledCount, board.finished], [0, false]);
      const { gone, withdrawn, won } = world.keys.campaign(campaign.campaignId);
      deepEqual(await world.redis.lrange(gone, 0, -1), ['3', '7']);
      deepEqual(Object.keys(await world.redis.hgetall(withdrawn)).sort(), ['user-3', 'user-7']);
      const finished = await onBoard(campaign.campaignId, campaign => campaign.finished);
      stop();
      await gateway.leave();
      deepEqual([finished.granted, finished.settledCount], [1, 10]);
      const [winner] = Object.keys(await world.redis.hgetall(won));
      const outcomes = await world.outcomes(campaign);
      equal(outcomes.get(winner ?? ''), 'won');
      deepEqual([outcomes.get('user-3'), outcomes.get('user-7')], ['withdrawn', 'withdrawn']);
    });

    test('an unreadable record stops nothing', async () => {
      const campaign = await world.campaign({ stock: 10 });
      const gateway = await world.join();
      const bytes = gateway.encode('slice', await gateway.stamp(campaign, ['broken']));
      await gateway.writer.append(bytes.subarray(0, 51));
      await gateway.enter(campaign, ['whole']);
      await gateway.leave();
      await world.settled(campaign, 1);
      deepEqual([...(await world.outcomes(campaign)).keys()], ['whole']);
      const { rows } = await world.pool.query('select partition, reason from dead_letters');
      deepEqual(rows, [{ partition: gateway.partition, reason: 'the CRC-32 does not match' }]);
    });

    test('publishes a new campaign on the board soon', async () => {
      const campaign = await world.campaign({ stock: 7 });
      await onBoard(campaign.campaignId, () => true);
    });
  });
}
