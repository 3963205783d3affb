/**
 * Settling a room, step by step; settling.ts says how steps are made safe, ROOM.md in judges/ draws the states. One step,
 * in this order, on the campaign's and the room's row:
 *
 * 1. Entries that are due get their place in the line. Nobody is seen in it before a gateway tells of a stream of theirs.
 * 2. The room's heard time moves on by that of the service, if anybody who waits is there, and somebody was at the last turn:
 *    while nobody is, the fault may be ours (a cut between all of them and us), nobody who is there is held up, and no turns
 *    are taken (findRooms), however long. It moves as far as reports of streams are taken in, no further: who came back
 *    while they could not be must not be skipped. A room that is closed comes to its end all the same when nobody was there
 *    for an hour.
 * 3. Withdrawals are decided; whoever was away for the grace is skipped; whoever was skipped and is there again waits at
 *    their stamp as before.
 * 4. Passes that nobody used and visits that lasted too long end.
 * 5. The judge says how many may come in now, and the first of the line do, in stamp order; none while nobody is there, or
 *    nobody could hear of it: their passes would pile up, and all come to the shop at once when we are back.
 *
 * Where more people leave or are there again than fit in one step, nobody is admitted before a later one has moved the rest, so
 * that it does not matter how many fit.
 *
 * What holds of the order, in place of "nobody before somebody with an earlier stamp": of all who are in the line at the
 * moment of an admission (taken in, not withdrawn, not skipped), those with the earliest stamps are admitted. So whoever
 * is admitted with a later stamp than somebody who is not found that one skipped at that moment, and nobody is skipped
 * who was not away for the grace.
 *
 * settled_stamp is the greatest stamp admitted so far, settled_count the entries up to it; see gateway/places.ts.
 */
import type { Campaign } from '../sql/campaigns.ts';
import type { Queryable } from '../sql/database.ts';
import { insertGrants } from '../sql/grants.ts';
import {
  countInside,
  decideRoomWithdrawals,
  expireVisits,
  readFirst,
  readLine,
  saveAdmitted,
  skipAbsent,
  takeBack,
  takeIn,
} from '../sql/room-turns.ts';
import { type Room, saveRoom, takeRoom } from '../sql/rooms.ts';
import { countTurn, saveSettled } from '../sql/settling.ts';
import { refuseWithdrawals } from '../sql/withdrawals.ts';
import { makeCode } from './judges/codes.ts';
import { type Pace, paceAfter, roomFor } from './judges/room.ts';
import { closesAtUs, dueStamp, type Instants, type StepResult } from './settling-step.ts';

/** Entries taken in, people skipped, and people admitted, in one step: more would hold the rows for longer. */
const TURN_LIMIT = 5_000;
const NO_LIMIT = 2 ** 31 - 1;
/** Of a line that was not looked at for longer, it is not known whether it was being served. */
const LONGEST_BUSY_US = 1_000_000;
/** Heard time moves every half second or so, and every two at least. */
const HEARD_LATELY_US = 3_000_000;
/** Of a closed room, in heard time: longer than an outage of somebody else's that we could take for their absence. */
export const EMPTY_MS = 3_600_000;

interface Step {
  readonly db: Queryable;
  readonly campaign: Campaign;
  readonly room: Room;
  /** Of people who leave, are there again, or whose visits end. */
  readonly limit: number;
  readonly heardMs: number;
  /** Somebody who waits is there, and could hear of it. */
  readonly isHeard: boolean;
}

export async function stepRoom(
  db: Queryable,
  campaign: Campaign,
  { watermarkUs, presentMs = 0 }: Pick<Instants, 'watermarkUs' | 'presentMs'>,
  limit: number,
): Promise<StepResult> {
  const { campaignId } = campaign;
  const room = await takeRoom(db, campaignId);
  const through = dueStamp(campaign, watermarkUs);
  const passedMs = Math.max(0, Math.min(room.serviceHeardMs, presentMs) - room.heardAtMs);
  const { taken, lastStamp } = await takeIn(db, {
    campaignId,
    after: room.takenStamp,
    through,
    limit: TURN_LIMIT,
    absentSinceMs: heardByNow(room),
  });
  const { anyPresent } = await readLine(db, campaignId);
  const isClosed = watermarkUs >= closesAtUs(campaign);
  const emptySinceMs = anyPresent ? null : (room.emptySinceMs ?? room.serviceHeardMs);
  const desertedMs = isClosed ? room.serviceHeardMs - (emptySinceMs ?? room.serviceHeardMs) - EMPTY_MS : 0;
  const countedMs = anyPresent && wasThere(room) ? passedMs : Math.min(passedMs, Math.max(0, desertedMs));
  const heardMs = room.heardMs + countedMs;
  const heardMovedUs = passedMs > 0 ? room.nowUs : room.heardMovedUs;
  const isHeard = anyPresent && room.nowUs - heardMovedUs <= HEARD_LATELY_US;
  const step = { db, campaign, room, limit, heardMs, isHeard };
  const moved = await moveLine(step);
  const admitted = moved.isWhole ? await admit(step, moved.goneCount) : noneOf(campaign, moved.goneCount);
  const { anyWaits } = await readLine(db, campaignId);
  const isFinished = !anyWaits && !moved.more && taken < TURN_LIMIT && isClosed;
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
    heardMs,
    heardAtMs: wasThere(room) ? room.heardAtMs + passedMs : room.serviceHeardMs,
    heardMovedUs,
    emptySinceMs,
    busyUs: room.busyUs + busySince(room),
    busySinceUs: anyWaits && isHeard && !room.paused ? room.nowUs : null,
  });
  return { decided: admitted.count, more: taken === TURN_LIMIT || moved.more || refused === limit };
}

/** Whether anybody who waits was there at the last turn: else what went by since is nobody's absence. */
function wasThere({ takenStamp, emptySinceMs }: Room): boolean {
  return takenStamp >= 0 && emptySinceMs === null;
}

/** The room's heard time of this moment, at most: who comes now was not absent before. */
function heardByNow(room: Room): number {
  const { heardMs, heardAtMs, serviceHeardMs, aheadMs } = room;
  return heardMs + aheadMs + (wasThere(room) ? serviceHeardMs - heardAtMs : 0);
}

/** Of a room that is finished: passes that nobody used and visits that lasted too long end as before. Answers how many. */
export async function endVisits(db: Queryable, campaignId: number, limit: number): Promise<number> {
  const { serviceHeardMs } = await takeRoom(db, campaignId);
  return await expireVisits(db, { campaignId, heardMs: serviceHeardMs, limit });
}

interface Moved {
  readonly goneCount: number;
  /** Whoever has left, or is there again, has moved. */
  readonly isWhole: boolean;
  /** Not all fitted. */
  readonly more: boolean;
}

/** Who goes out of the line, and who comes back into it. */
async function moveLine({ db, campaign, room, limit, heardMs }: Step): Promise<Moved> {
  const { campaignId, settledStamp } = campaign;
  let { goneCount } = campaign;
  const left = await decideRoomWithdrawals(db, { campaignId, goneCount, limit });
  goneCount += left.honoured;
  const absentMs = heardMs - room.graceMs;
  const skipped = await skipAbsent(db, { campaignId, absentMs, goneCount, limit: TURN_LIMIT });
  goneCount += skipped;
  const back = await takeBack(db, { campaignId, settledStamp, goneCount, limit });
  goneCount += back;
  const over = await expireVisits(db, { campaignId, heardMs: room.serviceHeardMs, limit });
  const isWhole = !left.more && back < limit;
  return { goneCount, isWhole, more: !isWhole || skipped === TURN_LIMIT || over === limit };
}

interface Admitted {
  readonly count: number;
  /** Entries that settled_stamp has passed with them. */
  readonly passed: number;
  readonly settledStamp: number;
  readonly goneCount: number;
}

function noneOf({ settledStamp }: Campaign, goneCount: number): Admitted {
  return { count: 0, passed: 0, settledStamp, goneCount };
}

async function admit({ db, campaign, room, isHeard }: Step, goneCount: number): Promise<Admitted> {
  const { campaignId, settledStamp, grantedCount, places } = campaign;
  const inside = room.capacity === null ? 0 : await countInside(db, campaignId);
  const free = isHeard ? roomFor(paceOf(room), room, inside, room.nowUs) : 0;
  const limit = Math.min(free, places - grantedCount, TURN_LIMIT);
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
    dueMs: room.serviceHeardMs + room.passMs,
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

/** Where nobody waited, or could hear of it, when the room was last looked at, nothing is made up for. */
function paceOf({ nextUs, recent, busySinceUs, nowUs }: Room): Pace {
  return { nextUs: busySinceUs === null ? Math.max(nextUs, nowUs) : nextUs, recent };
}

function busySince({ busySinceUs, nowUs }: Room): number {
  return busySinceUs === null ? 0 : Math.min(Math.max(0, nowUs - busySinceUs), LONGEST_BUSY_US);
}
