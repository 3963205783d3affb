/** The statements of sql/statements/claims/offers.ts. */
import type { ClaimantRow } from '../../rows.ts';
import { changed, NOTHING, rowsOf, type Statement } from '../../statement.ts';
import { changeCampaign } from '../campaigns/changing.ts';
import { selectedBy } from '../campaigns/selected.ts';
import { claimantsOf, noteMove, writeClaimant } from './claimants.ts';

/** The holder of a serial, or its last holder. */
const readOffer: Statement = (tables, by, values) => {
  const [campaignId, serial] = [values.number(1), values.number(2)];
  const campaign = tables.campaigns.get(String(campaignId), by);
  const [row] = claimantsOf(tables, by, campaignId)
    .filter(each => each.serial === serial)
    .sort((a, b) => (b.offeredUs ?? 0) - (a.offeredUs ?? 0) || b.moveNumber - a.moveNumber);
  if (row === undefined || campaign === undefined) return NOTHING;
  const { userId, state, waitlistPosition, endingUs } = row;
  const claimByUs = (row.claimByUs ?? 0) + (state === 'offered' ? campaign.outageUs : 0);
  return rowsOf([{ userId, state, waitlistPosition, tier: null, claimByUs, isEnding: endingUs !== null }]);
};

/** Moves the published deadline of an open offer without a recorded end, as `change` says. */
function movesDeadline(
  change: (claimByUs: number, toUs: number, reason: () => string) => Partial<ClaimantRow> | undefined,
): Statement {
  return (tables, by, values) => {
    const [campaignId, serial, holder] = [values.number(1), values.number(2), values.text(3)];
    const campaign = tables.campaigns.get(String(campaignId), by);
    const old = claimantsOf(tables, by, campaignId).find(
      row => row.serial === serial && row.userId === holder && row.state === 'offered',
    );
    if (campaign === undefined || old === undefined || old.endingUs !== null || old.claimByUs === null)
      return NOTHING;
    const toUs = values.number(4) - campaign.outageUs;
    const moved = change(old.claimByUs, toUs, () => values.text(5));
    if (moved === undefined) return NOTHING;
    const row: ClaimantRow = { ...old, ...moved, moveNumber: campaign.moveCount + 1 };
    writeClaimant(tables, by, row);
    noteMove(tables, by, row, 'deadline', (row.endingUs ?? row.claimByUs ?? 0) + campaign.outageUs);
    changeCampaign(tables, by, campaign, { moveCount: row.moveNumber });
    return changed(1);
  };
}

const extendDeadline = movesDeadline((claimByUs, toUs) =>
  claimByUs < toUs ? { claimByUs: toUs, deadlineMoved: true, endedEarly: null } : undefined,
);

const beginEnd = movesDeadline((claimByUs, toUs, reason) => ({
  endingUs: Math.min(claimByUs, toUs),
  endedEarly: reason(),
}));

const completeEnds: Statement = (tables, by, values) => {
  const [campaignId, moveCount, knownUs] = [values.number(1), values.number(2), values.number(3)];
  const outageUs = tables.campaigns.get(String(campaignId), by)?.outageUs ?? 0;
  const moved = claimantsOf(tables, by, campaignId).flatMap(row => {
    if (row.state !== 'offered' || row.endingUs === null || row.moveNumber > moveCount) return [];
    const claimByUs = Math.max(row.endingUs, knownUs - outageUs);
    return claimByUs < (row.claimByUs ?? 0) ? [{ ...row, claimByUs }] : [];
  });
  for (const row of moved) writeClaimant(tables, by, row);
  return changed(moved.length);
};

const listBegunEnds: Statement = (tables, by) => {
  const begun = tables.claimants
    .rows(by)
    .filter(
      ({ state, endingUs, claimByUs }) =>
        state === 'offered' && endingUs !== null && endingUs < (claimByUs ?? 0),
    );
  const ids = new Set(begun.map(({ campaignId }) => campaignId));
  const rows = tables.campaigns.rows(by).filter(({ campaignId }) => ids.has(campaignId));
  return rowsOf(rows.sort((a, b) => a.campaignId - b.campaignId).map(selectedBy(tables, by)));
};

export const OFFER_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select k.user_id as "userId", k.state, k.waitlist_position as "waitlistPosition", g.tier/, readOffer],
  [/^with moved as \( update claimants k set claim_by_us = \$4/, extendDeadline],
  [/^with moved as \( update claimants k set ending_us = least/, beginEnd],
  [/^update claimants k set claim_by_us = greatest\(k.ending_us/, completeEnds],
  [/ from campaigns where campaign_id in \(select k.campaign_id from claimants k/, listBegunEnds],
];
