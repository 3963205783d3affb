/** Redis is emptied and rebuilt from the ledger: every key is compared before and after. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Cluster } from 'ioredis';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { Fenced } from '../contract/log/log.ts';
import { readBoard } from '../contract/redis/board/board.ts';
import { acquireLease, readRegistry, renewLease } from '../contract/redis/lease/lease.ts';
import { brokenInvariants, TEST_LEASE_MS, users, World } from '../test/gateway.ts';
import { availableLogs, eventually, serversFromEnv, spawnNode } from '../test/support.ts';

/** FLUSHDB empties one database of a Redis; no other suite uses this one. */
const OWN_DATABASE = 9;

for (const log of availableLogs()) {
  describe(`projections with the log in ${log}`, () => {
    let world: World;
    let campaigns: Campaign[];
    before(async () => {
      const url = new URL(serversFromEnv().redisUrl);
      // If Redis is the log too, emptying all of it would empty the log, which is no projection.
      if (log === 'kafka') url.pathname = `/${OWN_DATABASE}`;
      world = await World.make(log, { REDIS_URL: url.href });
      await world.startEngine();
      campaigns = await fill();
    });
    after(async () => {
      deepEqual(await brokenInvariants(world.pool), []);
      await world.close();
    });

    /** A running coupon, one with claims, a waiting raffle and a drawn one, all with users who left. */
    const fill = async (): Promise<Campaign[]> => {
      const coupon = await world.campaign({ stock: 30 });
      const waiting = await world.campaign({ kind: 'raffle', stock: 5 });
      const claimed = await world.claimed({ stock: 12, waitlist: 20 });
      const gateways = [await world.join(), await world.join()];
      const enter = async (campaign: Campaign): Promise<void> => {
        for (const [number, gateway] of gateways.entries()) {
          // On a slow machine this takes longer than a lease, and whatever a fenced gateway logs is dropped.
          for (const each of gateways) ok(await each.renew());
          const items = await gateway.stamp(campaign, [
            ...users(20, `own-${number}`),
            ...users(10, 'shared'),
          ]);
          await gateway.log(items);
          await gateway.withdraw(campaign, [`own-${number}-3`, 'shared-4']);
        }
      };
      await enter(coupon);
      await enter(waiting);
      const drawn = await world.campaign({ kind: 'raffle', stock: 5, closesInMs: 6_000 });
      await enter(drawn);
      const [one] = gateways;
      for (const each of gateways) ok(await each.renew());
      await one?.enter(claimed, users(40));
      for (const gateway of gateways) await gateway.leave();
      // Within a lease of its own: nothing is offered while no gateway is known to be there.
      const later = await world.join();
      await later.through();
      await eventually(async () => (await later.renew()) && (await world.read(claimed)).settledCount === 40);
      await later.claim(claimed, ['user-2', 'user-5']);
      await later.withdraw(claimed, ['user-1', 'user-15']);
      await later.leave();
      await eventually(async () => (await world.read(claimed)).moveCount === 5);
      await world.settled(coupon, 50);
      await world.finished(drawn);
      await eventually(async () => (await world.read(waiting)).goneRanked === 3);
      return Promise.all([coupon, waiting, drawn, claimed].map(campaign => world.read(campaign)));
    };

    /** All projections in Redis, without the values that differ in every build. */
    const snapshot = async (): Promise<Record<string, unknown>> => {
      const { redis, keys } = world;
      if (redis instanceof Cluster) throw new Error('tests have one Redis');
      const all: Record<string, unknown> = {};
      for (const { campaignId } of campaigns) {
        const { mark, rank, won, withdrawn, gone, claimants, moves } = keys.campaign(campaignId);
        all[mark] = (await redis.hexists(mark, 'whole')) === 1;
        all[rank] = await redis.zrangebyscore(rank, '-inf', '+inf', 'WITHSCORES');
        all[won] = await redis.hgetall(won);
        all[withdrawn] = await redis.hgetall(withdrawn);
        all[claimants] = await redis.hgetall(claimants);
        all[moves] = await redis.lrange(moves, 0, -1);
        all[gone] = await redis.lrange(gone, 0, -1);
      }
      const { campaigns: shown } = await readBoard(redis, keys, { epoch: '', version: 0 });
      // While no gateway is there, deadlines are extended, which changes the row.
      all[keys.boardCampaigns] = shown
        .map(({ claims, revision, ...campaign }) =>
          claims === undefined ? { ...campaign, revision } : { ...campaign, ...claims, outageUs: 0 },
        )
        .toSorted((a, b) => a.campaignId - b.campaignId);
      const found = await redis.keys(keys.projectionPattern);
      const { leases, boardState, boardChanges, boardCampaigns, presenceMark } = keys;
      const known = [leases, boardState, boardChanges, boardCampaigns, presenceMark];
      for (const key of found) if (!known.includes(key)) ok(key in all, `${key} is not compared`);
      return all;
    };
    const isOpen = (): Promise<number> =>
      eventually(async () => (await readRegistry(world.redis, world.keys.leases)).epoch);
    const everythingPublished = (): Promise<true> =>
      eventually(async () => {
        const board = await readBoard(world.redis, world.keys, { epoch: '', version: 0 });
        const shown = new Map(board.campaigns.map(campaign => [campaign.campaignId, campaign.revision]));
        const rows = await Promise.all(campaigns.map(campaign => world.read(campaign)));
        const marks = campaigns.map(({ campaignId }) => world.keys.campaign(campaignId).mark);
        const whole = await Promise.all(marks.map(mark => world.redis.hget(mark, 'whole')));
        return (
          rows.every(row => shown.get(row.campaignId) === row.revision) &&
          whole.every(epoch => epoch === board.epoch)
        );
      });

    test('rebuilds an emptied Redis', async () => {
      await everythingPublished();
      const expected = await snapshot();
      const filled = Object.values(expected).filter(value => JSON.stringify(value).length > 2);
      // Four marks and ranks, three lists of those who left, two hashes of winners, three of users who left, claimants,
      // moves, and the board.
      equal(filled.length, 19);
      const { epoch, watermarkUs } = await readBoard(world.redis, world.keys, { epoch: '', version: 0 });
      const { redis, keys } = world;
      if (log === 'kafka') await redis.flushdb();
      else await redis.unlink(...(await redis.keys(keys.projectionPattern)));
      notEqual(String(await isOpen()), epoch);
      await everythingPublished();
      deepEqual(await snapshot(), expected);
      await eventually(async () => {
        const board = await readBoard(redis, keys, { epoch: '', version: 0 });
        equal(board.epoch, String(await isOpen()));
        return board.watermarkUs >= watermarkUs && board.rankedUs >= watermarkUs;
      });
    });

    test('a closed registry drops every gateway, and grants no lease before the log refuses all older writers', async () => {
      const { redis, keys } = world;
      const old = await world.join();
      await old.through();
      // If the log is here as well, the epoch of each partition stays.
      await redis.unlink(keys.leases);
      equal((await acquireLease(redis, keys.leases, TEST_LEASE_MS, 'newcomer')).state, 'closed');
      equal((await renewLease(redis, keys.leases, old, TEST_LEASE_MS)).state, 'lost');
      const campaign = campaigns[1];
      if (campaign === undefined) throw new Error('there are three campaigns');
      // Appends until it is refused; only what it was told is written counts.
      const accepted: string[] = [];
      for (let number = 0; ; number++) {
        const name = `at the last moment, ${number}`;
        const isWritten = await old.enter(campaign, [name], { rank: false }).then(
          () => true,
          (error: unknown) => {
            ok(error instanceof Fenced, String(error));
            return false;
          },
        );
        if (!isWritten) break;
        accepted.push(name);
      }
      const newcomer = await world.join();
      ok(newcomer.incarnation > old.incarnation);
      const outcomes = await world.outcomes(campaign);
      deepEqual(
        [...outcomes.keys()].filter(name => name.startsWith('at the last moment')),
        accepted,
      );
      const { rank } = keys.campaign(campaign.campaignId);
      for (const name of accepted) await eventually(async () => (await redis.zscore(rank, name)) !== null);
      const { rows } = await world.pool.query(
        'select state, backfilled from gateways where incarnation = $1',
        [old.incarnation],
      );
      deepEqual(rows, [{ state: 'ended', backfilled: true }]);
      await newcomer.leave();
    });

    test('npm run rebuild while an engine is running', async () => {
      await everythingPublished();
      const expected = await snapshot();
      const epoch = await isOpen();
      const { rank } = world.keys.campaign(campaigns[0]?.campaignId ?? 0);
      await world.redis.zadd(rank, 1, 'somebody who never entered');
      const rebuild = spawnNode('engine/projections/rebuild-cli.ts', world.env);
      equal(await rebuild.ended, 0, rebuild.output());
      ok((await isOpen()) > epoch);
      await everythingPublished();
      deepEqual(await snapshot(), expected);
    });

    test('detects a lost board and rebuilds everything', async () => {
      const expected = await snapshot();
      const epoch = await isOpen();
      const { boardState, boardCampaigns, boardChanges } = world.keys;
      for (const key of [boardState, boardCampaigns, boardChanges]) await world.redis.unlink(key);
      await eventually(async () => ((await readRegistry(world.redis, world.keys.leases)).epoch ?? 0) > epoch);
      await everythingPublished();
      deepEqual(await snapshot(), expected);
    });
  });
}
