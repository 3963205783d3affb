/** The order in which campaigns are rebuilt. */
import { deepEqual } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pino from 'pino';
import { beginProjection } from '../contract/redis/projection/projection.ts';
import { readRequestedProjections, requestProjection } from '../contract/redis/projection/requested.ts';
import { World } from '../test/gateway.ts';
import { Maker } from './maker.ts';

const EPOCH = 1;
const PATIENCE_MS = 30_000;
let world: World;
before(async () => {
  world = await World.make('redis');
});
after(() => world.close());

test('builds unfinished campaigns first, then requested ones, then those that ended last', async () => {
  const { pool, redis, keys } = world;
  const campaigns = [];
  for (const minute of [undefined, 1, 2, 3, 4]) {
    const made = await world.campaign({ stock: 1 });
    campaigns.push({
      ...made,
      finishedAt: minute === undefined ? null : new Date(Date.UTC(2030, 0, 1, 0, minute)),
    });
    await beginProjection(redis, keys.campaign(made.campaignId), EPOCH, 'nobody');
  }
  const [open, first, second, third, fourth] = campaigns;
  if (second === undefined) throw new Error('there are five campaigns');
  await requestProjection(redis, keys, second.campaignId);
  const maker = new Maker({
    ...{ pool, redis, keys },
    clocks: { nowUs: () => world.nowUs() },
    log: pino({ enabled: false }),
  });
  maker.follow({ epoch: EPOCH, watermarkUs: 0, rankedUs: 0 });
  maker.want(campaigns);
  const order: number[] = [];
  await Promise.all(
    campaigns.map(async campaign => {
      await maker.attend([campaign], PATIENCE_MS);
      order.push(campaign.campaignId);
    }),
  );
  await maker.close();
  deepEqual(
    order,
    [open, second, fourth, third, first].map(campaign => campaign?.campaignId),
  );
  deepEqual([...(await readRequestedProjections(redis, keys))], [], 'complete projections are forgotten');
});
