/** Recovery after a process was killed or a server was away, at any moment. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Campaign } from '../sql/statements/campaigns/campaigns.ts';
import { readWatermark } from '../sql/statements/progress/watermarks.ts';
import { readBoard } from './contract/redis/board/board.ts';
import { Cut } from './test/cut.ts';
import { brokenInvariants, type TestGateway, users, World } from './test/gateway.ts';
import { availableLogs, eventually, type SpawnedNode } from './test/support.ts';

for (const log of availableLogs()) {
  describe(`engines killed with kill -9, with the log in ${log}`, () => {
    let world: World;
    /** The engine that the next test kills; each test leaves another one in its place. */
    let engine: SpawnedNode;
    before(async () => {
      // Leases are long, so that none of them expires here: gateways leave.
      world = await World.make(log, { LEASE_MS: '60000' });
      engine = await world.startEngine();
    });
    after(async () => {
      await world.close();
    });

    /**
     * Runs `work` while nobody else can write a table, so that an engine hangs in the middle of a transaction that writes it.
     */
    const whileLocked = async (table: 'entries' | 'grants', work: () => Promise<void>): Promise<void> => {
      const client = await world.pool.connect();
      try {
        await client.query('begin');
        await client.query(`lock table ${table} in share mode`);
        await work();
        await client.query('rollback');
      } finally {
        client.release();
      }
    };
    const hangsOn = (table: string): Promise<true> =>
      eventually(async () => {
        const { rows } = await world.pool.query(
          `select 1 from pg_locks join pg_class on pg_class.oid = relation
            where relname = $1 and not granted and database = (select oid from pg_database where datname = current_database())`,
          [table],
        );
        return rows.length > 0;
      });

    for (const table of ['entries', 'grants'] as const) {
      test(`killed within a transaction that writes ${table}; another engine takes over`, async () => {
        const campaign = await world.campaign({ stock: 4 });
        const gateway = await world.join();
        await whileLocked(table, async () => {
          await gateway.enter(campaign, users(6));
          await gateway.leave();
          await hangsOn(table);
          equal(await engine.stop('SIGKILL'), 'SIGKILL');
        });
        engine = await world.startEngine();
        await world.settled(campaign, 6);
        deepEqual(
          [...(await world.outcomes(campaign)).values()],
          [...users(4).map(() => 'granted'), 'sold_out', 'sold_out'],
        );
        deepEqual(await brokenInvariants(world.pool), []);
      });
    }

    test('kills two engines while entries arrive', async () => {
      const campaign = await world.campaign({ stock: 700 });
      const second = await world.startEngine();
      const gateways = [await world.join(), await world.join(), await world.join()];
      const pouring = Promise.all(gateways.map((gateway, number) => pour(gateway, campaign, number)));
      await world.settled(campaign, 50);
      await engine.stop('SIGKILL');
      engine = await world.startEngine();
      await second.stop('SIGKILL');
      const expected = new Set((await pouring).flat());
      for (const gateway of gateways) await gateway.leave();
      await world.settled(campaign, expected.size);
      const outcomes = await world.outcomes(campaign);
      deepEqual(new Set(outcomes.keys()), expected);
      equal([...outcomes.values()].filter(outcome => outcome === 'granted').length, 700);
      deepEqual(await brokenInvariants(world.pool), []);
      const { rows } = await world.pool.query('select count(*) as count from dead_letters');
      equal(rows[0]?.count, 0);
    });

    test('a raffle whose engine is killed in the draw is drawn once, with the recorded seed', async () => {
      const campaign = await world.campaign({ kind: 'raffle', stock: 3, closesInMs: 15_000 });
      const gateway = await world.join();
      await gateway.enter(campaign, users(20));
      await gateway.leave();
      let seed: Buffer | null = null;
      await whileLocked('grants', async () => {
        await hangsOn('grants');
        ({ seed } = await world.read(campaign));
        await engine.stop('SIGKILL');
      });
      ok(seed !== null);
      engine = await world.startEngine();
      const finished = await world.finished(campaign);
      deepEqual([finished.seed, finished.grantedCount, finished.frozenCount], [seed, 3, 20]);
      deepEqual(await brokenInvariants(world.pool), []);
    });
  });

  describe(`an engine whose servers fail, with the log in ${log}`, () => {
    let world: World;
    let postgres: Cut;
    let redis: Cut;
    before(async () => {
      world = await World.make(log, { LEASE_MS: '60000' });
      postgres = await Cut.before(world.env.DATABASE_URL);
      redis = await Cut.before(world.env.REDIS_URL);
      await world.startEngine({ DATABASE_URL: postgres.url, REDIS_URL: redis.url });
    });
    after(async () => {
      await world.close();
      await postgres.close();
      await redis.close();
    });

    test('Postgres stops and restarts: the log buffers, and nothing is lost', async () => {
      const campaign = await world.campaign({ stock: 3 });
      const gateway = await world.join();
      await gateway.enter(campaign, ['before']);
      await world.settled(campaign, 1);
      // From here on the engine cannot reach the ledger.
      postgres.cut();
      await gateway.enter(campaign, ['meanwhile']);
      await gateway.leave();
      equal((await world.outcomes(campaign)).has('meanwhile'), false);
      postgres.mend();
      await world.settled(campaign, 2);
      deepEqual(await brokenInvariants(world.pool), []);
    });

    test('Redis stops: ingested entries are settled; Redis restarts: it is brought up to date', async t => {
      const campaign = await world.campaign({ stock: 3 });
      const gateway = await world.join();
      const client = await world.pool.connect();
      t.after(() => client.release());
      await client.query('begin');
      // Settlement skips a campaign whose row is locked, so the entry is in the ledger and stays undecided.
      await client.query('select from campaigns where campaign_id = $1 for no key update', [
        campaign.campaignId,
      ]);
      await gateway.enter(campaign, ['logged']);
      const loggedUs = await world.nowUs();
      await gateway.through();
      await eventually(async () => (await world.outcomes(campaign)).get('logged') === 'waiting');
      await eventually(async () => (await readWatermark(world.pool)) >= loggedUs);
      redis.cut();
      await client.query('commit');
      await world.settled(campaign, 1);
      const stale = await readBoard(world.redis, world.keys, { epoch: '', version: 0 });
      const shown = stale.campaigns.find(({ campaignId }) => campaignId === campaign.campaignId);
      equal(shown?.granted ?? 0, 0);
      // Like a node of a Cluster that takes over without the last second, while the board's node stays.
      const { mark, rank, won } = world.keys.campaign(campaign.campaignId);
      await world.redis.zrem(rank, 'logged');
      await world.redis.hset(mark, 'run', 'another');
      redis.mend();
      await eventually(async () => {
        const { campaigns } = await readBoard(world.redis, world.keys, { epoch: '', version: 0 });
        return campaigns.find(({ campaignId }) => campaignId === campaign.campaignId)?.granted === 1;
      });
      equal(await world.redis.hget(mark, 'whole'), null);
      await gateway.leave();
      await eventually(async () => (await world.redis.hget(mark, 'whole')) !== null);
      equal(await world.redis.hlen(won), 1);
      equal(await world.redis.zrank(rank, 'logged'), 0);
    });
  });
}

/** Sends entries in many slices; every third user sends to the other gateways as well. */
async function pour(gateway: TestGateway, campaign: Campaign, number: number): Promise<string[]> {
  const sent: string[] = [];
  for (let slice = 0; slice < 80; slice++) {
    const names = Array.from({ length: 10 }, (_, index) =>
      index % 3 === 0 ? `shared-${slice}-${index}` : `own-${number}-${slice}-${index}`,
    );
    await gateway.enter(campaign, names);
    sent.push(...names);
    await sleep(10);
  }
  return sent;
}
