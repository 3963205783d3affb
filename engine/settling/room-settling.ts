/**
 * Settling a room, step by step; settling.ts explains how steps are made safe, judges/ROOM.md draws the states. A
 * step does the following, in this order, on the rows of campaign and room:
 *
 * 1. Puts due entries into the line. A user counts as present once a gateway reports a stream of theirs.
 * 2. Advances the room's available time by that of the service, if a waiting user is present now and one was after the last turn.
 *    While nobody is present, the fault may be ours (a cut between all of them and us), no present user is delayed, and no
 *    turns are taken (findRooms), however long that lasts. It advances only as far as stream reports are ingested: a user
 *    who came back in a time without reports must not be skipped. A closed room still ends when nobody was present for an
 *    hour.
 * 3. Decides withdrawals, skips users who were away longer than the grace, and puts skipped users who have returned back
 *    into the line at their old stamp.
 * 4. Ends unused passes and visits that lasted too long.
 * 5. Admits as many users as the judge allows now, in stamp order from the head of the line; none while nobody is present,
 *    or while nobody could learn of it: passes would pile up, and everybody would come to the shop at once after an outage.
 *
 * Where more users leave or return than fit in one step, nobody is admitted before a later step has moved the rest, so it
 * does not matter how many fit.
 *
 * The order guarantee, in place of "no entry before one with an earlier stamp": among all users in the line at the moment
 * of an admission (ingested, not withdrawn, not skipped), those with the earliest stamps are admitted. So a user can only be
 * admitted ahead of an earlier stamp if that user was skipped at that moment, and nobody is skipped without having been away
 * for the grace.
 *
 * settled_stamp is the greatest stamp admitted so far, settled_count the entries up to it; see gateway/shared/ahead-counts.ts.
 */
import type { Queryable } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { countTurn, saveSettled, type TakenCampaign } from '../../sql/statements/campaigns/settling.ts';
import { insertGrants } from '../../sql/statements/entries/grants.ts';
import { NOBODY_LEFT, refuseWithdrawals } from '../../sql/statements/entries/withdrawals.ts';
import {
  countInside,
  decideRoomWithdrawals,
  expireVisits,
  type Line,
  readFirst,
  readLine,
  saveAdmitted,
  skipAbsent,
  takeBack,
  takeIn,
} from '../../sql/statements/rooms/room-turns.ts';
import { type Room, saveRoom, type TakenRoom, takeRoom } from '../../sql/statements/rooms/rooms.ts';
import { makeCode } from './judges/codes.ts';
import { type Pace, paceAfter, roomFor } from './judges/room.ts';
import { closesAtUs, dueStamp, type Instants, type StepResult } from './settling-step.ts';

/** Entries ingested, users skipped, and users admitted in one step: more would lock the rows for longer. */
const TURN_LIMIT = 5_000;
const NO_LIMIT = 2 ** 31 - 1;
/** Before every stamp. */
const NO_STAMP = -1;
/** If a line was not checked for longer than this, nobody knows whether it was being served. */
const LONGEST_BUSY_US = 1_000_000;
/** Available time advances about every half second, and at least every two seconds. */
const AVAILABLE_LATELY_US = 3_000_000;
/** For a closed room, in available time: longer than any foreign outage that could look like absence. */
export const EMPTY_MS = 3_600_000;

interface Step {
  readonly db: Queryable;
  readonly campaign: TakenCampaign;
  readonly room: TakenRoom;
  /** Once due entries are taken in. */
  readonly line: Line;
  /** Of people who leave, are there again, or whose visits end. */
  readonly limit: number;
  readonly availableMs: number;
  /** A waiting user is present and could be notified. */
  readonly isAvailable: boolean;
}

export async function stepRoom(
  db: Queryable,
  campaign: TakenCampaign,
  { watermarkUs, clockMs, presentMs = 0 }: Pick<Instants, 'watermarkUs' | 'clockMs' | 'presentMs'>,
  limit: number,
): Promise<StepResult> {
  const { campaignId } = campaign;
  const through = dueStamp(campaign, watermarkUs);
  const room = await takeRoom(db, campaignId, { through, nowMs: clockMs });
  const passedMs = Math.max(0, Math.min(room.serviceAvailableMs, presentMs) - room.availableThroughMs);
  const { taken, lastStamp } = room.hasDue
    ? await takeIn(db, {
        campaignId,
        after: room.takenStamp,
        through,
        limit: TURN_LIMIT,
        absentSinceMs: availableByNow(room),
      })
    : NOBODY_TAKEN;
  const line = await readLine(db, campaignId);
  const { anyPresent } = line;
  const isClosed = watermarkUs >= closesAtUs(campaign);
  const emptySinceMs = anyPresent ? null : (room.emptySinceMs ?? room.serviceAvailableMs);
  const desertedMs = isClosed
    ? room.serviceAvailableMs - (emptySinceMs ?? room.serviceAvailableMs) - EMPTY_MS
    : 0;
  const countedMs = anyPresent && wasThere(room) ? passedMs : Math.min(passedMs, Math.max(0, desertedMs));
  const availableMs = room.availableMs + countedMs;
  const availableMovedUs = passedMs > 0 ? room.nowUs : room.availableMovedUs;
  const isAvailable = anyPresent && room.nowUs - availableMovedUs <= AVAILABLE_LATELY_US;
  const step = { db, campaign, room, line, limit, availableMs, isAvailable };
  const moved = await moveLine(step);
  const admitted = moved.isWhole ? await admit(step, moved.goneCount) : noneOf(campaign, moved.goneCount);
  const left = moved.isIdle && admitted.count === 0 ? line : await readLine(db, campaignId);
  const isFinished = !left.anyWaits && !moved.more && taken < TURN_LIMIT && isClosed;
  const refused = isFinished ? await refuseWithdrawals(db, campaignId, limit) : 0;
  if (admitted.count > 0 || admitted.goneCount > campaign.goneCount || isFinished) {
    await saveSettled(
      db,
      campaignId,
      {
        settledStamp: admitted.settledStamp,
        settledCount: campaign.settledCount + admitted.passed,
        grantedCount: campaign.grantedCount + admitted.count,
        goneCount: admitted.goneCount,
      },
      isFinished,
    );
  }
  await saveRoom(db, campaignId, {
    ...(moved.isWhole ? paceAfter(paceOf(room), room.perSecond, admitted.count, room.nowUs) : paceOf(room)),
    takenStamp: lastStamp ?? room.takenStamp,
    availableMs,
    availableThroughMs: wasThere(room) ? room.availableThroughMs + passedMs : room.serviceAvailableMs,
    availableMovedUs,
    // Where all who were there were let in, no turn has to find out that nobody is there.
    emptySinceMs: left.anyPresent ? null : (emptySinceMs ?? room.serviceAvailableMs),
    busyUs: room.busyUs + busySince(room),
    busySinceUs: left.anyPresent && isAvailable && !room.paused ? room.nowUs : null,
  });
  return {
    decided: admitted.count,
    more: taken === TURN_LIMIT || moved.more || refused === limit,
    isIdle: taken === 0 && passedMs === 0 && admitted.count === 0 && moved.isIdle && !isFinished,
  };
}

const NOBODY_TAKEN = { taken: 0, lastStamp: null };

/** Whether a waiting user was present after the last turn; if not, the time since then counts as nobody's absence. */
function wasThere({ takenStamp, emptySinceMs }: Room): boolean {
  return takenStamp >= 0 && emptySinceMs === null;
}

/** At most the room's current available time: a user who arrives now was not absent before. */
function availableByNow(room: TakenRoom): number {
  const { availableMs, availableThroughMs, serviceAvailableMs, aheadMs } = room;
  return availableMs + aheadMs + (wasThere(room) ? serviceAvailableMs - availableThroughMs : 0);
}

/** In a finished room, unused passes and visits that lasted too long still end. Returns how many. */
export async function endVisits(
  db: Queryable,
  campaignId: number,
  { clockMs }: Pick<Instants, 'clockMs'>,
  limit: number,
): Promise<number> {
  const { serviceAvailableMs } = await takeRoom(db, campaignId, { through: NO_STAMP, nowMs: clockMs });
  return await expireVisits(db, { campaignId, availableMs: serviceAvailableMs, limit });
}

interface Moved {
  readonly goneCount: number;
  /** All users who left or returned have moved. */
  readonly isWhole: boolean;
  /** Some did not fit. */
  readonly more: boolean;
  /** Nobody moved. */
  readonly isIdle: boolean;
}

/** Users who leave the line and users who return to it. */
async function moveLine({ db, campaign, room, line, limit, availableMs }: Step): Promise<Moved> {
  const { campaignId, settledStamp } = campaign;
  let { goneCount } = campaign;
  const left = campaign.hasOpenWithdrawals
    ? await decideRoomWithdrawals(db, { campaignId, goneCount, limit })
    : NOBODY_LEFT;
  goneCount += left.honoured;
  const absentMs = availableMs - room.graceMs;
  const anyAway = line.awaySinceMs !== null && line.awaySinceMs <= absentMs;
  const skipped = anyAway ? await skipAbsent(db, { campaignId, absentMs, goneCount, limit: TURN_LIMIT }) : 0;
  goneCount += skipped;
  const back = line.anyBack ? await takeBack(db, { campaignId, settledStamp, goneCount, limit }) : 0;
  goneCount += back;
  const anyOver = line.firstDueMs !== null && line.firstDueMs <= room.serviceAvailableMs;
  const over = anyOver
    ? await expireVisits(db, { campaignId, availableMs: room.serviceAvailableMs, limit })
    : 0;
  const isWhole = !left.more && back < limit;
  const isIdle = goneCount === campaign.goneCount && over === 0;
  return { goneCount, isWhole, more: !isWhole || skipped === TURN_LIMIT || over === limit, isIdle };
}

interface Admitted {
  readonly count: number;
  /** Entries that settled_stamp passes along with them. */
  readonly passed: number;
  readonly settledStamp: number;
  readonly goneCount: number;
}

function noneOf({ settledStamp }: Campaign, goneCount: number): Admitted {
  return { count: 0, passed: 0, settledStamp, goneCount };
}

async function admit({ db, campaign, room, isAvailable }: Step, goneCount: number): Promise<Admitted> {
  const { campaignId, settledStamp, grantedCount, stock } = campaign;
  const inside = room.capacity === null ? 0 : await countInside(db, campaignId);
  const free = isAvailable ? roomFor(paceOf(room), room, inside, room.nowUs) : 0;
  const limit = Math.min(free, stock - grantedCount, TURN_LIMIT);
  const first = limit > 0 ? await readFirst(db, campaignId, limit) : [];
  const last = first.at(-1);
  if (last === undefined) return noneOf(campaign, goneCount);
  await insertGrants(
    db,
    campaignId,
    first.map(({ userId }, index) => ({ userId, serial: grantedCount + index + 1, code: makeCode() })),
  );
  const returned = await saveAdmitted(db, {
    campaignId,
    afterSerial: grantedCount,
    settledStamp,
    goneCount,
    nowUs: room.nowUs,
    dueMs: room.serviceAvailableMs + room.passMs,
  });
  const settled = Math.max(settledStamp, last.stamp);
  const { count: passed } = await countTurn(db, {
    campaignId,
    after: settledStamp,
    through: settled,
    limit: NO_LIMIT,
  });
  return { count: first.length, passed, settledStamp: settled, goneCount: goneCount + returned };
}

/** Catches nothing up if, after the last turn, nobody who waited was there, or nobody could be notified. */
function paceOf({ nextUs, recent, busySinceUs, nowUs }: Room): Pace {
  return { nextUs: busySinceUs === null ? Math.max(nextUs, nowUs) : nextUs, recent };
}

function busySince({ busySinceUs, nowUs }: Room): number {
  return busySinceUs === null ? 0 : Math.min(Math.max(0, nowUs - busySinceUs), LONGEST_BUSY_US);
}
