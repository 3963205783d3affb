/** When a projection is complete again whose ranks were lost while gateways had leases. */
import { equal } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { beginProjection } from '../contract/redis/projection/projection.ts';
import { World } from '../test/gateway.ts';
import { type Decided, type Made, makeProjection } from './make-projection.ts';

const EPOCH = 1;
const HOUR_US = 3_600_000_000;
let world: World;
before(async () => {
  world = await World.make('redis');
});
after(() => world.close());

test('waits for stamps from before it began, by the shared clock and not that of its node', async () => {
  const { pool, redis } = world;
  const campaign = await world.campaign({ stock: 1 });
  const keys = world.keys.campaign(campaign.campaignId);
  await redis.zadd(keys.rank, 1, 'ann');
  await beginProjection(redis, keys, EPOCH, 'gateways');
  // The clock of the campaign's node is an hour behind that of the node whose clock is shared.
  const nodeUs = await world.nowUs();
  const sharedUs = nodeUs + HOUR_US;
  let asked = 0;
  let known: Decided | undefined;
  const make = async (turn: number, watermarkUs: number): Promise<Made['state']> => {
    const made = await makeProjection(
      {
        ...{ pool, redis, keys },
        rankedAtOnce: 2_000,
        turn: { epoch: EPOCH, maker: 'one', by: `one/${turn}` },
        watermarks: () => ({ watermarkUs, rankedUs: watermarkUs }),
        nowUs: async () => {
          asked += 1;
          return sharedUs;
        },
        goOn: () => true,
      },
      campaign,
      known,
    );
    known = made.decided;
    return made.state;
  };
  equal(await make(1, nodeUs + HOUR_US / 2), 'later');
  equal(await make(2, sharedUs + 2_000_000), 'whole');
  equal(asked, 1, 'the second run waits for the same instant');
});
