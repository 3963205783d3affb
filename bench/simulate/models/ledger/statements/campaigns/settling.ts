/** The statements of sql/statements/campaigns/settling.ts. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CampaignRow } from '../../rows.ts';
import { NOTHING, rowsOf, type Statement } from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { entriesBetween, rangeOf, us } from '../common.ts';
import { nextAlternates } from '../draws/alternates.ts';
import { updating } from './changing.ts';
import { selected, selectedBy, taken } from './selected.ts';

const takeCampaign: Statement = (tables, by, values) => {
  const key = String(values.number(1));
  const row = tables.campaigns.get(key, by);
  if (row === undefined || tables.campaigns.heldBy(key, by) !== undefined) return NOTHING;
  tables.campaigns.lock(key, by);
  return rowsOf([taken(tables, by, row)]);
};

const readCampaigns: Statement = (tables, by, values) => {
  const finishedSeconds = values.optional(1);
  const since = finishedSeconds === null ? 0 : tables.now().getTime() - finishedSeconds * 1000;
  const revisions = values.numbers(3);
  const known = new Map(values.numbers(2).map((campaignId, index) => [campaignId, revisions[index]]));
  return rowsOf(
    tables.campaigns
      .rows(by)
      .filter(row => row.shelvedAt === null)
      .filter(row => row.stage === 'scheduled' || row.rules !== null || wasRoom(tables, by, row))
      .filter(row => row.finishedAt === null || row.finishedAt.getTime() > since)
      .filter(({ campaignId, revision }) => known.get(campaignId) !== revision)
      .map(selectedBy(tables, by)),
  );
};

/** WAS_ROOM of sql/statements/campaigns/settling.ts. */
function wasRoom(tables: LedgerTables, by: Transaction, { campaignId, kind, stage }: CampaignRow): boolean {
  if (kind !== 'room' || stage === 'draft') return false;
  return tables.versions
    .rows(by)
    .some(row => row.campaignId === campaignId && row.stage === 'scheduled' && row.state === 'effective');
}

export const findWork: Statement = (tables, by, values) => {
  const [watermarkUs, lapseUs] = [values.number(1), values.number(2)];
  const work = tables.campaigns.rows(by).filter(campaign => {
    const { campaignId, kind, opensAt, closesAt, settledStamp, finishedAt } = campaign;
    const undecided = tables.withdrawals
      .rows(by)
      .filter(row => row.campaignId === campaignId && row.honoured === null);
    if (finishedAt !== null) return undecided.length > 0;
    const { raisedKnownUs } = campaign;
    if (raisedKnownUs !== null && raisedKnownUs <= watermarkUs && campaign.cancelledStamp === null)
      return true;
    const isForRooms = kind === 'room' && campaign.cancelledStamp === null;
    if (
      us(closesAt) <= watermarkUs &&
      campaign.decidedAt === null &&
      !isForRooms &&
      isDrawingDue(campaign, watermarkUs)
    )
      return true;
    if (hasDueClaims(tables, by, campaign, watermarkUs, lapseUs)) return true;
    const lastUs = Math.min(watermarkUs - us(opensAt), us(closesAt) - us(opensAt) - 1);
    const due = { campaignId, through: lastUs * 1024 + 1023, limit: Number.POSITIVE_INFINITY };
    if (kind === 'coupon' && entriesBetween(tables, by, { ...due, after: settledStamp }).length > 0)
      return true;
    const users = new Set(entriesBetween(tables, by, { ...due, after: -1 }).map(({ userId }) => userId));
    return undecided.some(({ userId }) => users.has(userId));
  });
  return rowsOf(work.map(({ campaignId, kind, revision }) => ({ campaignId, kind, progress: revision })));
};

/** A frozen raffle waits for its drawing. */
function isDrawingDue({ poolRoot, cancelledStamp, drawsAt }: CampaignRow, watermarkUs: number): boolean {
  return poolRoot === null || cancelledStamp !== null || drawsAt === null || us(drawsAt) <= watermarkUs;
}

/** Work that a turn of claims left to the next one: the campaign's end, or a freed serial that a user waits for. */
function hasMoreOfClaims(tables: LedgerTables, by: Transaction, campaign: CampaignRow): boolean {
  const { campaignId, kind, decidedAt, cancelledStamp } = campaign;
  const claimants = tables.claimants.rows(by).filter(row => row.campaignId === campaignId);
  if (decidedAt !== null && claimants.every(({ state }) => state !== 'offered')) return true;
  if (decidedAt === null && (kind !== 'coupon' || cancelledStamp !== null)) return false;
  const isFree = claimants.some(
    ({ state, isPassedOn }) => (state === 'lapsed' || state === 'declined') && !isPassedOn,
  );
  return isFree && nextAlternates(tables, by, campaignId).length > 0;
}

function hasDueClaims(
  tables: LedgerTables,
  by: Transaction,
  campaign: CampaignRow,
  watermarkUs: number,
  lapseUs: number,
): boolean {
  if (selected(campaign).claimWithinS === null) return false;
  const { claims, claimants } = tables;
  const { campaignId, opensAt, outageUs } = campaign;
  const through = (watermarkUs - us(opensAt)) * 1024 + 1023;
  const isOfIt = (row: { readonly campaignId: number }): boolean => row.campaignId === campaignId;
  if (hasMoreOfClaims(tables, by, campaign)) return true;
  return (
    claims.rows(by).some(row => isOfIt(row) && !row.decided && row.stamp <= through) ||
    claimants
      .rows(by)
      .some(
        row =>
          isOfIt(row) &&
          row.state === 'offered' &&
          (row.claimByUs ?? 0) <= Math.min(watermarkUs, lapseUs) - outageUs,
      )
  );
}

const readTurn: Statement = (tables, by, values) =>
  rowsOf(
    entriesBetween(tables, by, rangeOf(values)).map(({ campaignId, userId, stamp }) => ({
      userId,
      stamp,
      isWithdrawn: tables.withdrawals.get(`${campaignId}/${userId}`, by)?.honoured === true,
    })),
  );

const countTurn: Statement = (tables, by, values) => {
  const rows = entriesBetween(tables, by, rangeOf(values));
  return rowsOf([{ count: rows.length, lastStamp: rows.at(-1)?.stamp ?? null }]);
};

const saveSettled = updating((old, values, now) => {
  const [isFinished, isDecided] = [values.raw(6) === true, values.raw(10) === true];
  return {
    settledStamp: values.number(2),
    settledCount: values.number(3),
    grantedCount: values.number(4),
    goneCount: values.number(5),
    waitlistedCount: values.optional(7) ?? old.waitlistedCount,
    moveCount: values.optional(8) ?? old.moveCount,
    redrawnCount: old.redrawnCount + values.number(9),
    frozenAt: isFinished || isDecided ? (old.frozenAt ?? now) : old.frozenAt,
    decidedAt: isDecided ? (old.decidedAt ?? now) : old.decidedAt,
    finishedAt: isFinished ? now : old.finishedAt,
  };
});

const saveRaised = updating((old, values) => ({
  grantedCount: values.number(2),
  waitlistedCount: values.number(3),
  raisedStamp: values.optional(4),
  raisedKnownUs: values.optional(4) === null ? null : old.raisedKnownUs,
}));

const saveGoneRankedOf = updating((old, values) =>
  old.goneRanked < values.number(2) ? { goneRanked: values.number(2) } : undefined,
);

/** Skips a locked row. */
const saveGoneRanked: Statement = (tables, by, values) =>
  tables.campaigns.heldBy(String(values.number(1)), by) === undefined
    ? saveGoneRankedOf(tables, by, values)
    : NOTHING;

export const SETTLING_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/ from campaigns where campaign_id = \$1 for no key update skip locked$/, takeCampaign],
  [
    / from campaigns where shelved_at is null and \(stage = 'scheduled' or rules is not null or \(kind = 'room'/,
    readCampaigns,
  ],
  [/^select c.campaign_id as "campaignId", c.kind, c.revision as progress from campaigns c /, findWork],
  [/^select e.user_id as "userId", e.stamp, w.user_id is not null as "isWithdrawn"/, readTurn],
  [/^select count\(\*\) as count, max\(stamp\) as "lastStamp"/, countTurn],
  [/^update campaigns set settled_stamp = \$2, settled_count = \$3/, saveSettled],
  [/^update campaigns set granted_count = \$2, waitlisted_count = \$3, raised_stamp = \$4/, saveRaised],
  [/^update campaigns set gone_ranked = \$2/, saveGoneRanked],
];
