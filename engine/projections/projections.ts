/**
 * The writing of projections: what Redis holds of one campaign, made from the ledger. Every function may be called
 * again, by several engines at once, and adds only what is missing.
 */
import type { Queryable } from '../../sql/database.ts';
import type { CampaignKind } from '../../sql/statements/campaigns/campaigns.ts';
import { readRedrawn } from '../../sql/statements/draws/alternates.ts';
import { readEntries } from '../../sql/statements/entries/entries.ts';
import { readGrants } from '../../sql/statements/entries/grants.ts';
import { type Gone, readGone } from '../../sql/statements/entries/withdrawals.ts';
import { type RoomMove, readMoves } from '../../sql/statements/rooms/room-turns.ts';
import type { CampaignKeys } from '../contract/redis/keys.ts';
import { type RedisClient, scriptFrom } from '../contract/redis/redis.ts';

/** Members sent in one command: it holds Redis up for a few milliseconds at most. */
const PAGE = 2_000;
const EVERYTHING = Number.MAX_SAFE_INTEGER;

/** What projections do after each page where nothing is to be done; see make-projection.ts. */
export const nothingMore = async (): Promise<void> => undefined;

const appendGoneScript = scriptFrom(new URL('./append-gone.lua', import.meta.url));

/** Ranks entries of the ledger with stamps above `after`; only those of one gateway where that is given. */
export async function projectRanks(
  db: Queryable,
  redis: RedisClient,
  keys: CampaignKeys,
  range: { readonly campaignId: number; readonly after: number; readonly gateway?: number },
): Promise<number> {
  let ranked = 0;
  for (let { after } = range; ; ) {
    const page = await readEntries(db, { ...range, after, through: EVERYTHING, limit: PAGE });
    const last = page.at(-1);
    if (last === undefined) return ranked;
    await redis.zadd(keys.rank, 'LT', ...page.flatMap(entry => [entry.stamp, entry.userId]));
    ranked += page.length;
    if (page.length < PAGE) return ranked;
    after = last.stamp;
  }
}

/** Publishes the winners with serials above `after`; answers the last serial that was. */
export async function projectWon(
  db: Queryable,
  redis: RedisClient,
  keys: CampaignKeys,
  campaignId: number,
  after: number,
  onPage = nothingMore,
): Promise<number> {
  for (let last = after; ; ) {
    const page = await readGrants(db, campaignId, last, PAGE);
    if (page.length === 0) return last;
    await redis.hset(keys.won, ...page.flatMap(grant => [grant.userId, `${grant.serial}:${grant.code}`]));
    last = page.at(-1)?.serial ?? last;
    await onPage();
    if (page.length < PAGE) return last;
  }
}

/**
 * Publishes prizes that were passed on to alternates behind the place `after`: who had one has it no longer, and who has
 * it now is shown with it. Answers the last place that was. What is written is how things stand, so it may be written again.
 */
export async function projectRedrawn(
  db: Queryable,
  redis: RedisClient,
  keys: CampaignKeys,
  campaignId: number,
  after: number,
  onPage = nothingMore,
): Promise<number> {
  for (let last = after; ; ) {
    const page = await readRedrawn(db, campaignId, last, PAGE);
    if (page.length === 0) return last;
    await redis.hdel(keys.won, ...page.map(redrawn => redrawn.passedFrom));
    await redis.hset(keys.won, ...page.flatMap(({ userId, serial, code }) => [userId, `${serial}:${code}`]));
    last = page.at(-1)?.place ?? last;
    await onPage();
    if (page.length < PAGE) return last;
  }
}

/** Publishes who has withdrawn, from above the gone_number `after`; answers the last that was. */
export async function projectWithdrawn(
  db: Queryable,
  redis: RedisClient,
  keys: CampaignKeys,
  campaignId: number,
  after: number,
  onPage = nothingMore,
): Promise<number> {
  for (let last = after; ; ) {
    const page = await readGone(db, campaignId, last, PAGE);
    if (page.length === 0) return last;
    await redis.hset(keys.withdrawn, ...page.flatMap(gone => [gone.userId, gone.stamp]));
    last = page.at(-1)?.goneNumber ?? last;
    await onPage();
    if (page.length < PAGE) return last;
  }
}

/** How each move of somebody in a room stands in the list: see CampaignKeys.gone. */
const SIGN_OF = { gone: '', back: '-', returned: '+' } as const;

/**
 * Appends the final ranks of those who left, from above the gone_number `after`, as far as their entries have stamps
 * up to `rankedStamp`: ranks above that can still change. Answers how many stand in the list then, in order. Of a room,
 * those who came back stand in it too.
 */
export async function projectGone(
  db: Queryable,
  redis: RedisClient,
  keys: CampaignKeys,
  turn: {
    readonly campaignId: number;
    readonly kind: CampaignKind;
    readonly after: number;
    readonly rankedStamp: number;
  },
  onPage = nothingMore,
): Promise<number> {
  for (let { after } = turn; ; ) {
    const page =
      turn.kind === 'room'
        ? await readMoves(db, turn.campaignId, after, PAGE)
        : await readGone(db, turn.campaignId, after, PAGE);
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
    await onPage();
  }
}

/**
 * Appends to a list of the campaign of which `after` items were published before. Rejects when it has fewer, as something was
 * lost, and when another server has the campaign than the one its projection was begun on.
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
