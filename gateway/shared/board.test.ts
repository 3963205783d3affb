import { deepEqual, equal } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type BoardCampaign,
  beginBoard,
  openBoard,
  publishBoard,
  takeOffBoard,
} from '../../engine/contract/redis/board/board.ts';
import { boardCampaign } from '../../engine/contract/redis/board/testing/campaign.ts';
import { keysOf } from '../../engine/contract/redis/keys.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../engine/contract/redis/redis.ts';
import { serversFromEnv, testNamespace } from '../../engine/test/support.ts';
import { Board } from './board.ts';

const keys = keysOf(testNamespace());
let redis: RedisClient;
before(async () => {
  redis = connectRedis(serversFromEnv().redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
});
after(() => redis.disconnect());

function campaign(campaignId: number, revision: number): BoardCampaign {
  return boardCampaign({ campaignId, revision });
}

async function makeBoard(
  epoch: number,
  rankedUs: number,
  campaigns: readonly BoardCampaign[],
): Promise<void> {
  equal(await beginBoard(redis, keys, epoch), undefined);
  await publishBoard(redis, keys, epoch, { rankedUs, campaigns });
  await openBoard(redis, keys, epoch);
}

test('another board replaces the current one, even with a lower revision after a ledger was restored', async () => {
  await makeBoard(1, 900, [campaign(1, 7), campaign(2, 9)]);
  const board = new Board(redis, keys);
  await board.refresh();
  let replaced = 0;
  let reported: readonly number[] = [];
  board.listen({
    changed: campaigns => {
      reported = campaigns.map(({ campaignId }) => campaignId);
    },
    replaced: () => {
      replaced += 1;
    },
  });
  // While there is no board, the known campaigns are still shown.
  equal(await beginBoard(redis, keys, 2), undefined);
  await board.refresh();
  deepEqual([board.epoch, board.campaigns().length, replaced], ['', 2, 0]);
  await publishBoard(redis, keys, 2, { rankedUs: 500, campaigns: [campaign(2, 4)] });
  await openBoard(redis, keys, 2);
  await board.refresh();
  deepEqual(board.campaigns(), [campaign(2, 4)]);
  deepEqual([board.epoch, board.rankedUs, replaced, reported], ['2', 500, 1, [2]]);
});

test('rejects writes of an older attempt, and keeps a board that is not older', async () => {
  await makeBoard(5, 1, []);
  equal(await beginBoard(redis, keys, 4), 5);
  const refused = async (work: Promise<unknown>): Promise<boolean> =>
    work.then(
      () => false,
      () => true,
    );
  equal(await refused(publishBoard(redis, keys, 4, { campaigns: [campaign(3, 1)] })), true);
  equal(await beginBoard(redis, keys, 6), undefined);
  // Emptied, and no engine has begun a new board.
  await redis.unlink(keys.boardState);
  equal(await refused(openBoard(redis, keys, 6)), true);
});

test('drops campaigns that are shelved, also those that left the board between two reads', async () => {
  await makeBoard(8, 1, [campaign(1, 1), campaign(2, 1), campaign(3, 1)]);
  const board = new Board(redis, keys);
  const forgotten: number[] = [];
  board.listen({ changed: () => undefined, forgot: ids => forgotten.push(...ids) });
  await board.refresh();
  const shelve = (id: number): Promise<unknown> =>
    publishBoard(redis, keys, 8, { campaigns: [{ ...campaign(id, 2), shelved: true }] });
  const kept = (): readonly number[] => board.campaigns().map(({ campaignId }) => campaignId);
  await shelve(1);
  await board.refresh();
  deepEqual([kept(), forgotten], [[2, 3], [1]]);
  await shelve(2);
  await takeOffBoard(redis, keys, 8, [1, 2]);
  await board.refresh();
  deepEqual([kept(), forgotten], [[3], [1, 2]]);
  deepEqual(
    [1, 2, 3].map(id => board.mayBeShelved(id)),
    [true, true, false],
  );
});
