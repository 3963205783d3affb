/** The statements of sql/statements/draws/alternates.ts. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { AlternateRow } from '../../rows.ts';
import {
  ConstraintError,
  changed,
  FOREIGN_KEY_VIOLATION,
  NOTHING,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
} from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { keyOf } from '../common.ts';

const insertAlternates: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const userIds = values.texts(3);
  for (const [index, place] of values.numbers(2).entries()) {
    const userId = userIds[index] ?? '';
    const isTaken = tables.alternates
      .rows(by)
      .some(row => row.campaignId === campaignId && (row.place === place || row.userId === userId));
    if (isTaken)
      throw new ConstraintError(UNIQUE_VIOLATION, 'alternates', 'alternates_pkey or alternates_user');
    if (tables.entries.get(keyOf({ campaignId, userId }), by) === undefined)
      throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'alternates', 'alternates_campaign_id_user_id_fkey');
    tables.alternates.write(`${campaignId}/${place}`, { campaignId, place, userId }, by);
  }
  return changed(userIds.length);
};

/** No prize is passed on in a simulation. */
const readRedrawn: Statement = () => NOTHING;

/** The alternates who still wait, in their order. */
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
  const last = Math.max(0, ...passed.map(({ place }) => place));
  return alternates
    .rows(by)
    .filter(row => isOfIt(row) && row.place > last)
    .filter(({ userId }) => (states.get(userId) ?? 'waitlisted') === 'waitlisted')
    .sort((a, b) => a.place - b.place);
}

const passToNext: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const [serials, holders] = [values.numbers(2), values.texts(3)];
  const [codes, limit] = [values.texts(5), values.number(6)];
  const isOfIt = (row: { readonly campaignId: number }): boolean => row.campaignId === campaignId;
  const next = nextAlternates(tables, by, campaignId).slice(0, limit);
  const passed = next.slice(0, serials.length).map(({ place, userId }, index) => {
    const serial = serials[index] ?? 0;
    tables.passedOn.write(`${campaignId}/${place}`, { campaignId, place, serial }, by);
    const grant = tables.grants.get(`${campaignId}/${serial}`, by);
    if (grant === undefined)
      throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'passed_on', 'passed_on_campaign_id_serial_fkey');
    const others = tables.grants.rows(by).filter(row => isOfIt(row) && row.serial !== serial);
    if (others.some(other => other.userId === userId))
      throw new ConstraintError(UNIQUE_VIOLATION, 'grants', 'grants_user');
    tables.grants.write(`${campaignId}/${serial}`, { ...grant, userId, code: codes[index] ?? '' }, by);
    return { serial, tier: null, place, userId, passedFrom: holders[index] ?? '' };
  });
  return rowsOf(passed);
};

export const ALTERNATE_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^with freed as \( select \* from unnest/, passToNext],
  [/^select p.place, p.user_id as "passedFrom"/, readRedrawn],
  [/^insert into alternates \(campaign_id, place, user_id\)/, insertAlternates],
];
