/**
 * Makes all projections anew: deletes what Redis holds of campaigns and board, and writes it again from the ledger.
 * Nothing else may be live meanwhile: the registry is closed, every incarnation has ended, and what all of them had
 * logged is in the ledger. So all ranks are final, and ranked is as far as the watermark.
 */
import { Cluster } from 'ioredis';
import type { Pool } from '../sql/database.ts';
import { readCampaigns, saveGoneRanked } from '../sql/settling.ts';
import { readWatermark } from '../sql/watermarks.ts';
import { toBoard } from './api/board-campaign.ts';
import { projectClaimants, projectMoves } from './claim-projections.ts';
import { openBoard, publishBoard } from './contract/board/board.ts';
import type { Keys } from './contract/keys.ts';
import type { RedisClient } from './contract/redis.ts';
import { projectGone, projectRanks, projectWithdrawn, projectWon } from './projections.ts';

const BEFORE_ALL_STAMPS = -1;
const BEFORE_ALL_NUMBERS = 0;
/** Keys asked for in one SCAN, and deleted in one go. */
const SCAN_COUNT = 500;
/** Campaigns put on the board by one script, which holds Redis up. */
const BOARD_PAGE = 500;

export interface Rebuilt {
  readonly campaigns: number;
  readonly ranked: number;
}

/**
 * The board gets `epoch`; readers that knew another one read it whole. `check` is called before anything is deleted
 * and may reject, so that one who is no longer the keeper deletes nothing that the new one has made.
 */
export async function rebuildProjections(
  pool: Pool,
  redis: RedisClient,
  keys: Keys,
  epoch: number,
  check: () => Promise<void>,
): Promise<Rebuilt> {
  await deleteProjections(redis, keys, check);
  let ranked = 0;
  const campaigns = await readCampaigns(pool, undefined);
  for (const { campaignId, claimWithinS, kind } of campaigns) {
    const own = keys.campaign(campaignId);
    ranked += await projectRanks(pool, redis, own, { campaignId, after: BEFORE_ALL_STAMPS });
    if (claimWithinS === null) await projectWon(pool, redis, own, campaignId, BEFORE_ALL_NUMBERS);
    else {
      await projectClaimants(pool, redis, own, campaignId, BEFORE_ALL_NUMBERS);
      await projectMoves(pool, redis, own, campaignId, BEFORE_ALL_NUMBERS);
    }
    await projectWithdrawn(pool, redis, own, campaignId, BEFORE_ALL_NUMBERS);
    const goneRanked = await projectGone(pool, redis, own, {
      campaignId,
      kind,
      after: BEFORE_ALL_NUMBERS,
      rankedStamp: Number.MAX_SAFE_INTEGER,
    });
    await saveGoneRanked(pool, campaignId, goneRanked);
  }
  await rebuildBoard(pool, redis, keys);
  await openBoard(redis, keys, epoch);
  return { campaigns: campaigns.length, ranked };
}

async function rebuildBoard(pool: Pool, redis: RedisClient, keys: Keys): Promise<void> {
  const watermarkUs = await readWatermark(pool);
  const campaigns = (await readCampaigns(pool, undefined)).map(toBoard);
  for (let at = 0; at < campaigns.length; at += BOARD_PAGE) {
    await publishBoard(redis, keys, { campaigns: campaigns.slice(at, at + BOARD_PAGE) });
  }
  await publishBoard(redis, keys, { watermarkUs, rankedUs: watermarkUs, campaigns: [] });
}

/** Deletes every projection but the registry of leases. */
async function deleteProjections(redis: RedisClient, keys: Keys, check: () => Promise<void>): Promise<void> {
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  for (const node of nodes) {
    for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
      const [next, found] = await node.scan(cursor, 'MATCH', keys.projectionPattern, 'COUNT', SCAN_COUNT);
      await check();
      // One by one: in a Cluster, keys of one command must lie in one slot.
      for (const key of found) if (key !== keys.leases) await node.unlink(key);
      cursor = next;
    }
  }
}
