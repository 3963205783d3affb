/**
 * What must hold of grants after every commit: their number, serials and order. Shares no code with gateway and engine.
 */
import type { SeenRows } from './checker-rows.ts';
import type { Checks } from './checks.ts';

/** Invariants 2 and 3 for the grants so far; and no grant is ever taken back. */
export function checkGrants(checker: Checks, rows: SeenRows, before: SeenRows | undefined): void {
  const { campaign, announced, winners, entries, gone } = rows;
  const { campaignId } = campaign;
  if (winners.length > announced.stock) {
    checker.breaks(2, `campaign ${campaignId} gave ${winners.length} of ${announced.stock}`);
  }
  if (winners.some(({ serial }, index) => serial !== index + 1)) {
    checker.breaks(
      2,
      `campaign ${campaignId} has the serials ${winners.map(({ serial }) => serial).join(', ')}`,
    );
  }
  const { claims } = announced;
  for (const [index, winner] of (claims === undefined ? (before?.winners ?? []) : []).entries()) {
    if (winners[index]?.userId !== winner.userId)
      checker.breaks(1, `${winner.userId} had serial ${index + 1}, and lost it`);
  }
  if (new Set(winners.map(({ userId }) => userId)).size !== winners.length)
    checker.breaks(4, 'somebody won twice');
  for (const { userId } of winners) {
    if (!entries.has(userId)) checker.breaks(1, `${userId} won without an entry`);
    if (gone.has(userId)) checker.breaks(1, `${userId} left and won`);
  }
  if (campaign.settledStamp < (before?.campaign.settledStamp ?? -1))
    checker.breaks(3, 'what was settled is not any more');
  if (campaign.kind === 'coupon' && claims === undefined) checkOrder(checker, rows);
}

/**
 * Coupons went in stamp order to users who had not withdrawn, and nobody before the last of them was passed over. Once the stock
 * was raised, not everybody who is due may have theirs, but nobody has one before them.
 */
function checkOrder(checker: Checks, { campaign, announced, winners, entries, gone }: SeenRows): void {
  const settled = [...entries].filter(
    ([userId, stamp]) => stamp <= (campaign.cancelledStamp ?? campaign.settledStamp) && !gone.has(userId),
  );
  const right = settled.slice(0, announced.stock).map(([userId]) => userId);
  const given = winners.map(({ userId }) => userId);
  if (campaign.raisedStamp !== null && given.every((userId, index) => right[index] === userId)) return;
  if (right.join() !== given.join()) {
    checker.breaks(
      3,
      `campaign ${campaign.campaignId} was granted to ${given.join()}; by stamp it is ${right.join()}`,
    );
  }
}
