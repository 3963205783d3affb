/**
 * Writes projections of campaigns with claims (see projections.ts): claimants, and the list of their moves. From the list,
 * gateways learn which users to look up again and how far the waitlist has moved, so they need no query per watcher.
 */
import { readClaimants, readMoves, type ShownClaimant } from '../../sql/statements/claims/claims.ts';
import { claimantOf, claimantText } from '../contract/campaign/claimant.ts';
import { scriptFrom } from '../contract/redis/redis.ts';
import { eachPage, type Projected } from './pages.ts';
import { appendGone } from './projections.ts';

const publishScript = scriptFrom(new URL('./publish-claimants.lua', import.meta.url));

/** Publishes claimants with numbers above `after`, in their current state; returns the last number published. */
export async function projectClaimants(campaign: Projected, after: number): Promise<number> {
  const { redis, keys } = campaign;
  return await eachPage(campaign, after, {
    read: readClaimants,
    numberOf: claimant => claimant.number,
    publish: page => publishScript(redis, [keys.claimants], page.flatMap(argumentsOf)),
  });
}

/** Publishes moves with numbers above `after`: first the claimants' current state, then the moves. Returns the last number. */
export async function projectMoves(campaign: Projected, after: number): Promise<number> {
  const { redis, keys } = campaign;
  return await eachPage(campaign, after, {
    read: readMoves,
    numberOf: move => move.listNumber,
    publish: async (page, published) => {
      await publishScript(redis, [keys.claimants], page.flatMap(argumentsOf));
      const items = page.map(({ leftPlace, userId }) => `${leftPlace ?? 0}:${userId}`);
      await appendGone(redis, keys, keys.moves, published, items);
    },
  });
}

function argumentsOf(row: ShownClaimant): [string, string] {
  return [row.userId, claimantText(row.moveNumber, claimantOf(row))];
}
