import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { beginBoard, openBoard, publishBoard } from '../../engine/contract/redis/board/board.ts';
import { boardCampaign } from '../../engine/contract/redis/board/testing/campaign.ts';
import { keysOf } from '../../engine/contract/redis/keys.ts';
import { beginPresence, readPresence } from '../../engine/contract/redis/presence/presence.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../engine/contract/redis/redis.ts';
import { users } from '../../engine/test/gateway.ts';
import { serversFromEnv, testNamespace } from '../../engine/test/support.ts';
import { Board } from './board.ts';
import { Presence } from './presence.ts';

const EPOCH = 1;
const ROOM = 1;
const COUPON = 2;
const OTHER = 3;
const keys = keysOf(testNamespace());
let redis: RedisClient;
let board: Board;
before(async () => {
  redis = connectRedis(serversFromEnv().redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
  const campaigns = [
    boardCampaign({ campaignId: ROOM, kind: 'room' }),
    boardCampaign({ campaignId: COUPON, kind: 'coupon' }),
    boardCampaign({ campaignId: OTHER, kind: 'room' }),
  ];
  await beginBoard(redis, keys, EPOCH);
  await publishBoard(redis, keys, EPOCH, { campaigns });
  await openBoard(redis, keys, EPOCH);
  await beginPresence(redis, keys, EPOCH);
  board = new Board(redis, keys);
  await board.refresh();
});
after(() => redis.disconnect());

let last = '0-0';
/** The messages since the last call, and who came and left. */
async function readReports() {
  const reports = await readPresence(redis, keys, EPOCH, last);
  last = reports.at(-1)?.position ?? last;
  const rooms = reports.flatMap(({ report }) => report.rooms);
  return {
    by: [...new Set(reports.map(({ report }) => report.incarnation))],
    messages: reports.length,
    here: rooms.flatMap(({ here }) => here).sort(),
    gone: rooms.flatMap(({ gone }) => gone).sort(),
  };
}

test('reports each change once and batched, and all streams again for a new incarnation', async () => {
  let incarnation: number | undefined;
  let redisNow = redis;
  const disconnected = connectRedis('redis://127.0.0.1:1', {
    commandTimeoutMs: 100,
    onError: () => undefined,
  });
  const parts = {
    keys,
    board,
    identity: () => (incarnation === undefined ? undefined : { incarnation, epoch: EPOCH }),
  };
  const presence = new Presence({
    ...parts,
    get redis() {
      return redisNow;
    },
  });
  presence.opened(ROOM, 'alice');
  await presence.tell();
  assert.equal((await readReports()).messages, 0, 'without a lease, nothing is reported');
  incarnation = 10;
  await presence.tell();
  assert.deepEqual(await readReports(), { by: [10], messages: 1, here: ['alice'], gone: [] });
  presence.opened(ROOM, 'alice');
  presence.opened(COUPON, 'bob');
  presence.closed(ROOM, 'alice');
  await presence.tell();
  assert.equal((await readReports()).messages, 0, 'a second stream or a coupon changes nothing');
  presence.opened(OTHER, 'carol');
  presence.opened(ROOM, 'dave');
  await presence.tell();
  assert.deepEqual(
    await readReports(),
    { by: [10], messages: 1, here: ['carol', 'dave'], gone: [] },
    'two rooms',
  );
  presence.closed(OTHER, 'carol');
  presence.closed(ROOM, 'dave');
  await presence.tell();
  assert.deepEqual(await readReports(), { by: [10], messages: 1, here: [], gone: ['carol', 'dave'] });
  const many = users(4_500);
  for (const user of many) presence.opened(ROOM, user);
  presence.closed(ROOM, 'alice');
  redisNow = disconnected;
  await assert.rejects(presence.tell());
  presence.closed(ROOM, 'user-0');
  redisNow = redis;
  await presence.tell();
  const all = await readReports();
  assert.deepEqual([all.messages, all.gone], [3, ['alice', 'user-0']]);
  assert.deepEqual(all.here, many.slice(1).sort());
  incarnation = 11;
  await presence.tell();
  const again = await readReports();
  assert.deepEqual([again.by, again.here, again.gone], [[11], many.slice(1).sort(), []]);
  disconnected.disconnect();
});
