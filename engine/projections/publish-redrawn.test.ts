import { deepEqual } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createCampaign } from '../../sql/statements/campaigns/campaigns.ts';
import { passOn } from '../../sql/statements/draws/alternates.ts';
import { insertEntries } from '../../sql/statements/entries/entries.ts';
import { announcementOf } from '../campaigns/announce.ts';
import { makeCode } from '../settling/judges/codes.ts';
import { settleCampaign } from '../settling/settling.ts';
import { quiet, World } from '../test/gateway.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { eventually } from '../test/support.ts';
import { Publisher } from './publish.ts';
import { beginAnew } from './rebuild.ts';

let world: World;
before(async () => {
  world = await World.make('redis');
});
after(() => world.close());

/** A drawn raffle with two winners and three alternates. */
async function drawn(): Promise<number> {
  const opensAt = new Date('2030-01-01T00:00:00Z');
  const closesAt = new Date('2030-01-02T00:00:00Z');
  const rules = { kind: 'raffle', title: 'test', stock: 2, opensAt, closesAt } as const;
  const tiers = [{ name: 'prize', winners: 2 }];
  const draw = { tiers, alternates: 3, group_limit: null, randomness: 'commit' } as const;
  const randomness = testRandomness();
  const { campaignId } = await createCampaign(world.pool, rules, id =>
    announcementOf(randomness, id, rules, draw),
  );
  const userIds = Array.from({ length: 9 }, (_, index) => `user-${index}`);
  const stamps = userIds.map((_, index) => 1024 * index);
  await insertEntries(world.pool, { campaignIds: userIds.map(() => campaignId), userIds, stamps }, 'all');
  const raffles = { randomness, saltSecret: TEST_SALT_SECRET };
  const options = { pool: world.pool, raffles, onDecided: () => undefined };
  await settleCampaign(
    options,
    campaignId,
    () => ({
      watermarkUs: closesAt.getTime() * 1000,
      nowUs: closesAt.getTime() * 1000,
      clockMs: closesAt.getTime(),
      availability: undefined,
      presentMs: undefined,
    }),
    () => true,
    new AbortController().signal,
  );
  return campaignId;
}

async function grants(campaignId: number): Promise<Record<string, string>> {
  const { rows } = await world.pool.query('select user_id, serial, code from grants where campaign_id = $1', [
    campaignId,
  ]);
  return Object.fromEntries(rows.map(row => [row.user_id, `${row.serial}:${row.code}`]));
}

const turn = {
  epoch: 1,
  watermarkUs: Date.parse('2030-01-03Z') * 1000,
  rankedUs: Date.parse('2030-01-03Z') * 1000,
};

/** Nothing was ranked before. */
const clocks = { nowUs: () => Promise.reject(new Error('the clock is not read')) };

test('shows a reassigned prize with its new holder, long after the end and while Redis lags', async () => {
  const campaignId = await drawn();
  const { pool, redis, keys } = world;
  await beginAnew(pool, redis, keys, turn.epoch);
  const won = keys.campaign(campaignId).won;
  const publisher = new Publisher({ ...world, clocks, log: quiet });
  await publisher.publish(turn);
  const { mark } = keys.campaign(campaignId);
  await eventually(async () => (await redis.hget(mark, 'whole')) === String(turn.epoch));
  deepEqual(await world.redis.hgetall(won), await grants(campaignId));
  await world.pool.query(
    `update campaigns set finished_at = now() - interval '1 day' where campaign_id = $1`,
    [campaignId],
  );
  const pass = async (): Promise<void> => {
    const { rows } = await world.pool.query(
      'select user_id from grants where campaign_id = $1 and serial = 1',
      [campaignId],
    );
    const holder: string = rows[0].user_id;
    await passOn(world.pool, campaignId, { serial: 1, holder, reason: 'test', code: makeCode() });
  };
  await pass();
  await publisher.publish(turn);
  deepEqual(await world.redis.hgetall(won), await grants(campaignId));
  // Twice between two turns, then with an engine that knows nothing of Redis.
  await pass();
  await pass();
  const another = new Publisher({ ...world, clocks, log: quiet });
  await another.publish(turn);
  deepEqual(await world.redis.hgetall(won), await grants(campaignId));
  await publisher.publish(turn);
  deepEqual(await world.redis.hgetall(won), await grants(campaignId));
  await Promise.all([publisher.close(), another.close()]);
});
