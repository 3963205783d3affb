/**
 * The writing of projections where there are claims (see projections.ts): claimants, and the list of their moves, which
 * tells gateways who to look at again and how far the waitlist has moved up, without a question for each who watches.
 */
import type { Queryable } from '../../sql/database.ts';
import { readClaimants, readMoves, type ShownClaimant } from '../../sql/statements/claims/claims.ts';
import { claimantOf, claimantText } from '../contract/campaign/claimant.ts';
import type { CampaignKeys } from '../contract/redis/keys.ts';
import { type RedisClient, scriptFrom } from '../contract/redis/redis.ts';
import { appendGone, nothingMore } from './projections.ts';

/** Members sent in one command. */
const PAGE = 2_000;

const publishScript = scriptFrom(new URL('./publish-claimants.lua', import.meta.url));

/** Publishes claimants with numbers above `after`, as they are now; answers the last number that was. */
export async function projectClaimants(
  db: Queryable,
  redis: RedisClient,
  keys: CampaignKeys,
  campaignId: number,
  after: number,
  onPage = nothingMore,
): Promise<number> {
  for (let last = after; ; ) {
    const page = await readClaimants(db, campaignId, last, PAGE);
    if (page.length === 0) return last;
    await publishScript(redis, [keys.claimants], page.flatMap(argumentsOf));
    last = page.at(-1)?.number ?? last;
    await onPage();
    if (page.length < PAGE) return last;
  }
}

/** Publishes moves with numbers above `after`: who moved, as they are now, then that they did. Answers the last one. */
export async function projectMoves(
  db: Queryable,
  redis: RedisClient,
  keys: CampaignKeys,
  campaignId: number,
  after: number,
  onPage = nothingMore,
): Promise<number> {
  for (let last = after; ; ) {
    const page = await readMoves(db, campaignId, last, PAGE);
    if (page.length === 0) return last;
    await publishScript(redis, [keys.claimants], page.flatMap(argumentsOf));
    const items = page.map(({ leftPlace, userId }) => `${leftPlace ?? 0}:${userId}`);
    await appendGone(redis, keys, keys.moves, last, items);
    last = page.at(-1)?.listNumber ?? last;
    await onPage();
    if (page.length < PAGE) return last;
  }
}

function argumentsOf(row: ShownClaimant): [string, string] {
  return [row.userId, claimantText(row.moveNumber, claimantOf(row))];
}
