/** The statements of sql/statements/campaigns/campaigns.ts. */
import type { Campaign } from '../../../../../../sql/statements/campaigns/campaigns.ts';
import type { CampaignRow } from '../../rows.ts';
import { CHECK_VIOLATION, ConstraintError, NOTHING, rowsOf, type Statement } from '../../statement.ts';
import { updating } from './changing.ts';
import { selectedBy } from './selected.ts';
import { noteFirstVersion } from './versions.ts';

const nextCampaignId: Statement = tables => {
  tables.campaignSequence += 1;
  return rowsOf([{ campaignId: tables.campaignSequence }]);
};

function kindOf(text: string): Campaign['kind'] {
  if (text === 'coupon' || text === 'raffle' || text === 'room') return text;
  throw new ConstraintError(CHECK_VIOLATION, 'campaigns', 'campaigns_kind_check');
}

const createCampaign: Statement = (tables, by, values) => {
  const row: CampaignRow = {
    campaignId: values.number(1),
    kind: kindOf(values.text(2)),
    title: values.text(3),
    stock: values.number(4),
    opensAt: values.date(5),
    closesAt: values.date(6),
    rules: values.optionalText(7),
    nonce: values.optionalBytes(8),
    closingAt: null,
    createdAt: tables.now(),
    revision: 1,
    settledStamp: -1,
    settledCount: 0,
    grantedCount: 0,
    goneCount: 0,
    goneRanked: 0,
    frozenAt: null,
    frozenCount: null,
    poolRoot: null,
    randomness: null,
    signature: null,
    seed: null,
    seedSource: null,
    finishedAt: null,
    redrawnCount: 0,
    stage: values.text(9) === 'draft' ? 'draft' : 'scheduled',
    timeZone: values.text(10),
    madeBy: values.text(13),
    drawsAt: values.optionalDate(11),
    pausedAt: null,
    notice: null,
    cancelledStamp: null,
    version: 1,
    pending: null,
    waitlistedCount: 0,
    moveCount: 0,
    outageUs: 0,
    outageSeenUs: null,
    raisedStamp: null,
    raisedKnownUs: null,
    decidedAt: null,
    shelvedAt: null,
    room: null,
    shop: values.optionalText(14),
    twoPerson: values.flag(15),
  };
  tables.campaigns.write(String(row.campaignId), row, by);
  noteFirstVersion(tables, by, row);
  return rowsOf([selectedBy(tables, by)(row)]);
};

/** The simulator makes no drafts with terms. */
const readDraftTerms: Statement = (tables, by, values) =>
  tables.campaigns.get(String(values.number(1)), by) === undefined ? NOTHING : rowsOf([{ draftTerms: null }]);

const getCampaign: Statement = (tables, by, values) => {
  const row = tables.campaigns.get(String(values.number(1)), by);
  return row === undefined ? NOTHING : rowsOf([selectedBy(tables, by)(row)]);
};

/** The terms of the campaign's room have changed: its row changes with them. */
const touch = updating(() => ({}));

const beginClose = updating((old, values) => {
  const closingAt = values.date(2);
  const isInTime = old.closingAt === null && old.opensAt < closingAt && old.closesAt > closingAt;
  return isInTime && old.stage === 'scheduled' ? { closingAt } : undefined;
});

const completeClose = updating((old, values) => {
  const { closingAt, closesAt, frozenAt } = old;
  if (closingAt === null || closingAt >= closesAt || frozenAt !== null) return undefined;
  const closes = new Date(Math.max(closingAt.getTime(), values.date(2).getTime()));
  return closes < closesAt ? { closesAt: closes } : undefined;
});

const listUntold: Statement = (tables, by) =>
  rowsOf(
    tables.campaigns
      .rows(by)
      .filter(
        ({ closingAt, closesAt, frozenAt, raisedStamp, raisedKnownUs, cancelledStamp }) =>
          (closingAt !== null && closingAt < closesAt && frozenAt === null) ||
          (raisedStamp !== null && raisedKnownUs === null && cancelledStamp === null),
      )
      .map(selectedBy(tables, by)),
  );

const noteRaiseKnown = updating((old, values) =>
  old.stock === values.number(2) && old.raisedStamp !== null && old.raisedKnownUs === null
    ? { raisedKnownUs: values.number(3) }
    : undefined,
);

export const CAMPAIGN_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select nextval\(pg_get_serial_sequence\('campaigns', 'campaign_id'\)\)/, nextCampaignId],
  [
    /^insert into campaigns \(campaign_id, kind, title, places, opens_at, closes_at, rules, nonce, /,
    createCampaign,
  ],
  [/^select draft_terms as "draftTerms" from campaigns where campaign_id = \$1$/, readDraftTerms],
  [/ from campaigns where campaign_id = \$1$/, getCampaign],
  [/^update campaigns set title = title where campaign_id = \$1$/, touch],
  [
    / from campaigns where \(closing_at < closes_at and frozen_at is null\) or \(raised_stamp is not null/,
    listUntold,
  ],
  [/^update campaigns set closing_at = \$2/, beginClose],
  [/^update campaigns set closes_at = greatest\(closing_at, \$2\)/, completeClose],
  [/^update campaigns set raised_known_us = \$3/, noteRaiseKnown],
];
