/** Two engines publish many changes: each leaves to the other what the other settles. */
import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Campaign, createCampaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { insertEntries } from '../../sql/statements/entries/entries.ts';
import { settleCampaign } from '../settling/settling.ts';
import { quiet, World } from '../test/gateway.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { eventually } from '../test/support.ts';
import { watched } from '../test/watched-pool.ts';
import { SHARED_FROM } from './left-to-others.ts';
import { Publisher } from './publish.ts';
import { beginAnew } from './rebuild.ts';

const EPOCH = 1;
const OPENS_AT = new Date('2030-01-01T00:00:00Z');
const TERMS = {
  kind: 'coupon',
  title: 'test',
  stock: 100,
  opensAt: OPENS_AT,
  closesAt: new Date('2030-01-02T00:00:00Z'),
} as const;
const READS_GRANTS = /from grants/;

let world: World;
let campaigns: Campaign[];
/** How often the second engine has read winners. */
let reads = 0;
before(async () => {
  world = await World.make('redis');
  campaigns = [];
  for (let number = 0; number < SHARED_FROM; number++)
    campaigns.push(await createCampaign(world.pool, TERMS));
});
after(() => world.close());

/** In each campaign one user enters, `number` microseconds after the opening, and is granted something. */
async function grantOne(number: number): Promise<void> {
  const raffles = { randomness: testRandomness(), saltSecret: TEST_SALT_SECRET };
  const settling = { pool: world.pool, raffles, onDecided: () => undefined };
  for (const campaign of campaigns) {
    const { campaignId } = campaign;
    const entry = { campaignIds: [campaignId], userIds: [`user-${number}`], stamps: [1024 * number] };
    await insertEntries(world.pool, entry, 'all');
    const watermarkUs = opensAtUs(campaign) + number;
    const instants = {
      watermarkUs,
      nowUs: watermarkUs,
      clockMs: Math.ceil(watermarkUs / 1_000),
      availability: undefined,
      presentMs: undefined,
    };
    const stopping = new AbortController().signal;
    const { isIdle } = await settleCampaign(
      settling,
      campaignId,
      () => instants,
      () => true,
      stopping,
    );
    equal(isIdle, false);
  }
}

/** The number of grants that Redis shows, by campaign. */
async function shown(): Promise<readonly number[]> {
  return await Promise.all(
    campaigns.map(({ campaignId }) => world.redis.hlen(world.keys.campaign(campaignId).won)),
  );
}

const each = (count: number): readonly number[] => campaigns.map(() => count);

test("an engine publishes another engine's settlement only when that one does not", async () => {
  const { pool, redis, keys } = world;
  await beginAnew(pool, redis, keys, EPOCH);
  const clocks = { nowUs: () => Promise.reject(new Error('the clock is not read')) };
  const turn = { epoch: EPOCH, watermarkUs: opensAtUs(TERMS) + 1_000, rankedUs: opensAtUs(TERMS) + 1_000 };
  const parts = { redis, keys, clocks, log: quiet };
  const one = new Publisher({ ...parts, pool });
  const counted = watched(pool, text => {
    if (READS_GRANTS.test(text)) reads += 1;
  });
  const other = new Publisher({ ...parts, pool: counted });
  const othersTurn = { ...turn, isOthers: () => true };
  await one.publish(turn);
  await eventually(async () => {
    const marks = campaigns.map(({ campaignId }) => redis.hget(keys.campaign(campaignId).mark, 'whole'));
    return (await Promise.all(marks)).every(whole => whole === String(EPOCH));
  });
  await grantOne(1);
  await other.publish(othersTurn);
  deepEqual(await shown(), each(1), "Redis' content is not known yet");
  await one.publish(turn);

  reads = 0;
  await grantOne(2);
  await other.publish(othersTurn);
  deepEqual(await shown(), each(1));
  await one.publish(turn);
  deepEqual(await shown(), each(2));
  await other.publish(othersTurn);
  equal(reads, 0);

  await grantOne(3);
  await eventually(async () => {
    await other.publish(othersTurn);
    return (await shown()).every(count => count === 3);
  });
  notEqual(reads, 0);
  await Promise.all([one.close(), other.close()]);
});
