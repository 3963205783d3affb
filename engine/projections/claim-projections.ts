/**
 * Writes projections of campaigns with claims (see projections.ts): claimants, and the list of their moves. From the list,
 * gateways learn which users to look up again and how far the waitlist has moved, so they need no query per watcher.
 */
import type { Queryable } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import {
  readClaimants,
  readMoves,
  type ShownClaimant,
  type ShownMove,
} from '../../sql/statements/claims/claims.ts';
import { claimantOf, claimantText } from '../contract/campaign/claimant.ts';
import type { CampaignKeys } from '../contract/redis/keys.ts';
import { type RedisClient, scriptFrom } from '../contract/redis/redis.ts';
import { eachPage, type FirstRows, type Projected } from './pages.ts';
import { appendGone } from './projections.ts';

const publishScript = scriptFrom(new URL('./publish-claimants.lua', import.meta.url));

/** Campaigns whose news are read in one statement. */
const NEWS_AT_ONCE = 100;
/** Of each of them; what has more is read on by itself. */
const NEWS_ROWS = 200;

/** How far a campaign's claimants and moves are published. */
export interface PublishedClaims {
  claimants: number;
  moves: number;
}

/** What is to be published of a campaign's claims. */
export interface ClaimNews {
  readonly claimants: FirstRows<ShownClaimant>;
  readonly moves: FirstRows<ShownMove>;
}

/** The number of claimants, with claims: they are numbered from 1 without gaps. */
export function claimantsOf({ claimWithinS, grantedCount, waitlistedCount }: Campaign): number {
  return claimWithinS === null ? 0 : grantedCount + waitlistedCount;
}

/** Finds out how much of a complete projection was written. */
export async function compareClaims(
  redis: RedisClient,
  keys: CampaignKeys,
  campaign: Campaign,
  published: PublishedClaims,
): Promise<void> {
  if (claimantsOf(campaign) === 0) return;
  const held = await redis.hlen(keys.claimants);
  // A move enters the list only after the state of its claimant is in the hash.
  if (held >= claimantsOf(campaign)) published.claimants = held;
  if (published.claimants > 0) published.moves = await redis.llen(keys.moves);
}

/** What is new of claims, of those campaigns in which something is. */
export async function readClaimNews(
  db: Queryable,
  campaigns: readonly Campaign[],
  publishedOf: (campaignId: number) => PublishedClaims,
): Promise<ReadonlyMap<number, ClaimNews>> {
  const behind = campaigns.flatMap(campaign => {
    const { campaignId, moveCount } = campaign;
    const { claimants, moves } = publishedOf(campaignId);
    const isBehind = claimantsOf(campaign) > claimants || moveCount > moves;
    return campaign.claimWithinS !== null && isBehind ? [{ campaignId, claimants, moves }] : [];
  });
  const news = new Map<number, ClaimNews>();
  for (let at = 0; at < behind.length; at += NEWS_AT_ONCE) {
    const page = await readNewsAtOnce(db, behind.slice(at, at + NEWS_AT_ONCE));
    for (const [campaignId, claims] of page) news.set(campaignId, claims);
  }
  return news;
}

/** Reads for many campaigns at once what is new; one after another, the reads would take most of the time of publishing. */
async function readNewsAtOnce(
  db: Queryable,
  campaigns: readonly (PublishedClaims & { readonly campaignId: number })[],
): Promise<ReadonlyMap<number, ClaimNews>> {
  const claimants = await readClaimants(
    db,
    campaigns.map(each => ({ campaignId: each.campaignId, after: each.claimants })),
    NEWS_ROWS,
  );
  const moves = await readMoves(
    db,
    campaigns.map(each => ({ campaignId: each.campaignId, after: each.moves })),
    NEWS_ROWS,
  );
  const [newClaimants, newMoves] = [byCampaign(claimants), byCampaign(moves)];
  return new Map(
    campaigns.map(each => [
      each.campaignId,
      {
        claimants: newClaimants(each.campaignId, each.claimants),
        moves: newMoves(each.campaignId, each.moves),
      },
    ]),
  );
}

function byCampaign<Row extends { readonly campaignId: number }>(
  all: readonly Row[],
): (campaignId: number, after: number) => FirstRows<Row> {
  const found = new Map<number, Row[]>();
  for (const row of all) {
    const rows = found.get(row.campaignId);
    if (rows === undefined) found.set(row.campaignId, [row]);
    else rows.push(row);
  }
  return (campaignId, after) => {
    const rows = found.get(campaignId) ?? [];
    return { after, rows, areAll: rows.length < NEWS_ROWS };
  };
}

/** Publishes what is new: the claimants, then how far they have moved; `news` were read before, if there are any. */
export async function projectClaims(
  projected: Projected,
  campaign: Campaign,
  published: PublishedClaims,
  news: ClaimNews | undefined,
): Promise<void> {
  if (claimantsOf(campaign) > published.claimants) {
    published.claimants = await projectClaimants(projected, published.claimants, news?.claimants);
  }
  if (campaign.moveCount > published.moves) {
    published.moves = await projectMoves(projected, published.moves, news?.moves);
  }
}

/** Publishes claimants with numbers above `after`, as they are now; answers the last number that was. */
export async function projectClaimants(
  campaign: Projected,
  after: number,
  first?: FirstRows<ShownClaimant>,
): Promise<number> {
  const { redis, keys } = campaign;
  const pages = {
    read: (db: Queryable, campaignId: number, from: number, limit: number) =>
      readClaimants(db, [{ campaignId, after: from }], limit),
    numberOf: (claimant: ShownClaimant) => claimant.number,
    publish: (page: readonly ShownClaimant[]) =>
      publishScript(redis, [keys.claimants], page.flatMap(argumentsOf)),
  };
  return await eachPage(campaign, after, pages, first);
}

/** Publishes moves with numbers above `after`: who moved, as they are now, then that they did. Answers the last one. */
export async function projectMoves(
  campaign: Projected,
  after: number,
  first?: FirstRows<ShownMove>,
): Promise<number> {
  const { redis, keys } = campaign;
  const pages = {
    read: (db: Queryable, campaignId: number, from: number, limit: number) =>
      readMoves(db, [{ campaignId, after: from }], limit),
    numberOf: (move: ShownMove) => move.listNumber,
    publish: async (page: readonly ShownMove[], published: number) => {
      await publishScript(redis, [keys.claimants], page.flatMap(argumentsOf));
      const items = page.map(({ leftPosition, userId }) => `${leftPosition ?? 0}:${userId}`);
      await appendGone(redis, keys, keys.moves, published, items);
    },
  };
  return await eachPage(campaign, after, pages, first);
}

function argumentsOf(row: ShownClaimant): [string, string] {
  return [row.userId, claimantText(row.moveNumber, claimantOf(row))];
}
