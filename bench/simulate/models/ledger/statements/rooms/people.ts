/** The users in waiting rooms, with the triggers of the table. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { PersonRow } from '../../rows.ts';
import { CHECK_VIOLATION, ConstraintError } from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { keyOf } from '../common.ts';

/** The states that may follow each state. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  waiting: ['skipped', 'withdrawn', 'admitted'],
  skipped: ['waiting', 'withdrawn'],
  admitted: ['inside', 'left', 'expired'],
  inside: ['left', 'expired'],
};

export function peopleOf(tables: LedgerTables, by: Transaction, campaignId: number): PersonRow[] {
  return tables.people
    .rows(by)
    .filter(row => row.campaignId === campaignId)
    .sort((a, b) => (a.stamp ?? 0) - (b.stamp ?? 0));
}

export function writePerson(tables: LedgerTables, by: Transaction, row: PersonRow): void {
  const old = tables.people.get(keyOf(row), by);
  if (old !== undefined && old.state !== row.state && !WAYS[old.state]?.includes(row.state))
    throw new ConstraintError(CHECK_VIOLATION, 'room_people', 'room_people_states');
  if (
    old !== undefined &&
    old.serial !== null &&
    (old.serial !== row.serial || old.admittedUs !== row.admittedUs)
  )
    throw new ConstraintError(CHECK_VIOLATION, 'room_people', 'room_people_keep');
  tables.people.write(keyOf(row), row, by);
}

export function newPerson(campaignId: number, userId: string): PersonRow {
  return {
    campaignId,
    userId,
    stamp: null,
    state: 'waiting',
    incarnations: [],
    absentSinceMs: null,
    serial: null,
    admittedUs: null,
    dueMs: null,
  };
}

export function isInside({ state }: PersonRow): boolean {
  return state === 'admitted' || state === 'inside';
}

export function isInLine({ state, stamp }: PersonRow): boolean {
  return state === 'waiting' && stamp !== null;
}
