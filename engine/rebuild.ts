/**
 * Begins everything anew that Redis holds of campaigns, so that the door can open at once: every campaign's projection is
 * marked as being made, and the board speaks of all of them. Ranks and outcomes are made from the ledger while the door is
 * open (maker.ts). The cost is that of the campaigns that are not on the shelf (shelving.ts), not of their entries.
 *
 * Nobody ranks meanwhile: the registry is closed, every incarnation has ended, and what all of them had logged is in the
 * ledger. Each write has the epoch of this attempt: when Redis is emptied, or another engine begins a later one, it is refused.
 */
import { Cluster } from 'ioredis';
import type { Campaign } from '../sql/campaigns.ts';
import type { Pool } from '../sql/database.ts';
import { readCampaigns } from '../sql/settling.ts';
import { greatestShelved, readShelved } from '../sql/shelving.ts';
import { readWatermark } from '../sql/watermarks.ts';
import { beginBoard, openBoard, publishBoard, takeOffBoard } from './contract/board/board.ts';
import { toBoard } from './contract/board/board-campaign.ts';
import type { Keys } from './contract/keys.ts';
import { beginPresence } from './contract/presence/presence.ts';
import { beginProjection, clearProjection, sweepProjection } from './contract/projection/projection.ts';
import type { RedisClient } from './contract/redis.ts';

/** Keys asked for in one SCAN. */
const SCAN_COUNT = 500;
/** Campaigns begun at once, and put on the board by one script, which holds Redis up. */
const PAGE = 500;

/** `later`: Redis holds a board of this epoch or a later one, and a greater epoch is needed. */
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
 * Lets go of what older epochs have left: reports of presence, campaigns that the ledger does not have any more, and whatever
 * there is of campaigns on the shelf.
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
