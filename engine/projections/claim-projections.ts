/**
 * Writes projections of campaigns with claims (see projections.ts): claimants, and the list of their moves. From the list,
 * gateways learn which users to look up again and how far the waitlist has moved, so they need no query per watcher.
 */
import type { Queryable } from '../../sql/database.ts';
import {
  readClaimants,
  readMoves,
  type ShownClaimant,
  type ShownMove,
} from '../../sql/statements/claims/claims.ts';
import { claimantOf, claimantText } from '../contract/campaign/claimant.ts';
import { scriptFrom } from '../contract/redis/redis.ts';
import { eachPage, type FirstRows, type Projected } from './pages.ts';
import { appendGone } from './projections.ts';

const publishScript = scriptFrom(new URL('./publish-claimants.lua', import.meta.url));

/** Of a campaign in `readClaimNews`: what has more is read on by itself. */
const NEWS_ROWS = 200;

/** How far a campaign's claimants and moves are published. */
export interface ClaimsPublished {
  readonly campaignId: number;
  readonly claimants: number;
  readonly moves: number;
}

/** What is to be published of a campaign's claims. */
export interface ClaimNews {
  readonly claimants: FirstRows<ShownClaimant>;
  readonly moves: FirstRows<ShownMove>;
}

/** Reads for many campaigns at once what is new; one after another, the reads would take most of the time of publishing. */
export async function readClaimNews(
  db: Queryable,
  campaigns: readonly ClaimsPublished[],
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
  const [claimantsOf, movesOf] = [byCampaign(claimants), byCampaign(moves)];
  return new Map(
    campaigns.map(each => [
      each.campaignId,
      {
        claimants: claimantsOf(each.campaignId, each.claimants),
        moves: movesOf(each.campaignId, each.moves),
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
