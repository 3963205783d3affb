/** Claimants and their moves, with the constraints and triggers of the tables. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { ClaimantRow, MoveRow } from '../../rows.ts';
import {
  CHECK_VIOLATION,
  ConstraintError,
  FOREIGN_KEY_VIOLATION,
  UNIQUE_VIOLATION,
} from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { keyOf, ONE_ROW } from '../common.ts';

/** Ordered by number. */
export function claimantsOf(tables: LedgerTables, by: Transaction, campaignId: number): ClaimantRow[] {
  return tables.claimants
    .rows(by)
    .filter(row => row.campaignId === campaignId)
    .sort((a, b) => a.number - b.number);
}

/** Writes a claimant if the table's constraints and guard allow it. */
export function writeClaimant(tables: LedgerTables, by: Transaction, row: ClaimantRow): void {
  const old = tables.claimants.get(keyOfClaimant(row), by);
  const others = claimantsOf(tables, by, row.campaignId).filter(({ number }) => number !== row.number);
  const ways: Readonly<Record<string, readonly string[]>> = {
    waitlisted: ['offered', 'left'],
    offered: ['claimed', 'lapsed', 'declined'],
  };
  if (old !== undefined && old.state !== row.state && !ways[old.state]?.includes(row.state))
    throw new ConstraintError(CHECK_VIOLATION, 'claimants', 'claimants_states');
  const hadOffer = old !== undefined && old.serial !== null;
  if (hadOffer && (old.serial !== row.serial || old.offeredUs !== row.offeredUs))
    throw new ConstraintError(CHECK_VIOLATION, 'claimants', 'claimants_keep');
  const holds = ({ state }: ClaimantRow): boolean => state === 'offered' || state === 'claimed';
  if (others.some(({ userId }) => userId === row.userId))
    throw new ConstraintError(UNIQUE_VIOLATION, 'claimants', 'claimants_user');
  if (holds(row) && others.some(other => holds(other) && other.serial === row.serial))
    throw new ConstraintError(UNIQUE_VIOLATION, 'claimants', 'claimants_holder');
  if (tables.entries.get(keyOf(row), by) === undefined)
    throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'claimants', 'claimants_campaign_id_user_id_fkey');
  if (row.serial !== null && tables.grants.get(`${row.campaignId}/${row.serial}`, by) === undefined)
    throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'claimants', 'claimants_campaign_id_serial_fkey');
  checkDeadline(tables, by, old, row);
  if (row.endingUs !== null && (row.endedEarly === null || row.endingUs > (row.claimByUs ?? 0)))
    throw new ConstraintError(CHECK_VIOLATION, 'claimants', 'claimants_ending');
  tables.claimants.write(keyOfClaimant(row), row, by);
}

/** The trigger claimants_deadline. */
function checkDeadline(
  tables: LedgerTables,
  by: Transaction,
  old: ClaimantRow | undefined,
  row: ClaimantRow,
): void {
  const { state, offeredUs, claimByUs } = row;
  if (state !== 'offered' || offeredUs === null || claimByUs === null) return;
  const breaks = (constraint: string): never => {
    throw new ConstraintError(CHECK_VIOLATION, 'claimants', constraint);
  };
  if (old?.state === 'offered') {
    const [wasUs, wasEnding] = [old.claimByUs ?? 0, old.endingUs !== null];
    if (claimByUs > wasUs && (!row.deadlineMoved || wasEnding)) breaks('claimants_extended');
    if (claimByUs < wasUs && !wasEnding) breaks('claimants_told');
    if (wasEnding && row.endingUs !== old.endingUs) breaks('claimants_ending_once');
    return;
  }
  const campaign = tables.campaigns.get(String(row.campaignId), by);
  const withinS = campaign?.rules == null ? undefined : JSON.parse(campaign.rules).claim_within_s;
  if (withinS !== undefined && claimByUs > offeredUs + withinS * 1_000_000 - (campaign?.outageUs ?? 0))
    breaks('claimants_within');
  const throughMs = tables.availability.get(ONE_ROW, by)?.throughMs ?? 0;
  if (throughMs > 0 && offeredUs > throughMs * 1_000 + 3_000_000) breaks('claimants_available');
}

export function keyOfClaimant({
  campaignId,
  number,
}: {
  readonly campaignId: number;
  readonly number: number;
}) {
  return `${campaignId}/${number}`;
}

/** Records a claimant's move, and its time. */
export function noteMove(
  tables: LedgerTables,
  by: Transaction,
  { campaignId, moveNumber, number, serial }: ClaimantRow,
  state: MoveRow['state'],
  atUs: number,
): void {
  const key = `${campaignId}/${moveNumber}`;
  if (tables.moves.get(key, by) !== undefined)
    throw new ConstraintError(UNIQUE_VIOLATION, 'claimant_moves', 'claimant_moves_pkey');
  tables.moves.write(key, { campaignId, moveNumber, number, state, serial, atUs }, by);
}

export function shownClaimant(tables: LedgerTables, by: Transaction, row: ClaimantRow) {
  const { campaignId, number, userId, state, waitlistPosition, serial, endedUs, deadlineMoved, moveNumber } =
    row;
  const claimByUs = row.endingUs === null ? row.claimByUs : Math.min(row.endingUs, row.claimByUs ?? 0);
  const holds = state === 'offered' || state === 'claimed';
  const code = holds ? (tables.grants.get(`${campaignId}/${serial}`, by)?.code ?? null) : null;
  return {
    number,
    userId,
    state,
    waitlistPosition,
    serial,
    code,
    claimByUs,
    outageUs: tables.campaigns.get(String(campaignId), by)?.outageUs ?? 0,
    deadlineMoved,
    endedUs,
    moveNumber,
  };
}

/** Whether the claimant's serial is free. */
export function isFree({ state, isPassedOn }: ClaimantRow): boolean {
  return (state === 'lapsed' || state === 'declined') && !isPassedOn;
}

export function freedSerial({ serial, userId, endedEarly, state }: ClaimantRow) {
  return { serial, holder: userId, reason: endedEarly ?? state };
}
