/**
 * Builds one campaign's projection from the ledger while gateways accept entries. Gateways rank new entries into the same set
 * and engines continue to decide; nobody is told anything from the projection until its mark says that it is complete
 * (contract/redis/projection/).
 *
 * It is complete when all of these hold; `finish.lua` checks the third:
 * 1. Every entry is ranked that was in the ledger, or on its way there, when the projection was begun. Later entries are
 *    ranked by their gateway, or by the lease reaper if that gateway has ended; the lowest stamp stays, in whatever order.
 * 2. Winners and leavers are written first, ranks next, and lists of ranks last, because these are read from the ranks.
 * 3. Nothing was put on the board since the ledger was last read, so everything that the board refers to is there.
 */
import type { Pool } from '../../sql/database.ts';
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { saveGoneRanked } from '../../sql/statements/campaigns/settling.ts';
import { readEntries } from '../../sql/statements/entries/entries.ts';
import { lastStampAt } from '../contract/record/stamp.ts';
import type { CampaignKeys } from '../contract/redis/keys.ts';
import {
  advanceProjection,
  finishProjection,
  type MakingTurn,
  readJoined,
  takeProjection,
} from '../contract/redis/projection/projection.ts';
import type { RedisClient } from '../contract/redis/redis.ts';
import { projectClaimants, projectMoves } from './claim-projections.ts';
import type { Projected } from './pages.ts';
import { projectGone, projectRedrawn, projectWithdrawn, projectWon } from './projections.ts';

/** Entries ranked by one command, which blocks Redis for a few milliseconds at most. */
export const RANKED_AT_ONCE = 2_000;
const FROM_THE_FIRST = 0;
const NOTHING: Decided = { by: '', won: 0, claimants: 0, moves: 0, withdrawn: 0, begunByUs: undefined };
/**
 * If the engine that builds it is silent for longer, it has stopped, and this one continues its work. If this is shorter than
 * a page takes, two engines take the work from each other forever.
 */
const PATIENCE_MS = 3_000;
/** How far the stamp of an entry may be ahead of the shared clock when it is ranked; see CLOCK_STOP_MS. */
const AHEAD_US = 1_000_000;

export interface Making {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: CampaignKeys;
  readonly turn: MakingTurn;
  /** Entries ranked by one command. */
  readonly rankedAtOnce: number;
  /** How far everything is in the ledger, and how far it is ranked, microseconds since the epoch; read again each time. */
  readonly watermarks: () => { readonly watermarkUs: number; readonly rankedUs: number };
  /** The clock that stamps are taken by, microseconds since the epoch; the campaign's own node may have another. */
  readonly nowUs: () => Promise<number>;
  /** Called after each page of entries; false ends the turn, and another turn continues from there. */
  readonly goOn: () => boolean;
}

/** How far the turn named `by` has read decisions. */
export interface Decided {
  readonly by: string;
  readonly won: number;
  readonly claimants: number;
  readonly moves: number;
  readonly withdrawn: number;
  /** An instant at or after the beginning of the projection; undefined until it is known, or if it does not matter. */
  readonly begunByUs: number | undefined;
}

export interface Made {
  /**
   * `more`: the turn has ended; `later`: another engine builds it, something is on its way into the ledger, or the projection
   * was lost and must be begun first.
   */
  readonly state: 'whole' | 'more' | 'later';
  /** For the next turn. */
  readonly decided: Decided | undefined;
}

/**
 * Continues the build. Rejects when Redis was emptied meanwhile, or a server does not answer. Entries already ranked are not
 * ranked again.
 */
export async function makeProjection(
  making: Making,
  campaign: Campaign,
  before: Decided | undefined,
): Promise<Made> {
  const { redis, keys, turn } = making;
  const taken = await takeProjection(redis, keys, turn, PATIENCE_MS);
  if (taken.state === 'whole') return { state: 'whole', decided: undefined };
  if (taken.state !== 'yours') return { state: 'later', decided: undefined };
  // The writes of earlier turns are there, unless the projection was started anew since.
  const known = before !== undefined && before.by === taken.before ? before : NOTHING;
  // Read after taking the projection, so it is later than its beginning.
  const begunByUs = taken.isLacking ? (known.begunByUs ?? (await making.nowUs())) : undefined;
  let decided = await projectDecided(making, campaign, { ...known, begunByUs });
  // Checked before the ledger is read.
  const isAllThere = begunByUs === undefined || making.watermarks().watermarkUs >= begunByUs + AHEAD_US;
  const isRanked = await rankAll(making, campaign, taken.ranked);
  if (!isRanked) return { state: 'more', decided };
  if (!isAllThere) return { state: 'later', decided };
  if (!(await projectLeft(making, campaign))) return { state: 'later', decided };
  for (;;) {
    const joined = await readJoined(redis, keys);
    decided = await projectDecided(making, campaign, decided);
    if (await finishProjection(redis, keys, turn.by, joined)) return { state: 'whole', decided: undefined };
  }
}

/** Writes winners and leavers, from where `known` ends. */
async function projectDecided(
  making: Making,
  { campaignId, claimWithinS }: Campaign,
  known: Decided,
): Promise<Decided> {
  const projected = projectedBy(making, campaignId);
  let { won, claimants, moves } = known;
  if (claimWithinS === null) {
    won = await projectWon(projected, won);
    // From the first: a prize read above may have been passed on before it was written.
    await projectRedrawn(projected, FROM_THE_FIRST);
  } else {
    claimants = await projectClaimants(projected, claimants);
    moves = await projectMoves(projected, moves);
  }
  const withdrawn = await projectWithdrawn(projected, known.withdrawn);
  return { by: making.turn.by, won, claimants, moves, withdrawn, begunByUs: known.begunByUs };
}

/** Reports progress after each page, because many pages take longer than other engines wait for this one. */
function projectedBy({ pool, redis, keys, turn }: Making, campaignId: number): Projected {
  return { db: pool, redis, keys, campaignId, onPage: () => advanceProjection(redis, keys, turn.by) };
}

/**
 * Ranks the ledger's entries with stamps above `ranked`, and notes up to which stamp no more entries can come in between.
 * Returns false if the turn ended before all were ranked.
 */
async function rankAll(
  { pool, redis, keys, turn, rankedAtOnce, watermarks, goOn }: Making,
  campaign: Campaign,
  ranked: number,
): Promise<boolean> {
  const { campaignId } = campaign;
  const read = (after: number) =>
    readEntries(pool, { campaignId, after, through: Number.MAX_SAFE_INTEGER, limit: rankedAtOnce });
  // Read before the page, so everything up to it was in the ledger when the page was read.
  let settledUs = watermarks().watermarkUs;
  for (let page = await read(ranked); ; ) {
    const last = page.at(-1);
    if (last === undefined) return true;
    const isLast = page.length < rankedAtOnce;
    const sure = Math.min(last.stamp, lastStampAt(settledUs, opensAtUs(campaign)));
    const nextSettledUs = watermarks().watermarkUs;
    // The ledger reads while Redis ranks.
    const [next] = await Promise.all([
      isLast ? [] : read(last.stamp),
      redis.zadd(keys.rank, 'LT', ...page.flatMap(entry => [entry.stamp, entry.userId])),
    ]);
    await advanceProjection(redis, keys, turn.by, Math.max(sure, ranked));
    if (isLast) return true;
    // A turn that notes no progress must continue, because the next one would begin at the same place.
    if (sure > ranked && !goOn()) return false;
    page = next;
    settledUs = nextSettledUs;
  }
}

/** Writes the ranks of those who left. Returns false if the board refers to more of them than have final ranks by now. */
async function projectLeft(making: Making, campaign: Campaign): Promise<boolean> {
  const { pool, redis, keys, watermarks } = making;
  const { campaignId, kind, goneRanked } = campaign;
  const rankedStamp = lastStampAt(watermarks().rankedUs, opensAtUs(campaign));
  const turn = { kind, after: await redis.llen(keys.gone), rankedStamp };
  const ranked = await projectGone(projectedBy(making, campaignId), turn);
  if (ranked < goneRanked) return false;
  if (ranked > goneRanked) await saveGoneRanked(pool, campaignId, ranked);
  return true;
}
