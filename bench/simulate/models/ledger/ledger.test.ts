/**
 * Keeps the simulated ledger in step with PostgreSQL: every function of sql/ that gateway, engine and simulator use is
 * called with the same arguments, drawn at random, on both, and has to answer the same or break the same constraint.
 */
import { deepEqual } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Terms } from '../../../../engine/contract/coupons/terms.ts';
import { type TestDatabase, testDatabase } from '../../../../engine/test/support.ts';
import { openPool, type Pool, type Queryable } from '../../../../sql/database.ts';
import { findSlices, insertSlices } from '../../../../sql/statements/books/slices.ts';
import {
  askVersion,
  effectVersion,
  listPending,
  type NewVersion,
  refuseVersion,
  saveVersion,
  type Target,
  targetOf,
  type Version,
} from '../../../../sql/statements/campaigns/campaign-versions.ts';
import {
  beginClose,
  type Campaign,
  completeClose,
  createCampaign,
  getCampaign,
  listBegunCloses,
} from '../../../../sql/statements/campaigns/campaigns.ts';
import { takeUntold } from '../../../../sql/statements/campaigns/schedule.ts';
import {
  countTurn,
  findWork,
  readCampaigns,
  readTurn,
  saveGoneRanked,
  saveSettled,
  takeCampaign,
} from '../../../../sql/statements/campaigns/settling.ts';
import {
  greatestShelved,
  listForShelf,
  markRanks,
  readShelved,
  readShelvedPlaces,
  readShelvedSince,
  readUnshelved,
  shelveCampaign,
} from '../../../../sql/statements/campaigns/shelving.ts';
import {
  areAllDecided,
  extendDeadlines,
  extendFreeDeadlines,
  insertClaimants,
  insertWaiting,
  markClaims,
  markLeaving,
  readClaimants,
  readDueClaimants,
  readMoves,
  saveMoves,
} from '../../../../sql/statements/claims/claims.ts';
import { readDueInstants } from '../../../../sql/statements/claims/claims-turn.ts';
import {
  beginEnd,
  completeEnds,
  extendDeadline,
  listBegunEnds,
  readOffer,
} from '../../../../sql/statements/claims/offers.ts';
import { offerToNext, readFreed } from '../../../../sql/statements/claims/passing-on.ts';
import {
  changeCoupon,
  createCoupon,
  getCoupon,
  isGrantedCode,
  readCodeNow,
  readCodes,
} from '../../../../sql/statements/coupons/coupons.ts';
import {
  addUses,
  commitHolds,
  giveBackLapsed,
  insertRedemptions,
  insertRefunds,
  insertShopRequests,
  lockCoupons,
  lockGrantCodes,
  readRedemptions,
  readShopRequests,
  readUserUses,
  releaseHolds,
} from '../../../../sql/statements/coupons/redemptions.ts';
import { insertAlternates } from '../../../../sql/statements/draws/alternates.ts';
import {
  closePool,
  insertProof,
  listUnannounced,
  readDrawState,
  readPool,
  saveAnnouncement,
  saveFrozen,
  saveRevealed,
} from '../../../../sql/statements/draws/draws.ts';
import { insertAsked } from '../../../../sql/statements/entries/asked.ts';
import {
  CONFLICT_POLICIES,
  findRefused,
  insertEntries,
  keepEarliest,
  latestStamp,
  readEntries,
  readHeldEntries,
} from '../../../../sql/statements/entries/entries.ts';
import { insertGrants, readGrants } from '../../../../sql/statements/entries/grants.ts';
import { readFinalOutcomes } from '../../../../sql/statements/entries/outcomes.ts';
import {
  decideWithdrawals,
  readGone,
  refuseWithdrawals,
} from '../../../../sql/statements/entries/withdrawals.ts';
import { moveHeard, readHeard } from '../../../../sql/statements/progress/availability.ts';
import { endTrust, insertTrust, readClock, replaceTrust } from '../../../../sql/statements/progress/clock.ts';
import { setAside } from '../../../../sql/statements/progress/dead-letters.ts';
import {
  endWithoutLog,
  hasIncarnationAbove,
  markAllRepaired,
  markRepaired,
  readBounds,
  readGateways,
  readIncarnations,
  readLatestPromise,
  readProgress,
  saveProgress,
} from '../../../../sql/statements/progress/gateways.ts';
import { moveOn, nextPosition, readPositions } from '../../../../sql/statements/progress/log-partitions.ts';
import {
  insertLogWriters,
  markLogWritersRetired,
  readOpenLogWriters,
} from '../../../../sql/statements/progress/log-writers.ts';
import {
  beginEpoch,
  nextEpoch,
  raiseWatermark,
  readEpoch,
  readWatermark,
} from '../../../../sql/statements/progress/watermarks.ts';
import {
  addStreams,
  endStreams,
  forgetUntold,
  movePresenceLog,
  noteIncarnation,
  readPresenceState,
  removeStreams,
  takePresenceLog,
  takeRooms,
} from '../../../../sql/statements/rooms/presence.ts';
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
} from '../../../../sql/statements/rooms/room-turns.ts';
import {
  createRoom,
  findRooms,
  getRoom,
  saveRoom,
  setTerms,
  takeRoom,
} from '../../../../sql/statements/rooms/rooms.ts';
import { Random } from '../../kernel/random.ts';
import { standIn } from '../../kernel/stand-in.ts';
import { type Asked, partsOf, Session } from './ledger.ts';
import { LedgerTables, type Result } from './ledger-tables.ts';

const ROUNDS = 4;
const CALLS_A_ROUND = 400;
const OPENS_MS = Date.UTC(2030, 0, 1);
const LENGTH_MS = 1;

let databases: TestDatabase[];
before(async () => {
  databases = [];
  for (let round = 0; round < ROUNDS; round++) databases.push(await testDatabase());
});
after(async () => {
  for (const database of databases) await database.drop();
});

/** The last of them has claims. */
const CAMPAIGNS = 4;
/** Is made behind them. */
const ROOM = 5;
const USERS = ['a', 'b', 'c', 'd', 'é'] as const;

type Call = (db: Queryable) => Promise<unknown>;

/** Draws calls over few campaigns, users, stamps and gateways, so that they meet. */
function drawCall(random: Random, number: number): Call {
  const campaignId = random.between(1, CAMPAIGNS);
  const stamp = (): number => random.between(0, 1_100) * 1_000;
  const user = (): string => random.pick(USERS);
  const rows = Array.from({ length: random.between(1, 3) }, () => ({ userId: user(), stamp: stamp() }));
  const sent = {
    campaignIds: rows.map(() => random.between(1, ROOM + 1)),
    userIds: rows.map(({ userId }) => userId),
    stamps: rows.map(row => row.stamp),
  };
  const range = {
    campaignId,
    after: stamp() - 400_000,
    through: stamp() + 200_000,
    limit: random.between(1, 5),
  };
  const incarnation = random.between(1, 4);
  const gateway = random.between(0, 1);
  const progress = {
    gateway,
    incarnation,
    logName: 'log',
    partition: 0,
    state: random.pick(['live', 'live', 'ended'] as const),
    throughUs: random.between(1, 9),
    rankedUs: random.between(1, 9),
    sliceNumber: random.between(0, 9),
    repaired: false,
  };
  const position = { logName: random.pick(['x', 'y']), partition: random.between(0, 1) };
  const us = OPENS_MS * 1000 + random.between(-100, 1_300);
  const time = new Date(OPENS_MS + random.between(-1, 2));
  const [heardFrom, heardTo] = [random.between(-1, 2), random.between(0, 3)];
  const heardMs = random.between(0, 2);
  const settled = {
    settledStamp: stamp(),
    settledCount: random.between(0, 6),
    grantedCount: random.between(0, 4),
    goneCount: random.between(0, 3),
  };
  const grants = [{ serial: random.between(1, 4), userId: user(), code: `code ${number}` }];
  const writer = { gateway: random.between(0, 2), token: `t${random.between(0, 1_000_000)}` };
  const aside = { ...position, position: String(random.between(0, 3)), item: random.pick([undefined, 0, 1]) };
  const bytes = (length: number): Buffer => Buffer.alloc(length, number);
  const slice = {
    gateway,
    incarnation,
    sliceNumber: random.between(1, 3),
    firstUs: random.between(1, 5),
    lastUs: random.between(5, 9),
    signedHead: bytes(192),
    items: bytes(number % 7),
  };
  const calls: readonly Call[] = [
    db => insertEntries(db, sent, random.pick(CONFLICT_POLICIES)),
    db => insertEntries(db, sent, 'all'),
    db => keepEarliest(db, sent),
    db => findRefused(db, sent),
    db => readEntries(db, range),
    db => readEntries(db, { ...range, gateway: stamp() % 1024 }),
    db => readHeldEntries(db, campaignId, sent.userIds),
    db => latestStamp(db, campaignId),
    db => insertAsked(db, 'withdrawals', sent),
    db => decideWithdrawals(db, { ...range, settledStamp: range.after, goneCount: 10 * number }),
    db => refuseWithdrawals(db, campaignId, range.limit),
    db => readGone(db, campaignId, 0, 5),
    db => insertGrants(db, campaignId, grants),
    db => readGrants(db, campaignId, 0, 5),
    db => readIncarnations(db, [incarnation]),
    db => readProgress(db, { ...position, incarnations: [incarnation] }),
    db => readGateways(db, [incarnation]),
    db => readBounds(db, [incarnation]),
    db => saveProgress(db, [progress]),
    db => saveProgress(db, [progress]),
    db => markRepaired(db, gateway, incarnation),
    db => markAllRepaired(db, incarnation + random.pick([0, 1])),
    db => endWithoutLog(db, gateway, incarnation),
    db => hasIncarnationAbove(db, incarnation),
    db => readLatestPromise(db),
    db => nextPosition(db, position.logName, position.partition),
    db => moveOn(db, { ...position, from: random.pick(['', '1', '2']), next: random.pick(['1', '2']) }),
    db => readPositions(db, position.logName),
    db => setAside(db, [{ ...aside, reason: 'why', record: Buffer.alloc(1) }]),
    db => readHeard(db),
    db =>
      moveHeard(
        db,
        { heardMs: 0, throughMs: heardFrom < 0 ? 0 : OPENS_MS + heardFrom },
        { heardMs, throughMs: OPENS_MS + heardTo },
      ),
    db => raiseWatermark(db, us, random.between(0, 2)),
    db => readWatermark(db),
    db => beginEpoch(db, random.between(0, 2)),
    db => readEpoch(db),
    db => insertLogWriters(db, { logName: position.logName, epoch: random.between(0, 2), writers: [writer] }),
    db =>
      readOpenLogWriters(db, {
        logName: position.logName,
        epoch: random.between(0, 2),
        ...random.pick([{}, { gateway: writer.gateway }]),
      }),
    db => markLogWritersRetired(db, position.logName, [writer.token]),
    db => nextEpoch(db),
    db => findWork(db, us, us),
    db => findRooms(db, us, random.between(0, 3)),
    db => readPresenceState(db),
    db => takeCampaign(db, campaignId),
    db => getCampaign(db, campaignId),
    db => readCampaigns(db, random.pick([undefined, 60_000])),
    db => readCampaigns(db, undefined, new Map([[campaignId, random.between(1, 9)]])),
    db => readTurn(db, range),
    db => countTurn(db, range),
    db => saveSettled(db, campaignId, settled, random.chance(0.05)),
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
    db => insertSlices(db, [slice]),
    db => insertSlices(db, [slice]),
    db => findSlices(db, gateway, random.between(1, 9)),
    ...claimCalls(random, number, { user, stamp, us }),
    ...roomCalls(random, number, { user, stamp, us }),
    ...couponCalls(random, number, user),
    ...changeCalls(random, campaignId, number),
    db => saveGoneRanked(db, campaignId, random.between(0, 3)),
    db => beginClose(db, campaignId, time),
    db => completeClose(db, campaignId, time),
    db => listBegunCloses(db),
    db => listUnannounced(db),
    db => takeUntold(db).then(done => done.map(({ lateMs: _, ...row }) => row)),
  ];
  // Frozen and finished campaigns take nothing any more: those calls are left to the end of a round.
  const chosen = random.between(0, calls.length - 1);
  const drawn = calls[chosen] ?? readWatermark;
  return drawn;
}

/** Of the one campaign in which what is granted has to be claimed. */
function claimCalls(
  random: Random,
  number: number,
  { user, stamp, us }: { readonly user: () => string; readonly stamp: () => number; readonly us: number },
): readonly Call[] {
  const campaignId = CAMPAIGNS;
  const serial = random.between(1, 3);
  const place = random.between(1, 2);
  const unheardUs = (OPENS_MS + random.between(-1, 3)) * 1_000;
  const offer = { offeredUs: us, claimByUs: us + random.between(0, 400) };
  const claimant = random.pick([
    { number: serial, serial },
    { number: 3 + place, place },
  ]);
  const state = random.pick(['claimed', 'lapsed', 'declined', 'left'] as const);
  const move = { number: claimant.number, state, serial: null, atUs: us };
  const code = random.pick(['', `another ${number}`]);
  const behind = [
    { campaignId, after: random.between(0, 2) },
    { campaignId: 1, after: 0 },
  ];
  const after = random.between(0, 9);
  const counts = {
    waitlistedCount: random.between(0, 3),
    moveCount: after,
    passedOn: random.between(0, 1),
    isDecided: random.chance(0.1),
  };
  const settled = {
    settledStamp: stamp(),
    settledCount: 3,
    grantedCount: random.between(0, 3),
    goneCount: 0,
  };
  const freed = [{ serial, holder: user(), reason: 'lapsed', code: `passed on ${number}` }];
  const due = { through: stamp(), lapseUs: us + 200, limit: random.between(1, 3) };
  const withCampaign =
    (call: (db: Queryable, campaign: Campaign) => Promise<unknown>): Call =>
    async db => {
      const campaign = await getCampaign(db, campaignId);
      if (campaign === undefined) throw new Error(`campaign ${campaignId} does not exist`);
      return await call(db, campaign);
    };
  const sent = { campaignIds: [random.between(1, ROOM + 1)], userIds: [user()], stamps: [stamp()] };
  const ending = { serial, holder: user(), atUs: us + 200, reason: `call ${number}` };
  return [
    db => insertAsked(db, 'claims', sent),
    db => insertAsked(db, 'claims', { ...sent, campaignIds: [campaignId] }),
    db => insertGrants(db, campaignId, [{ serial, userId: user(), code: `granted ${number}` }]),
    db => insertEntries(db, { ...sent, campaignIds: [campaignId] }, 'all'),
    db => insertAlternates(db, campaignId, place, [user()]),
    db => insertClaimants(db, campaignId, [{ ...claimant, userId: user() }], offer),
    db => {
      const userId = user();
      const waiting = { from: place, userIds: 'place' in claimant ? [userId] : [] };
      return insertWaiting(db, campaignId, [{ ...claimant, userId }], waiting, offer);
    },
    withCampaign((db, campaign) => readDueClaimants(db, campaign, due)),
    withCampaign((db, campaign) =>
      readDueInstants(db, campaign, { ...due, entriesThrough: due.through, most: due.limit }),
    ),
    db => markClaims(db, campaignId, stamp()),
    db => markLeaving(db, campaignId, stamp()),
    withCampaign((db, campaign) => saveMoves(db, campaign, after, [{ ...move, code }])),
    db => readFreed(db, campaignId, 2),
    db => offerToNext(db, campaignId, after, freed, offer),
    db => areAllDecided(db, campaignId),
    db => saveSettled(db, campaignId, settled, random.chance(0.02), counts),
    db => extendFreeDeadlines(db, unheardUs),
    db => extendDeadlines(db, unheardUs, campaignId),
    db => readClaimants(db, behind, 2),
    db => readMoves(db, behind, 2),
    db => readOffer(db, campaignId, serial),
    db => extendDeadline(poolOf(db), campaignId, { serial, holder: user(), atUs: us + 300 }),
    db => beginEnd(poolOf(db), campaignId, ending),
    db => beginEnd(poolOf(db), campaignId, ending),
    withCampaign((db, campaign) => completeEnds(poolOf(db), campaign, us + place * 100)),
    db => listBegunEnds(db),
  ];
}

/** What people change. */
function changeCalls(random: Random, campaignId: number, number: number): readonly Call[] {
  const [paused, isCancelled, later] = [random.chance(0.5), random.chance(0.1), random.between(0, 3)];
  const asking =
    (act: (pool: Pool, wanted: NewVersion) => Promise<unknown>): Call =>
    async db => {
      const campaign = await getCampaign(db, campaignId);
      if (campaign === undefined) throw new Error(`campaign ${campaignId} does not exist`);
      const target: Target = {
        ...targetOf(campaign),
        ...(isCancelled
          ? { stage: 'cancelled' as const }
          : { paused, closesAt: new Date(OPENS_MS + 1 + later) }),
      };
      const wanted = {
        campaignId,
        action: isCancelled ? 'cancel' : 'edit',
        baseVersion: campaign.version,
        target,
        askedBy: 'x',
      } as const;
      return await act(poolOf(db), { ...wanted, reason: `call ${number}`, decideBy: null });
    };
  const deciding =
    (decide: (pool: Pool, version: Version) => Promise<Version>): Call =>
    async db => {
      const [pending] = await listPending(db);
      if (pending === undefined) return undefined;
      const { ageMs: _, ...version } = pending;
      const { rulesHash: _hash, ...decided } = await decide(poolOf(db), version);
      return decided;
    };
  const confirmed = {
    heardBy: new Date(OPENS_MS + later),
    neverOpens: paused,
    isStillSo: async () => true,
    withinMs: 1_000,
  };
  const nothing = (): undefined => undefined;
  return [
    asking((pool, wanted) => askVersion(pool, wanted)),
    asking((pool, wanted) => saveVersion(pool, wanted, undefined)),
    deciding((pool, version) => effectVersion(pool, version, confirmed, nothing, nothing)),
    deciding((pool, version) => refuseVersion(pool, version, 'changed', 'why')),
    db => listPending(db).then(rows => rows.map(({ ageMs: _, ...row }) => row)),
  ];
}

/** A pool on either side; the model has one session. */
function poolOf(db: Queryable): Pool {
  if ('connect' in db) return db as Pool;
  const { query } = db;
  return standIn<Pool>('pool', { query, connect: async () => ({ query, release: () => undefined }) });
}

/** Of the room. */
function roomCalls(
  random: Random,
  number: number,
  { user, stamp, us }: { readonly user: () => string; readonly stamp: () => number; readonly us: number },
): readonly Call[] {
  const campaignId = ROOM;
  const [goneCount, limit] = [random.between(0, 9), random.between(1, 3)];
  const [heardMs, absentMs] = [random.between(0, 9), random.between(0, 9)];
  const incarnation = random.between(1, 4);
  const streams = { incarnation, rooms: [{ campaignId, userIds: [user(), user()] }] };
  const sent = { campaignIds: [campaignId], userIds: [user()], stamps: [stamp()] };
  const serial = random.between(1, 3);
  const [after, through, settledStamp] = [stamp() - 400_000, stamp(), stamp()];
  const progress = {
    nextUs: number,
    recent: [[us, 1]],
    takenStamp: stamp(),
    heardMs,
    heardAtMs: absentMs,
  } as const;
  const terms = { perSecond: limit, capacity: random.pick([null, 2]), paused: random.chance(0.3) };
  const busy = { heardMovedUs: us, emptySinceMs: random.pick([null, 1]), busyUs: 1, busySinceUs: null };
  return [
    db => insertEntries(db, sent, 'all'),
    db => insertAsked(db, 'withdrawals', sent),
    db => insertGrants(db, campaignId, [{ serial, userId: user(), code: `admitted ${number}` }]),
    db => takeIn(db, { campaignId, after, through, limit, absentSinceMs: heardMs }),
    db => takeIn(db, { campaignId, after, through, limit, absentSinceMs: heardMs }),
    db => readLine(db, campaignId),
    db => decideRoomWithdrawals(db, { campaignId, goneCount, limit }),
    db => skipAbsent(db, { campaignId, absentMs, goneCount, limit }),
    db => takeBack(db, { campaignId, settledStamp, goneCount, limit }),
    db => expireVisits(db, { campaignId, heardMs, limit }),
    db => countInside(db, campaignId),
    db => readFirst(db, campaignId, limit),
    db =>
      saveAdmitted(db, {
        campaignId,
        afterSerial: serial - 1,
        settledStamp,
        goneCount,
        nowUs: us,
        dueMs: heardMs,
      }),
    db => readRoomMoves(db, campaignId, goneCount, 5),
    db => saveRoom(db, campaignId, { ...progress, ...busy }),
    db => setTerms(db, random.pick([campaignId, 1]), terms),
    async db => {
      const { nowUs: _, ...room } = (await getRoom(db, campaignId)) ?? {};
      return room;
    },
    async db => {
      const { nowUs: _, ...room } = await takeRoom(db, campaignId, through);
      return room;
    },
    db => takePresenceLog(db),
    db => movePresenceLog(db, { epoch: random.between(0, 2), position: `${random.between(0, 2)}-0` }),
    db => takeRooms(db, random.pick([undefined, [campaignId]])),
    db => forgetUntold(db),
    db => noteIncarnation(db, incarnation),
    db => addStreams(db, streams),
    db => removeStreams(db, streams),
    db => endStreams(db, limit),
  ];
}

/** Of a code that anybody may use, and of the codes of a campaign; what lapses lapsed long ago, or will long after. */
function couponCalls(random: Random, number: number, user: () => string): readonly Call[] {
  const couponIds = random.pick([[1], [2], [1, 2]]);
  const redemptionId = random.between(Math.max(1, number - 60), number);
  const key = `key ${random.between(1, 30)}`;
  const expiresAtMs = random.pick([undefined, OPENS_MS, OPENS_MS * 2]);
  const code = random.pick(['SALE-1', 'SALE-1', `granted ${redemptionId}`]);
  const uses = couponIds.map(couponId => ({ couponId, code }));
  const made = { redemptionId: number, userId: user(), basket: '{}', pricing: '{}', expiresAtMs, uses };
  const refundNumber = random.between(1, 2);
  const request = {
    key,
    hash: Buffer.alloc(32),
    redemptionId,
    refundNumber: random.pick([null, refundNumber]),
  };
  return [
    db => readCodes(db, ['SALE-1', code]).then(({ known }) => [...known.values()]),
    db => isGrantedCode(db, code),
    db => lockCoupons(db, couponIds),
    async db => {
      const { more, uses } = await giveBackLapsed(db, couponIds, 1, random.between(1, 3));
      return { more, uses: uses.map(({ couponId, revision, used }) => ({ couponId, revision, used })) };
    },
    db => readUserUses(db, [{ couponId: 1, userId: user() }]),
    db => lockGrantCodes(db, [code]).then(holders => [...holders]),
    db => readShopRequests(db, [key, 'key 1']).then(known => [...known.values()]),
    db => insertRedemptions(db, [made], OPENS_MS),
    db => insertRedemptions(db, [made], OPENS_MS),
    db => addUses(db, new Map([[random.pick([1, 2]), random.pick([-1, 1, 1])]])),
    db => commitHolds(db, [redemptionId], OPENS_MS),
    db => releaseHolds(db, [redemptionId], OPENS_MS),
    async db => {
      const { rows } = await readRedemptions(db, [redemptionId, number - 1]);
      return [...rows.values()].map(row => ({
        ...row,
        refunds: row.refunds.map(each => ({ ...each, refundedAt: new Date(each.refundedAt) })),
        nowMs: undefined,
      }));
    },
    db => insertRefunds(db, [{ redemptionId, refundNumber, refund: '{}', givenBack: couponIds }], OPENS_MS),
    db => changeCoupon(db, random.pick([1, 2]), { ...TERMS, limitTotal: random.pick([null, 1, 2, 5]) }),
    db => getCoupon(db, random.between(1, 3)),
    db => readCodeNow(db, code),
    db => insertShopRequests(db, [request]),
  ];
}

/** Draws afresh for each side from the same seed, as a call draws some of its arguments when it is made. */
function bothDraw(seed: number, number: number): readonly [Call, Call] {
  const draw = (): Call => drawCall(new Random(seed * 100_003 + number), number);
  return [draw(), draw()];
}

const TERMS: Terms = {
  ...{
    discount: { kind: 'percentage', basisPoints: 1_000, most: null },
    currency: null,
    minimumBasket: null,
  },
  ...{ validFromMs: null, validUntilMs: null, products: null, categories: null, limitTotal: 3 },
  ...{ limitPerUser: 1, stackClass: null, exclusive: false, stackableWith: null, stackOrder: 0 },
  stackCapBasisPoints: null,
};

async function outcomeOf(call: Call, db: Queryable): Promise<unknown> {
  try {
    return comparable(await call(db));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return { code: error.code };
    throw error;
  }
}

/** Without what differs: the instants of now, and the order of rows that are not put in one. */
function comparable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (value instanceof Date)
    return Math.abs(value.getTime() - OPENS_MS) > 60_000 ? 'now' : value.getTime() - OPENS_MS;
  if (Array.isArray(value))
    return value
      .map(comparable)
      .map(each => JSON.stringify(each))
      .sort();
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, comparable(member)] as const);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function modelOf(): Queryable {
  const session = new Session(
    new LedgerTables(() => new Date()),
    { nowUs: () => 0, after: () => undefined },
    () => undefined,
  );
  const query = (asked: Asked, values: readonly unknown[] = []): Promise<Result> =>
    new Promise((resolve, reject) => {
      session.execute(...partsOf(asked, values), outcome =>
        outcome instanceof Error ? reject(outcome) : resolve(outcome),
      );
    });
  return standIn<Queryable>('session', { query });
}

async function round(seed: number, pool: Pool): Promise<void> {
  const model = modelOf();
  const opensAt = new Date(OPENS_MS);
  const closesAt = new Date(OPENS_MS + LENGTH_MS);
  for (const kind of ['coupon', 'raffle', 'coupon', 'coupon'] as const) {
    const campaign = { kind, title: 'test', places: 3, opensAt, closesAt };
    const announce = (id: number) =>
      id === CAMPAIGNS ? { rules: '{"claim_within_s":1,"waitlist":2}', nonce: null } : undefined;
    const [real, simulated] = [
      await createCampaign(pool, campaign, announce),
      await createCampaign(model, campaign, announce),
    ];
    deepEqual(comparable(simulated), comparable(real));
  }
  for (const db of [pool, model]) {
    const places = { perSecond: 2, capacity: null, paused: false, graceMs: 1_000, passMs: 1_000 };
    await createCampaign(db, { kind: 'room', title: 'test', places: 9, opensAt, closesAt });
    await createRoom(db, ROOM, { ...places, visitMs: null, singleUse: false });
  }
  for (const of of [{ code: 'SALE-1' }, { campaignId: 1 }]) {
    const [real, simulated] = [await createCoupon(pool, of, TERMS), await createCoupon(model, of, TERMS)];
    deepEqual(comparable(simulated), comparable(real));
  }
  for (let number = 0; number < CALLS_A_ROUND; number++) {
    const [onModel, onServer] = bothDraw(seed, number);
    const simulated = await outcomeOf(onModel, model);
    const real = await outcomeOf(onServer, pool);
    deepEqual(simulated, real, `seed ${seed}, call ${number}: ${onServer.toString()}`);
    const final = (db: Queryable) => readFinalOutcomes(db, 1 + (number % ROOM), USERS);
    if (number % 10 === 0)
      deepEqual(await outcomeOf(final, model), await outcomeOf(final, pool), `${number}`);
  }
  // Of the model each book counts as made.
  await pool.query(`insert into books (campaign_id, refused) select campaign_id, 'a test' from campaigns`);
  deepEqual(await outcomeOf(shelve, model), await outcomeOf(shelve, pool), `seed ${seed}: shelving`);
}

/** Whatever has come to its end, however the two clocks differ. */
const AT_ONCE_MS = -1_000_000_000;

/** Puts on the shelf what can be put there, and tells what is told of it. */
async function shelve(db: Queryable): Promise<unknown> {
  const idsOf = (rows: readonly { readonly campaignId: number }[]) =>
    rows.map(({ campaignId }) => campaignId);
  const ids = Array.from({ length: ROOM }, (_, index) => index + 1);
  const due = await listForShelf(db, AT_ONCE_MS, ids.length);
  const done: unknown[] = [];
  for (const id of due) {
    while (await markRanks(db, id, 1));
    done.push(await shelveCampaign(db, id, AT_ONCE_MS), await shelveCampaign(db, id, AT_ONCE_MS));
    done.push([...(await readShelvedPlaces(db, id, USERS))].sort((a, b) => a.stamp - b.stamp));
  }
  const since = idsOf(await readShelvedSince(db, 1_000_000_000));
  const [on, off] = [idsOf(await readShelved(db, ids)), idsOf(await readUnshelved(db, ids))];
  return { due, done, since, on, off, greatest: await greatestShelved(db) };
}

test('every statement does the same to the simulated ledger as to PostgreSQL', async () => {
  for (const [index, { url }] of databases.entries()) {
    const pool = openPool(url, { max: 1, applicationName: 'test', onError: () => undefined });
    try {
      await round(index + 1, pool);
    } finally {
      await pool.end();
    }
  }
});

/** What operators say of clocks. */
function drawTrust(random: Random, number: number): Call {
  const ended = random.pick([null, null, 'agreed'] as const);
  const trust = {
    saidBy: 'x',
    reason: random.pick([null, 'why']),
    aheadOf: random.pick(['postgres', 'engine'] as const),
    ...{ aheadMs: -number, postgresMs: number, engineMs: number + 1, acceptedMs: number + 2, ended },
  };
  return random.pick<Call>([
    db => insertTrust(db, trust),
    db => replaceTrust(db),
    db => endTrust(db, random.between(1, 9), random.pick(['agreed', 'moved'] as const)),
    // When it was said and has ended is of clocks that are not the same.
    async db => {
      const { trust: last } = await readClock(db);
      return last && { ...last, saidAt: undefined, endedAt: last.endedAt === null };
    },
  ]);
}

test('statements on what operators say of clocks do the same to both', async () => {
  const [database] = databases;
  const pool = openPool(database?.url ?? '', { max: 1, applicationName: 'test', onError: () => undefined });
  try {
    const model = modelOf();
    const [forModel, forServer] = [new Random(1), new Random(1)];
    for (let number = 0; number < CALLS_A_ROUND; number++) {
      const simulated = await outcomeOf(drawTrust(forModel, number), model);
      deepEqual(simulated, await outcomeOf(drawTrust(forServer, number), pool), `call ${number}`);
    }
  } finally {
    await pool.end();
  }
});
