import { deepEqual, equal } from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import { keysOf } from '../../engine/contract/redis/keys.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../engine/contract/redis/redis.ts';
import { serversFromEnv, testNamespace } from '../../engine/test/support.ts';
import { CampaignLists } from './campaign-lists.ts';

const CAMPAIGN = 1;
const key = keysOf(testNamespace()).campaign(CAMPAIGN).moves;
let redis: RedisClient;
before(async () => {
  redis = connectRedis(serversFromEnv().redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
});
beforeEach(() => redis.del(key));
after(() => redis.disconnect());

/** Lists whose state is their items, and what was news of them. */
function makeLists(): { readonly lists: CampaignLists<string[]>; readonly news: string[] } {
  const news: string[] = [];
  const lists = new CampaignLists<string[]>({
    redis,
    log: pino({ level: 'silent' }),
    what: 'a list',
    keyOf: () => key,
    empty: () => [],
    take: (state, item, _campaignId, isNews) => {
      state.push(item);
      if (isNews) news.push(item);
    },
  });
  return { lists, news };
}

test('a list is read on from where the last reading ended, however long it is', async () => {
  const { lists, news } = makeLists();
  const items = Array.from({ length: 4_001 }, (_, index) => String(index));
  await redis.rpush(key, ...items.slice(0, 3));
  equal(lists.isBehind(CAMPAIGN, 3), true);
  await lists.read(CAMPAIGN, 3);
  deepEqual(lists.get(CAMPAIGN), ['0', '1', '2']);
  equal(lists.isBehind(CAMPAIGN, 3), false);
  await redis.rpush(key, ...items.slice(3));
  await Promise.all([lists.read(CAMPAIGN, 4_001), lists.read(CAMPAIGN, 4_001)]);
  deepEqual(lists.get(CAMPAIGN), items);
  deepEqual(news, items);
});

test('after a new board the known list is used until the new one is complete, and only the rest of that is news', async () => {
  const { lists, news } = makeLists();
  await redis.rpush(key, 'a', 'b');
  await lists.read(CAMPAIGN, 2);
  await redis.del(key);
  await redis.rpush(key, 'b');
  lists.replaced();
  equal(lists.isBehind(CAMPAIGN, 2), true);
  await lists.read(CAMPAIGN, 3);
  deepEqual(lists.get(CAMPAIGN), ['a', 'b']);
  await redis.rpush(key, 'a', 'c');
  await lists.read(CAMPAIGN, 3);
  deepEqual(lists.get(CAMPAIGN), ['b', 'a', 'c']);
  deepEqual(news, ['a', 'b', 'c']);
  equal(lists.isBehind(CAMPAIGN, 3), false);
});

test('what is forgotten while it is read stays forgotten', async () => {
  const { lists } = makeLists();
  await redis.rpush(key, 'a');
  const reading = lists.read(CAMPAIGN, 1);
  equal(lists.size, 1);
  lists.forget(CAMPAIGN);
  await reading;
  deepEqual([lists.size, lists.get(CAMPAIGN)], [0, undefined]);
});

test('a list that cannot be read is read the next time', async () => {
  const { lists } = makeLists();
  await redis.set(key, 'no list');
  await lists.read(CAMPAIGN, 1);
  equal(lists.isBehind(CAMPAIGN, 1), true);
  await redis.del(key);
  await redis.rpush(key, 'a');
  await lists.read(CAMPAIGN, 1);
  deepEqual(lists.get(CAMPAIGN), ['a']);
});
