/**
 * Starts the rebuild of everything that Redis holds about campaigns, so that gateways can accept entries at once: marks every
 * campaign's projection as being built and puts all campaigns on the board. Ranks and outcomes are built from the ledger
 * while gateways accept entries (maker.ts). The cost grows with the campaigns that are not shelved (shelving.ts), not with their
 * entries.
 *
 * Nobody ranks meanwhile: the registry is closed, every incarnation has ended, and everything they logged is in the ledger.
 * Each write carries the epoch of this attempt: Redis refuses it after being emptied, or when another engine has begun a
 * later epoch.
 */
import { Cluster } from 'ioredis';
import type { Pool } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { readCampaigns } from '../../sql/statements/campaigns/settling.ts';
import { greatestShelved, readShelved } from '../../sql/statements/campaigns/shelving.ts';
import { readBlockList } from '../../sql/statements/operators/blocks.ts';
import { readWatermark } from '../../sql/statements/progress/watermarks.ts';
import { publishBlocks } from '../contract/redis/board/blocks.ts';
import { beginBoard, openBoard, publishBoard, takeOffBoard } from '../contract/redis/board/board.ts';
import { toBoard } from '../contract/redis/board/board-campaign.ts';
import type { Keys } from '../contract/redis/keys.ts';
import { beginPresence } from '../contract/redis/presence/presence.ts';
import {
  beginProjection,
  clearProjection,
  sweepProjection,
} from '../contract/redis/projection/projection.ts';
import type { RedisClient } from '../contract/redis/redis.ts';

/** Keys per SCAN. */
const SCAN_COUNT = 500;
/** Campaigns started at once and put on the board by one script, which blocks Redis meanwhile. */
const PAGE = 500;

/** `later`: Redis holds a board of this or a later epoch, so a greater epoch is needed. */
export type Begun = { readonly campaigns: number } | { readonly later: number };

export async function beginAnew(pool: Pool, redis: RedisClient, keys: Keys, epoch: number): Promise<Begun> {
  const later = await beginBoard(redis, keys, epoch);
  if (later !== undefined) return { later };
  await beginPresence(redis, keys, epoch);
  const watermarkUs = await readWatermark(pool);
  const campaigns = await readCampaigns(pool, undefined);
  for (let at = 0; at < campaigns.length; at += PAGE) {
    await beginPage(redis, keys, epoch, campaigns.slice(at, at + PAGE));
  }
  await takeOffBoard(redis, keys, epoch, [await greatestShelved(pool)]);
  await publishBoard(redis, keys, epoch, { watermarkUs, rankedUs: watermarkUs, campaigns: [] });
  // Read after the board has begun: what is blocked later is told to this one.
  await publishBlocks(redis, keys, epoch, await readBlockList(pool));
  await openBoard(redis, keys, epoch);
  return { campaigns: campaigns.length };
}

async function beginPage(
  redis: RedisClient,
  keys: Keys,
  epoch: number,
  campaigns: readonly Campaign[],
): Promise<void> {
  await Promise.all(
    campaigns.map(({ campaignId }) => beginProjection(redis, keys.campaign(campaignId), epoch, 'nobody')),
  );
  await publishBoard(redis, keys, epoch, { campaigns: campaigns.map(toBoard) });
}

/**
 * Deletes what older epochs have left: presence reports, campaigns that no longer exist in the ledger, and all keys of
 * shelved campaigns.
 */
export async function sweepOlder(pool: Pool, redis: RedisClient, keys: Keys, epoch: number): Promise<void> {
  const presence = keys.presence(0).slice(0, -1);
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  for (const node of nodes) {
    for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
      const [next, found] = await node.scan(cursor, 'MATCH', keys.projectionPattern, 'COUNT', SCAN_COUNT);
      for (const key of found) {
        const campaignId = /\{c(\d+)\}:mark$/.exec(key)?.[1];
        if (key.startsWith(presence) && Number(key.slice(presence.length)) < epoch) await redis.unlink(key);
        else if (campaignId !== undefined)
          await sweepProjection(redis, keys.campaign(Number(campaignId)), epoch);
      }
      const ids = found.flatMap(key => /\{c(\d+)\}:[^:]+$/.exec(key)?.[1] ?? []);
      for (const { campaignId } of ids.length === 0 ? [] : await readShelved(pool, ids.map(Number)))
        await clearProjection(redis, keys.campaign(campaignId));
      cursor = next;
    }
  }
}
