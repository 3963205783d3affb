/** The statements of sql/statements/claims/passing-on.ts. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { ClaimantRow } from '../../rows.ts';
import {
  CHECK_VIOLATION,
  ConstraintError,
  changed,
  FOREIGN_KEY_VIOLATION,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
  type Values,
} from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { nextAlternates } from '../draws/alternates.ts';
import { claimantsOf, freedSerial, isFree, noteMove, writeClaimant } from './claimants.ts';

const readFreed: Statement = (tables, by, values) => {
  const freed = claimantsOf(tables, by, values.number(1))
    .filter(isFree)
    .sort((a, b) => a.moveNumber - b.moveNumber)
    .slice(0, values.number(2));
  return rowsOf(freed.map(freedSerial));
};

interface Passed {
  readonly serial: number;
  readonly waitlistPosition: number;
  readonly userId: string;
  readonly passedFrom: string;
}

function passOn(tables: LedgerTables, by: Transaction, values: Values): readonly Passed[] {
  const campaignId = values.number(1);
  const [serials, holders] = [values.numbers(2), values.texts(3)];
  const [codes, limit] = [values.texts(5), values.number(6)];
  const isOfIt = (row: { readonly campaignId: number }): boolean => row.campaignId === campaignId;
  const next = nextAlternates(tables, by, campaignId).slice(0, limit);
  return next.slice(0, serials.length).map(({ waitlistPosition, userId }, index) => {
    const serial = serials[index] ?? 0;
    tables.passedOn.write(`${campaignId}/${waitlistPosition}`, { campaignId, waitlistPosition, serial }, by);
    const grant = tables.grants.get(`${campaignId}/${serial}`, by);
    if (grant === undefined)
      throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'passed_on', 'passed_on_campaign_id_serial_fkey');
    const others = tables.grants.rows(by).filter(row => isOfIt(row) && row.serial !== serial);
    if (others.some(other => other.userId === userId))
      throw new ConstraintError(UNIQUE_VIOLATION, 'grants', 'grants_user');
    tables.grants.write(`${campaignId}/${serial}`, { ...grant, userId, code: codes[index] ?? '' }, by);
    return { serial, waitlistPosition, userId, passedFrom: holders[index] ?? '' };
  });
}

const offerToNext: Statement = (tables, by, values) => {
  const [campaignId, after] = [values.number(1), values.number(7)];
  const [offeredUs, claimByUs] = [values.number(8), values.number(9)];
  const passed = passOn(tables, by, values);
  const claimants = new Map(claimantsOf(tables, by, campaignId).map(row => [row.userId, row]));
  let count = 0;
  for (const [index, { serial, userId }] of passed.entries()) {
    const old = claimants.get(userId);
    if (old === undefined) continue;
    const row: ClaimantRow = {
      ...old,
      state: 'offered',
      serial,
      offeredUs,
      claimByUs,
      moveNumber: after + index + 1,
    };
    writeClaimant(tables, by, row);
    noteMove(tables, by, row, 'offered', offeredUs);
    count += 1;
  }
  // PostgreSQL does not change a row again that this statement has already written.
  const isOffered = new Set(passed.map(({ userId }) => userId));
  for (const { passedFrom: userId } of passed) {
    if (isOffered.has(userId)) continue;
    const row = claimants.get(userId);
    if (row === undefined) continue;
    if (row.state !== 'lapsed' && row.state !== 'declined')
      throw new ConstraintError(CHECK_VIOLATION, 'claimants', 'claimants_passed_on');
    writeClaimant(tables, by, { ...row, isPassedOn: true });
  }
  return changed(count);
};

export const PASSING_ON_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select serial, user_id as holder, coalesce\(ended_early, state\) as reason from claimants/, readFreed],
  [/ update claimants k set state = 'offered'/, offerToNext],
];
