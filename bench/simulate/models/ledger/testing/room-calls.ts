/** Calls on the room. */

import { insertEntries } from '../../../../../sql/statements/entries/entries.ts';
import { insertGrants } from '../../../../../sql/statements/entries/grants.ts';
import { insertUserRequests } from '../../../../../sql/statements/entries/user-requests.ts';
import {
  addStreams,
  endStreams,
  forgetUntold,
  movePresenceLog,
  noteIncarnation,
  removeStreams,
  takePresenceLog,
  takeRooms,
} from '../../../../../sql/statements/rooms/presence.ts';
import {
  countInside,
  decideRoomWithdrawals,
  expireVisits,
  readFirst,
  readLine,
  readMoves as readRoomMoves,
  saveAdmitted,
  skipAbsent,
  takeBack,
  takeIn,
} from '../../../../../sql/statements/rooms/room-turns.ts';
import { getRoom, saveRoom, setTerms, takeRoom } from '../../../../../sql/statements/rooms/rooms.ts';
import type { Random } from '../../../kernel/random.ts';
import { type Call, OPENS_MS, ROOM } from './sides.ts';

export function roomCalls(
  random: Random,
  number: number,
  { user, stamp, us }: { readonly user: () => string; readonly stamp: () => number; readonly us: number },
): readonly Call[] {
  const campaignId = ROOM;
  const [goneCount, limit] = [random.between(0, 9), random.between(1, 3)];
  const [availableMs, absentMs] = [random.between(0, 9), random.between(0, 9)];
  const incarnation = random.between(1, 4);
  const streams = { incarnation, rooms: [{ campaignId, userIds: [user(), user()] }] };
  const sent = { campaignIds: [campaignId], userIds: [user()], stamps: [stamp()] };
  const serial = random.between(1, 3);
  const nowMs = random.pick([0, OPENS_MS]) + random.between(0, 8_000);
  const [after, through, settledStamp] = [stamp() - 400_000, stamp(), stamp()];
  const progress = {
    nextUs: number,
    recent: [[us, 1]],
    takenStamp: stamp(),
    availableMs,
    availableThroughMs: absentMs,
  } as const;
  const terms = { perSecond: limit, capacity: random.pick([null, 2]), paused: random.chance(0.3) };
  const busy = { availableMovedUs: us, emptySinceMs: random.pick([null, 1]), busyUs: 1, busySinceUs: null };
  return [
    db => insertEntries(db, sent, 'all'),
    db => insertUserRequests(db, 'withdrawals', sent),
    db => insertGrants(db, campaignId, [{ serial, userId: user(), code: `admitted ${number}` }]),
    db => takeIn(db, { campaignId, after, through, limit, absentSinceMs: availableMs }),
    db => takeIn(db, { campaignId, after, through, limit, absentSinceMs: availableMs }),
    db => readLine(db, campaignId),
    db => decideRoomWithdrawals(db, { campaignId, goneCount, limit }),
    db => skipAbsent(db, { campaignId, absentMs, goneCount, limit }),
    db => takeBack(db, { campaignId, settledStamp, goneCount, limit }),
    db => expireVisits(db, { campaignId, availableMs, limit }),
    db => countInside(db, campaignId),
    db => readFirst(db, campaignId, limit),
    db =>
      saveAdmitted(db, {
        campaignId,
        afterSerial: serial - 1,
        settledStamp,
        goneCount,
        nowUs: us,
        dueMs: availableMs,
      }),
    db => readRoomMoves(db, campaignId, goneCount, 5),
    db => saveRoom(db, campaignId, { ...progress, ...busy }),
    db => setTerms(db, random.pick([campaignId, 1]), terms),
    async db => {
      const { nowUs: _, ...room } = (await getRoom(db, campaignId)) ?? {};
      return room;
    },
    async db => {
      const { nowUs: _, ...room } = await takeRoom(db, campaignId, { through, nowMs });
      return room;
    },
    db => takePresenceLog(db),
    db => movePresenceLog(db, { epoch: random.between(0, 2), position: `${random.between(0, 2)}-0` }),
    db => takeRooms(db, random.pick([undefined, [campaignId]])),
    db => forgetUntold(db),
    db => noteIncarnation(db, incarnation),
    db => addStreams(db, streams),
    db => removeStreams(db, streams, nowMs),
    db => endStreams(db, limit, nowMs),
  ];
}
