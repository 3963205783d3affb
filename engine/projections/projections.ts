/**
 * Writes projections: what Redis holds of one campaign, computed from the ledger. Every function may be called again, by
 * several engines at once, and adds only what is missing.
 */
import type { Queryable } from '../../sql/database.ts';
import type { CampaignKind } from '../../sql/statements/campaigns/campaigns.ts';
import { readRedrawn } from '../../sql/statements/draws/alternates.ts';
import { readEntries } from '../../sql/statements/entries/entries.ts';
import { readGrants } from '../../sql/statements/entries/grants.ts';
import { type Gone, readGone } from '../../sql/statements/entries/withdrawals.ts';
import { pagesOf } from '../../sql/statements/pages.ts';
import { type RoomMove, readMoves } from '../../sql/statements/rooms/room-turns.ts';
import type { CampaignKeys } from '../contract/redis/keys.ts';
import { type RedisClient, scriptFrom } from '../contract/redis/redis.ts';
import { eachPage, PAGE, type Projected } from './pages.ts';

const EVERYTHING = Number.MAX_SAFE_INTEGER;

const appendGoneScript = scriptFrom(new URL('./append-gone.lua', import.meta.url));

/** Ranks entries of the ledger with stamps above `after`; if a gateway is given, only its entries. */
export async function projectRanks(
  db: Queryable,
  redis: RedisClient,
  keys: CampaignKeys,
  range: { readonly campaignId: number; readonly after: number; readonly gateway?: number },
): Promise<number> {
  let ranked = 0;
  const pages = pagesOf({
    after: range.after,
    limit: PAGE,
    read: (after, limit) => readEntries(db, { ...range, after, through: EVERYTHING, limit }),
    keyOf: ({ stamp }) => stamp,
  });
  for await (const page of pages) {
    await redis.zadd(keys.rank, 'LT', ...page.flatMap(entry => [entry.stamp, entry.userId]));
    ranked += page.length;
  }
  return ranked;
}

/** Publishes winners with serials above `after`; returns the last serial published. */
export async function projectWon(campaign: Projected, after: number): Promise<number> {
  const { redis, keys } = campaign;
  return await eachPage(campaign, after, {
    read: readGrants,
    numberOf: grant => grant.serial,
    publish: page =>
      redis.hset(keys.won, ...page.flatMap(grant => [grant.userId, `${grant.serial}:${grant.code}`])),
  });
}

/**
 * Publishes prizes that were passed on to alternates after the position `after`: removes the previous holder and shows the new
 * one. Returns the last position. It writes the current state, so it may run again.
 */
export async function projectRedrawn(campaign: Projected, after: number): Promise<number> {
  const { redis, keys } = campaign;
  return await eachPage(campaign, after, {
    read: readRedrawn,
    numberOf: redrawn => redrawn.waitlistPosition,
    publish: async page => {
      await redis.hdel(keys.won, ...page.map(redrawn => redrawn.passedFrom));
      await redis.hset(
        keys.won,
        ...page.flatMap(({ userId, serial, code }) => [userId, `${serial}:${code}`]),
      );
    },
  });
}

/** Publishes users who have withdrawn, with gone_numbers above `after`; returns the last one published. */
export async function projectWithdrawn(campaign: Projected, after: number): Promise<number> {
  const { redis, keys } = campaign;
  return await eachPage(campaign, after, {
    read: readGone,
    numberOf: gone => gone.goneNumber,
    publish: page => redis.hset(keys.withdrawn, ...page.flatMap(gone => [gone.userId, gone.stamp])),
  });
}

/** The sign of each move of a user in a room's list: see CampaignKeys.gone. */
const SIGN_OF = { gone: '', back: '-', returned: '+' } as const;

/**
 * Appends the final ranks of those who left, with gone_numbers above `after`, as far as their entries have stamps up to
 * `rankedStamp`: ranks above that can still change. Returns the length of the list. For a room, users who came back are in
 * the list too.
 */
export async function projectGone(
  { db, redis, keys, campaignId, onPage }: Projected,
  turn: { readonly kind: CampaignKind; readonly after: number; readonly rankedStamp: number },
): Promise<number> {
  for (let { after } = turn; ; ) {
    const page =
      turn.kind === 'room'
        ? await readMoves(db, campaignId, after, PAGE)
        : await readGone(db, campaignId, after, PAGE);
    const late = page.findIndex(gone => gone.entryStamp > turn.rankedStamp);
    const final: readonly (Gone | RoomMove)[] = late < 0 ? page : page.slice(0, late);
    if (final.length === 0) return after;
    const ranks = await ranksOf(
      redis,
      keys,
      final.map(gone => gone.userId),
    );
    const missing = ranks.indexOf(undefined);
    const known = (missing < 0 ? ranks : ranks.slice(0, missing)).filter(rank => rank !== undefined);
    const moves = known.map((rank, index) => `${signOf(final[index])}${rank}`);
    await appendGone(redis, keys, keys.gone, after, moves);
    if (missing >= 0) throw new Error(`${keys.rank} lacks an entry with a final rank`);
    after += known.length;
    if (final.length < PAGE) return after;
    await onPage?.();
  }
}

/**
 * Appends to a list of the campaign of which `after` items were published before. Rejects if it has fewer, because something
 * was lost, and if the campaign is on another server than the one that its projection was begun on.
 */
export async function appendGone(
  redis: RedisClient,
  { mark }: CampaignKeys,
  key: string,
  after: number,
  items: readonly (number | string)[],
): Promise<void> {
  const length = Number(await appendGoneScript(redis, [key, mark], [after, ...items]));
  if (length < 0) throw new Error(`${key} is on another server, or Redis was restarted`);
  if (length < after) throw new Error(`${key} has ${length} items, but ${after} were published`);
}

function signOf(moved: Gone | RoomMove | undefined): string {
  return moved !== undefined && 'move' in moved ? SIGN_OF[moved.move] : '';
}

async function ranksOf(
  redis: RedisClient,
  keys: CampaignKeys,
  userIds: readonly string[],
): Promise<readonly (number | undefined)[]> {
  const pipeline = redis.pipeline();
  for (const userId of userIds) pipeline.zrank(keys.rank, userId);
  const answers = (await pipeline.exec()) ?? [];
  return answers.map(([error, rank]) => {
    if (error !== null) throw error;
    return typeof rank === 'number' ? rank : undefined;
  });
}
