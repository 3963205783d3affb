/**
 * What must hold once all faults are over, all requests are answered and all campaigns are finished. Like the rest of the
 * checker it shares no code with gateway and engine, and it has its own draw (checker-draw.ts).
 */
import type { Checker } from './checker.ts';
import { checkActs } from './checker-acts.ts';
import { checkClaimsEnd } from './checker-claims.ts';
import { drawAgain } from './checker-draw.ts';
import { checkLeavingEnd } from './checker-leaving.ts';
import { checkRoomEnd } from './checker-rooms.ts';
import type { SeenRows } from './checker-rows.ts';

/** What Redis has of a campaign. */
export interface SeenRedis {
  /** The scores of its ranks. */
  ranks(campaignId: number): ReadonlyMap<string, number>;
  /** The names of all its keys. */
  heldOf(campaignId: number): readonly string[];
}

/** Checks everything. */
export function checkEnd(checker: Checker, redis: SeenRedis): void {
  for (const { location, reason } of checker.ledger().deadLetters())
    checker.breaks(1, `a dead letter at ${location}: ${reason}`);
  checkSlices(checker);
  checkActs(checker);
  checker.shop.checkEnd(checker);
  for (const campaign of checker.ledger().campaigns()) {
    const rows = checker.rowsOf(campaign);
    if (rows === undefined) continue;
    // A room in which nobody is present ends an hour later.
    if (campaign.finishedAt === null && campaign.kind !== 'room')
      checker.breaks(1, `campaign ${campaign.campaignId} does not come to its end`);
    checkEntries(checker, rows);
    if (campaign.shelvedAt === null) checkRanks(checker, rows, redis.ranks(campaign.campaignId));
    else checkShelved(checker, campaign.campaignId, redis.heldOf(campaign.campaignId));
    checkTold(checker, rows);
    // Offers made before a cancellation, and positions on a waitlist, last to their end.
    if (rows.announced.claims !== undefined) {
      checkClaimsEnd(checker, rows);
      checkLeavingEnd(checker, rows, checker.wishes);
    }
    if (campaign.stage === 'cancelled') continue;
    if (campaign.kind === 'raffle') checkDraw(checker, rows);
    else if (campaign.kind === 'room') checkRoomEnd(checker, rows);
    else checkStock(checker, rows);
  }
}

/** Invariants 1 and 4: the ledger has exactly one entry per user, the earliest that counts in the log. */
function checkEntries(checker: Checker, { campaign, logged, entries }: SeenRows): void {
  const { campaignId } = campaign;
  for (const [userId, stamp] of logged.earliest) {
    if (entries.get(userId) !== stamp) {
      checker.breaks(
        4,
        `campaign ${campaignId}: ${userId} logged ${stamp}, the ledger has ${entries.get(userId)}`,
      );
    }
  }
  for (const userId of entries.keys()) {
    if (!logged.earliest.has(userId))
      checker.breaks(1, `${userId} is in the ledger and counts not in the log`);
  }
}

/** Redis shows the state of the ledger. */
function checkRanks(checker: Checker, { entries }: SeenRows, ranks: ReadonlyMap<string, number>): void {
  const text = (pairs: Iterable<[string, number]>): string =>
    [...pairs].sort((a, b) => a[1] - b[1]).join(' ');
  if (text(ranks) !== text(entries))
    checker.breaks(4, `the ranks are ${text(ranks)}; the ledger has ${text(entries)}`);
}

/** A shelved campaign leaves nothing behind in Redis. */
function checkShelved(checker: Checker, campaignId: number, held: readonly string[]): void {
  if (held.length > 0)
    checker.breaks(7, `campaign ${campaignId} is on the shelf, and Redis holds ${held.join(', ')}`);
}

/** Invariants 1 and 5: every client has the outcome it was told and the position it was shown. */
function checkTold(checker: Checker, rows: SeenRows): void {
  const { campaign, entries } = rows;
  const { campaignId } = campaign;
  for (const told of checker.accepted) {
    if (told.campaignId !== campaignId) continue;
    const stamp = entries.get(told.userId);
    if (stamp === undefined || stamp > told.stamp) {
      checker.breaks(
        1,
        `${told.userId} was told ${told.stamp} in campaign ${campaignId}, the ledger has ${stamp}`,
      );
    }
  }
  for (const [index, userId] of [...entries.keys()].entries()) {
    const shown = checker.shown.get(`${campaignId}/${userId}`);
    if (shown !== undefined && shown !== index + 1) {
      checker.breaks(5, `${userId} of campaign ${campaignId} was shown ${shown} and settled at ${index + 1}`);
    }
  }
  for (const { userId, outcome, campaignId: of } of checker.outcomes) {
    if (of !== campaignId || isMadeGood(checker, campaignId, outcome)) continue;
    if (outcome !== outcomeOf(rows, userId)) {
      checker.breaks(1, `${userId} was told ${outcome} and has ${outcomeOf(rows, userId)}`);
    }
  }
}

/** A user who was told `sold_out` may have a grant since, if the stock was raised. */
function isMadeGood(checker: Checker, campaignId: number, outcome: string): boolean {
  return outcome === 'sold_out' && checker.raised.has(campaignId);
}

function outcomeOf({ campaign, winners, gone, entries, claimants }: SeenRows, userId: string): string {
  const isCoupon = campaign.kind === 'coupon';
  const claimant = claimants.find(row => row.userId === userId);
  if (claimant?.state === 'left') return 'withdrawn';
  if (claimant?.state === 'lapsed' || claimant?.state === 'declined') return claimant.state;
  if (campaign.kind === 'room' && winners.some(winner => winner.userId === userId)) return 'admitted';
  if (winners.some(winner => winner.userId === userId)) return isCoupon ? 'granted' : 'won';
  if (gone.has(userId)) return 'withdrawn';
  if (!entries.has(userId)) return 'no entry';
  // In a room, others may have been admitted before a skipped user with an earlier stamp.
  const wasBefore = campaign.kind !== 'room' && (entries.get(userId) ?? 0) <= (campaign.cancelledStamp ?? 0);
  if (campaign.cancelledStamp !== null && !wasBefore) return 'cancelled';
  if (campaign.kind === 'room') return 'skipped';
  return isCoupon ? 'sold_out' : 'not_drawn';
}

/** Invariant 2: nothing is left over while an entrant gets nothing. */
function checkStock(checker: Checker, { campaign, announced, winners, entries, gone }: SeenRows): void {
  const due = Math.min(announced.stock, entries.size - gone.size);
  if (winners.length !== due)
    checker.breaks(2, `campaign ${campaign.campaignId} gave ${winners.length}, not ${due}`);
}

/**
 * Invariant 6: the winners and alternates follow from the frozen entries, the rules and the revealed randomness: anybody can
 * repeat the draw. A user who withdrew before the close is not among them.
 */
function checkDraw(
  checker: Checker,
  { campaign, logged, winners, alternates, entries, gone, claimants }: SeenRows,
): void {
  const { campaignId, rules, randomness } = campaign;
  for (const [userId, leaveUs] of logged.leaving) {
    const isInTime = leaveUs < campaign.closesAt.getTime() * 1000;
    if (isInTime && entries.has(userId) && !gone.has(userId)) {
      checker.breaks(1, `${userId} left in time and stands in the draw`);
    }
  }
  if (rules === null || randomness === null) {
    checker.breaks(6, `campaign ${campaignId} was drawn, and its rules or its randomness are not known`);
    return;
  }
  const pool = [...entries].filter(([userId]) => !gone.has(userId));
  const drawn = drawAgain({ campaignId, rules, randomness, pool });
  // An unclaimed win is passed on: the numbers stay as they were drawn.
  const told =
    claimants.length > 0
      ? claimants.map(({ userId }) => userId)
      : [...winners.map(({ userId }) => userId), ...alternates];
  if (drawn.join() !== told.join()) {
    checker.breaks(6, `campaign ${campaignId} drew ${told.join()}; repeated it is ${drawn.join()}`);
  }
}

/** Signed slices that count are kept forever. */
function checkSlices(checker: Checker): void {
  const kept = new Map(
    checker
      .ledger()
      .slices()
      .map(row => [`${row.gateway}/${row.incarnation}/${row.sliceNumber}`, row.signedHead]),
  );
  for (const [name, head] of checker.log.signed) {
    if (kept.get(name)?.equals(head) !== true)
      checker.breaks(1, `the signed slice ${name} is not in the ledger`);
  }
}
