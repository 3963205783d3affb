import {
  beginClose,
  completeClose,
  getCampaign,
  listUntold,
  noteRaiseKnown,
} from '../../../../../sql/statements/campaigns/campaigns.ts';
import { takeUntold } from '../../../../../sql/statements/campaigns/schedule.ts';
import {
  countTurn,
  findWork,
  readCampaigns,
  readTurn,
  saveGoneRanked,
  saveRaised,
  saveSettled,
  takeCampaign,
} from '../../../../../sql/statements/campaigns/settling.ts';
import { insertAlternates } from '../../../../../sql/statements/draws/alternates.ts';
import {
  closePool,
  insertProof,
  listUnannounced,
  readDrawState,
  readPool,
  saveAnnouncement,
  saveFrozen,
  saveRevealed,
} from '../../../../../sql/statements/draws/draws.ts';
import { readPresenceState } from '../../../../../sql/statements/rooms/presence.ts';
import { findRooms } from '../../../../../sql/statements/rooms/rooms.ts';
import type { Arguments } from './arguments.ts';
import type { Call } from './sides.ts';

/** Calls of a settlement cycle: finding, taking and saving. */
export function settlingCalls({ random, campaignId, range, us, settled }: Arguments): readonly Call[] {
  const raised = { waitlistedCount: random.between(0, 1), raisedStamp: random.pick([null, -1, 5]) };
  return [
    db => findWork(db, us, us),
    db => findRooms(db, us, random.between(0, 3)),
    db => readPresenceState(db),
    db => takeCampaign(db, campaignId),
    db => getCampaign(db, campaignId),
    db => readCampaigns(db, random.pick([undefined, 60_000])),
    db => readCampaigns(db, undefined, new Map([[campaignId, random.between(1, 9)]])),
    db => readTurn(db, range),
    db => countTurn(db, range),
    db => saveRaised(db, campaignId, { ...settled, ...raised }),
    db => saveSettled(db, campaignId, settled, random.chance(0.05)),
  ];
}

/** Calls on the drawing of a raffle. */
export function drawingCalls({
  random,
  number,
  campaignId,
  user,
  range,
  settled,
  bytes,
}: Arguments): readonly Call[] {
  return [
    db => closePool(db, campaignId, settled.goneCount),
    db => saveFrozen(db, campaignId, { poolCount: 5, poolRoot: bytes(32) }),
    db =>
      saveRevealed(db, campaignId, {
        source: 'commit',
        randomness: bytes(32),
        signature: null,
        round: null,
        seed: bytes(32),
      }),
    db => saveAnnouncement(db, campaignId, { rules: `{"draw":{"tiers":[${number}]}}`, nonce: bytes(32) }),
    db => readDrawState(db, campaignId),
    db => readPool(db, range),
    db => insertProof(db, campaignId, [`part of ${number}`], random.between(0, 2)),
    db => insertAlternates(db, campaignId, random.between(1, 3), [user()]),
  ];
}

/** Calls on closes, and on the reports of them. */
export function closeCalls({ random, campaignId, time }: Arguments): readonly Call[] {
  return [
    db => saveGoneRanked(db, campaignId, random.between(0, 3)),
    db => beginClose(db, campaignId, time),
    db => completeClose(db, campaignId, time),
    db => listUntold(db),
    db => noteRaiseKnown(db, campaignId, random.between(1, 5), random.between(1, 9)),
    db => listUnannounced(db),
    db => takeUntold(db).then(done => done.map(({ lateMs: _, ...row }) => row)),
  ];
}
