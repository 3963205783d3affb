import { deepEqual, equal } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { World } from '../test/gateway.ts';
import { eachPage } from './pages.ts';

const ROWS = [1, 2, 3, 4, 5];

let world: World;
before(async () => {
  world = await World.make('redis');
});
after(() => world.close());

test('reuses rows read in advance, unless their predecessors were forgotten since', async () => {
  const { pool, redis, keys } = world;
  const campaign = { db: pool, redis, keys: keys.campaign(1), campaignId: 1 };
  const published: (readonly [number, readonly number[]])[] = [];
  let reads = 0;
  const pages = {
    read: async (_db: unknown, _campaignId: number, from: number, limit: number) => {
      reads += 1;
      return ROWS.filter(row => row > from).slice(0, limit);
    },
    numberOf: (row: number) => row,
    publish: async (page: readonly number[], from: number) => void published.push([from, page]),
  };
  equal(await eachPage(campaign, 3, pages, { after: 3, rows: [4, 5], areAll: true }), 5);
  deepEqual([published.splice(0), reads], [[[3, [4, 5]]], 0]);
  equal(await eachPage(campaign, 0, pages, { after: 3, rows: [4, 5], areAll: true }), 5);
  deepEqual([published.splice(0), reads > 0], [[[0, ROWS]], true]);
  equal(await eachPage(campaign, 1, pages, { after: 1, rows: [2], areAll: false }), 5);
  deepEqual(published, [
    [1, [2]],
    [2, [3, 4, 5]],
  ]);
});
