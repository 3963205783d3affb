/** The statements of sql/statements/entries/outcomes.ts. */
import type { CampaignRow } from '../../rows.ts';
import { NOTHING, rowsOf, type Statement } from '../../statement.ts';
import { keyOf } from '../common.ts';
import { campaignOf } from './user-requests.ts';

/** The outcomes of the view entry_outcomes, for campaigns without claims that are not rooms. */
const readFinalOutcomes: Statement = (tables, by, values) => {
  const [campaignId, userIds] = [values.number(1), values.texts(2)];
  const campaign = campaignOf(tables, by, campaignId);
  if (campaign === undefined || campaign.kind === 'room' || hasClaims(campaign)) return NOTHING;
  const { kind, settledStamp, finishedAt, cancelledStamp } = campaign;
  const isCoupon = kind === 'coupon';
  const rows = tables.entries
    .rows(by)
    .filter(row => row.campaignId === campaignId && userIds.includes(row.userId))
    .filter(({ stamp }) => finishedAt !== null || (isCoupon && stamp <= settledStamp));
  const outcomes = rows.map(({ userId, stamp }) => {
    const grant = tables.grants.rows(by).find(row => row.campaignId === campaignId && row.userId === userId);
    const { serial = null, code = null } = grant ?? {};
    const hasLeft = tables.withdrawals.get(keyOf({ campaignId, userId }), by)?.honoured === true;
    const isCancelled = cancelledStamp !== null && stamp > cancelledStamp;
    const lost = isCancelled
      ? 'cancelled'
      : stamp > settledStamp
        ? 'waiting'
        : isCoupon
          ? 'sold_out'
          : 'not_drawn';
    const outcome = grant !== undefined ? (isCoupon ? 'granted' : 'won') : hasLeft ? 'withdrawn' : lost;
    return { userId, stamp, outcome, serial, code };
  });
  return rowsOf(outcomes.filter(({ outcome }) => outcome !== 'waiting'));
};

function hasClaims({ rules }: CampaignRow): boolean {
  return rules !== null && JSON.parse(rules).claim_within_s !== undefined;
}

export const OUTCOME_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [
    /^select o.user_id as "userId", o.stamp, o.outcome, o.serial, o.code from entry_outcomes/,
    readFinalOutcomes,
  ],
];
