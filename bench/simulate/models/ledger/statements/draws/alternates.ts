/** The statements of sql/statements/draws/alternates.ts. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { AlternateRow } from '../../rows.ts';
import {
  ConstraintError,
  changed,
  FOREIGN_KEY_VIOLATION,
  NOTHING,
  type Statement,
  UNIQUE_VIOLATION,
} from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { keyOf } from '../common.ts';

const insertAlternates: Statement = (tables, by, values) => {
  const userIds = values.texts(3);
  writeAlternates(tables, by, values.number(1), values.numbers(2), userIds);
  return changed(userIds.length);
};

export function writeAlternates(
  tables: LedgerTables,
  by: Transaction,
  campaignId: number,
  positions: readonly number[],
  userIds: readonly string[],
): void {
  for (const [index, waitlistPosition] of positions.entries()) {
    const userId = userIds[index] ?? '';
    const isTaken = tables.alternates
      .rows(by)
      .some(
        row =>
          row.campaignId === campaignId &&
          (row.waitlistPosition === waitlistPosition || row.userId === userId),
      );
    if (isTaken)
      throw new ConstraintError(UNIQUE_VIOLATION, 'alternates', 'alternates_pkey or alternates_user');
    if (tables.entries.get(keyOf({ campaignId, userId }), by) === undefined)
      throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'alternates', 'alternates_campaign_id_user_id_fkey');
    tables.alternates.write(
      `${campaignId}/${waitlistPosition}`,
      { campaignId, waitlistPosition, userId },
      by,
    );
  }
}

/** Simulated prizes are never passed on. */
const readRedrawn: Statement = () => NOTHING;

/** The alternates who still wait, in order. */
export function nextAlternates(
  { alternates, claimants, passedOn }: LedgerTables,
  by: Transaction,
  campaignId: number,
): readonly AlternateRow[] {
  const isOfIt = (row: { readonly campaignId: number }): boolean => row.campaignId === campaignId;
  const states = new Map(
    claimants
      .rows(by)
      .filter(isOfIt)
      .map(({ userId, state }) => [userId, state]),
  );
  const passed = passedOn.rows(by).filter(isOfIt);
  const last = Math.max(0, ...passed.map(({ waitlistPosition }) => waitlistPosition));
  return alternates
    .rows(by)
    .filter(row => isOfIt(row) && row.waitlistPosition > last)
    .filter(({ userId }) => (states.get(userId) ?? 'waitlisted') === 'waitlisted')
    .sort((a, b) => a.waitlistPosition - b.waitlistPosition);
}

export const ALTERNATE_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select p.waitlist_position as "waitlistPosition", p.user_id as "passedFrom"/, readRedrawn],
  [/^insert into alternates \(campaign_id, waitlist_position, user_id\)/, insertAlternates],
];
