/**
 * The making of one campaign's projection from the ledger, while the door is open: gateways rank newcomers into the same
 * set, engines go on deciding, and nothing is told from it until its mark says that it is whole
 * (contract/redis/projection/).
 *
 * It is whole when all of these hold, and `finish.lua` looks at the third:
 * 1. Every entry is ranked that the ledger had, or was to have, when the projection was begun. Who entered since is ranked
 *    by their gateway, or by the keeper when that has ended; the least stamp stays, whoever ranks first.
 * 2. Who won and who left is there first, ranks after them, and lists of ranks last, as they are read off the ranks.
 * 3. Nothing was put on the board since the ledger was read for the last time: so whatever the board speaks of is there.
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

/** Entries ranked by one command, which holds Redis up for a few milliseconds at most. */
export const RANKED_AT_ONCE = 2_000;
const FROM_THE_FIRST = 0;
const NOTHING: Decided = { by: '', won: 0, claimants: 0, moves: 0, withdrawn: 0, begunByUs: undefined };
/**
 * Another engine that makes it and is silent for longer has stopped: what it did is gone on with. Shorter than a page takes,
 * two engines would take it from each other for ever.
 */
const PATIENCE_MS = 3_000;
/** By so much may the stamp of an entry be ahead of the shared clock when it is ranked; see CLOCK_STOP_MS. */
const AHEAD_US = 1_000_000;

export interface Making {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: CampaignKeys;
  readonly turn: MakingTurn;
  /** Entries ranked by one command. */
  readonly rankedAtOnce: number;
  /** How far everything is in the ledger, and how far ranked, microseconds since the epoch; asked again each time. */
  readonly watermarks: () => { readonly watermarkUs: number; readonly rankedUs: number };
  /** The clock that stamps are taken by, microseconds since the epoch; that of the campaign's own node may be another. */
  readonly nowUs: () => Promise<number>;
  /** Asked after each page of entries; when it says no, another turn goes on from there. */
  readonly goOn: () => boolean;
}

/** Where the reading of what was decided has come to, in the turn of that name. */
export interface Decided {
  readonly by: string;
  readonly won: number;
  readonly claimants: number;
  readonly moves: number;
  readonly withdrawn: number;
  /** An instant at or after that at which the projection was begun, where that matters and is known by now. */
  readonly begunByUs: number | undefined;
}

export interface Made {
  /**
   * `more`: the turn is over; `later`: another engine makes it, something is on its way into the ledger, or it was lost and
   * has to be begun first.
   */
  readonly state: 'whole' | 'more' | 'later';
  /** For the next turn. */
  readonly decided: Decided | undefined;
}

/**
 * Goes on with the making where it stands. Rejects when Redis was emptied meanwhile, or a server does not answer; entries
 * that were ranked are not ranked again.
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
  // What an earlier turn has put there is there, unless it was begun anew since.
  const known = before !== undefined && before.by === taken.before ? before : NOTHING;
  // Asked behind the taking, hence behind the beginning.
  const begunByUs = taken.isLacking ? (known.begunByUs ?? (await making.nowUs())) : undefined;
  let decided = await projectDecided(making, campaign, { ...known, begunByUs });
  // Looked at before the ledger is read.
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

/** Who won and who left, from where `known` has come to. */
async function projectDecided(
  making: Making,
  { campaignId, claimWithinS }: Campaign,
  known: Decided,
): Promise<Decided> {
  const projected = projectedBy(making, campaignId);
  let { won, claimants, moves } = known;
  if (claimWithinS === null) {
    won = await projectWon(projected, won);
    // From the first: what was read above may have been passed on before it was written.
    await projectRedrawn(projected, FROM_THE_FIRST);
  } else {
    claimants = await projectClaimants(projected, claimants);
    moves = await projectMoves(projected, moves);
  }
  const withdrawn = await projectWithdrawn(projected, known.withdrawn);
  return { by: making.turn.by, won, claimants, moves, withdrawn, begunByUs: known.begunByUs };
}

/** With a sign of life after each page: many of them take longer than others wait for this engine. */
function projectedBy({ pool, redis, keys, turn }: Making, campaignId: number): Projected {
  return { db: pool, redis, keys, campaignId, onPage: () => advanceProjection(redis, keys, turn.by) };
}

/**
 * Ranks the ledger's entries with stamps above `ranked`, and notes how far nothing more can come in between. False when
 * the turn was over before.
 */
async function rankAll(
  { pool, redis, keys, turn, rankedAtOnce, watermarks, goOn }: Making,
  campaign: Campaign,
  ranked: number,
): Promise<boolean> {
  const { campaignId } = campaign;
  const read = (after: number) =>
    readEntries(pool, { campaignId, after, through: Number.MAX_SAFE_INTEGER, limit: rankedAtOnce });
  // Before the page that it was read ahead of, so that what is noted as sure was in the ledger by then.
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
    // Of a turn that notes nothing the next one would begin at the same place.
    if (sure > ranked && !goOn()) return false;
    page = next;
    settledUs = nextSettledUs;
  }
}

/** The ranks of those who left. False when the board has spoken of more of them than have final ranks by now. */
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
