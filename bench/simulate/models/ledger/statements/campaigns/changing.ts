/** Updates of a campaign, with the table's checks and triggers. */
import type { Target } from '../../../../../../sql/statements/campaigns/campaign-versions.ts';
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CampaignRow } from '../../rows.ts';
import { CHECK_VIOLATION, ConstraintError, NOTHING, rowsOf, type Statement } from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { keyOf } from '../common.ts';
import { selected, selectedBy } from './selected.ts';
import { noteClose, noteDone } from './versions.ts';

function check(holds: boolean, constraint: string): void {
  if (!holds) throw new ConstraintError(CHECK_VIOLATION, 'campaigns', constraint);
}

/** Updates one campaign: applies the checks and the guard against forbidden changes, and raises the revision. */
export function changeCampaign(
  tables: LedgerTables,
  by: Transaction,
  old: CampaignRow,
  change: Partial<CampaignRow>,
): void {
  const { campaigns, entries } = tables;
  const closes =
    old.closingAt === null && change.closingAt
      ? { version: noteClose(tables, by, old, change.closingAt) }
      : {};
  const changed: CampaignRow = { ...old, ...change, ...closes, revision: old.revision + 1 };
  const isRaised = isRaise(tables, by, old, changed);
  const row = isRaised
    ? { ...changed, raisedStamp: lastGrantedStamp(tables, by, old), raisedKnownUs: null }
    : changed;
  check(row.grantedCount >= 0 && row.grantedCount <= row.stock, 'campaigns_granted');
  check(row.settledCount >= row.grantedCount, 'campaigns_settled');
  const { waitlist } = selected(row);
  check(row.kind !== 'coupon' || row.waitlistedCount <= waitlist, 'campaigns_waitlisted');
  check(row.goneRanked >= 0 && row.goneRanked <= row.goneCount, 'campaigns_gone');
  check(row.settledStamp >= old.settledStamp && row.grantedCount >= old.grantedCount, 'campaigns_forward');
  check(old.seed === null || row.seed === old.seed, 'campaigns_seed_once');
  check(row.kind === 'raffle' || row.seed === null, 'campaigns_seed');
  check((row.seed === null) === (row.seedSource === null), 'campaigns_seed_source');
  check((row.seed === null) === (row.randomness === null), 'campaigns_seed_revealed');
  check(row.randomness === null || (row.rules !== null && row.poolRoot !== null), 'campaigns_revealed');
  check(row.poolRoot === null || (row.kind === 'raffle' && row.frozenAt !== null), 'campaigns_pool');
  check(old.poolRoot === null || row.poolRoot?.equals(old.poolRoot) === true, 'campaigns_pool_once');
  check(old.poolRoot === null || row.frozenCount === old.frozenCount, 'campaigns_pool_once');
  check(old.rules === null || row.rules === old.rules || row.version !== old.version, 'campaigns_rules_once');
  check(old.frozenAt === null || row.closesAt.getTime() === old.closesAt.getTime(), 'campaigns_closed');
  check(
    old.closingAt === null || row.closingAt?.getTime() === old.closingAt.getTime(),
    'campaigns_closing_once',
  );
  const rules = ({ kind, stock, title, opensAt }: CampaignRow): string =>
    JSON.stringify([kind, stock, title, opensAt]);
  const hasEntries = entries.rows(by).some(({ campaignId }) => campaignId === row.campaignId);
  check(!hasEntries || isRaised || rules(row) === rules(old), 'campaigns_rules');
  check(row.raisedStamp === null || row.raisedStamp <= row.settledStamp, 'campaigns_raised');
  check(
    row.raisedStamp === null || row.finishedAt === null || row.cancelledStamp !== null,
    'campaigns_raised',
  );
  check(row.raisedKnownUs === null || row.raisedStamp !== null, 'campaigns_raised_known');
  check(row.outageUs - old.outageUs <= measuredUs(tables, by, old, row), 'campaigns_outage');
  checkSchedule(tables, by, old, row);
  campaigns.write(String(row.campaignId), row, by);
  noteDone(tables, by, old, row);
}

/** The trigger campaigns_raise. */
function isRaise({ versions }: LedgerTables, by: Transaction, old: CampaignRow, row: CampaignRow): boolean {
  if (row.version === old.version || versions.get(`${row.campaignId}/${row.version}`, by)?.action !== 'raise')
    return false;
  const others = ({ rules, title, opensAt, closesAt }: CampaignRow): string =>
    JSON.stringify([{ ...JSON.parse(rules ?? '{}'), stock: null }, title, opensAt, closesAt]);
  const isAnnounced = JSON.parse(row.rules ?? '{}').stock === row.stock;
  check(row.kind === 'coupon' && row.stock > old.stock && isAnnounced, 'campaigns_raise');
  check(others(row) === others(old), 'campaigns_raise');
  check(
    old.finishedAt === null && old.cancelledStamp === null && old.waitlistedCount === 0,
    'campaigns_raise',
  );
  return true;
}

function lastGrantedStamp({ grants, entries }: LedgerTables, by: Transaction, old: CampaignRow): number {
  const last = grants.get(`${old.campaignId}/${old.grantedCount}`, by);
  return last === undefined ? -1 : (entries.get(keyOf(last), by)?.stamp ?? -1);
}

/** The outages that the campaign takes into account with this change. */
function measuredUs({ outages }: LedgerTables, by: Transaction, old: CampaignRow, row: CampaignRow): number {
  const [fromUs, toUs] = [old.outageSeenUs, row.outageSeenUs];
  if (fromUs === null || toUs === null || row.outageUs === old.outageUs) return 0;
  return outages
    .rows(by)
    .filter(({ outageMs }) => outageMs * 1000 > fromUs && outageMs * 1000 <= toUs)
    .reduce((sum, { fromMs, toMs }) => sum + (toMs - fromMs) * 1000, 0);
}

/** The trigger campaigns_schedule, and the checks of operators' decisions. */
function checkSchedule(tables: LedgerTables, by: Transaction, old: CampaignRow, row: CampaignRow): void {
  const nowMs = tables.now().getTime();
  const isOpeningMoved = row.opensAt.getTime() !== old.opensAt.getTime();
  const firstMs = Math.min(row.opensAt.getTime(), old.opensAt.getTime());
  check(old.stage === 'draft' || !isOpeningMoved || firstMs > nowMs, 'campaigns_opened');
  const isPauseMoved = row.pausedAt?.getTime() !== old.pausedAt?.getTime();
  check(!isPauseMoved || old.finishedAt === null, 'campaigns_passed');
  const isEnding = row.stage === 'cancelled' && old.stage !== 'cancelled';
  check(!isEnding || (old.finishedAt === null && old.seed === null), 'campaigns_transition');
  check(row.stage !== 'cancelled' || row.cancelledStamp !== null, 'campaigns_cancelled');
  check(row.closesAt > row.opensAt, 'campaigns_window');
  if (row.version !== old.version) {
    check(hasVersion(tables, by, old, row), 'campaigns_versioned');
    return;
  }
  check(row.stage === old.stage && !isOpeningMoved && !isPauseMoved, 'campaigns_versioned');
  const isCloseMoved = row.closesAt.getTime() !== old.closesAt.getTime();
  check(!isCloseMoved || (old.closingAt !== null && row.closesAt < old.closesAt), 'campaigns_versioned');
}

/** Whether a version in effect matches the new row. */
function hasVersion(
  { versions }: LedgerTables,
  by: Transaction,
  old: CampaignRow,
  row: CampaignRow,
): boolean {
  const version = versions.get(`${row.campaignId}/${row.version}`, by);
  if (version === undefined || version.state !== 'effective' || version.baseVersion !== old.version)
    return false;
  const said = (target: Omit<Target, 'paused' | 'closesAt'>, paused: boolean): string =>
    JSON.stringify([target.stage, target.title, target.stock, target.opensAt, target.drawsAt, paused]);
  if (said(version, version.paused) !== said(row, row.pausedAt !== null)) return false;
  const { action, closesAt } = version;
  return (
    closesAt.getTime() === row.closesAt.getTime() ||
    action === 'close' ||
    (action === 'cancel' && row.closesAt < closesAt)
  );
}

/** The changes of an update of the campaign $1; undefined for none. */
type Change = (
  campaign: CampaignRow,
  values: Parameters<Statement>[2],
  now: Date,
) => Partial<CampaignRow> | undefined;

export const updating =
  (change: Change): Statement =>
  (tables, by, values) => {
    const key = String(values.number(1));
    if (tables.campaigns.get(key, by) === undefined) return NOTHING;
    tables.campaigns.lock(key, by);
    const old = tables.campaigns.get(key, by);
    const changes = old === undefined ? undefined : change(old, values, tables.now());
    if (old === undefined || changes === undefined) return NOTHING;
    changeCampaign(tables, by, old, changes);
    return rowsOf(
      tables.campaigns
        .rows(by)
        .filter(row => row.campaignId === old.campaignId)
        .map(selectedBy(tables, by)),
    );
  };
