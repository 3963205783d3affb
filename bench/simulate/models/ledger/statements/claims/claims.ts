/** The statements of sql/statements/claims/claims.ts on claims and claimants. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { ClaimantRow, ClaimRow } from '../../rows.ts';
import {
  ConstraintError,
  changed,
  FOREIGN_KEY_VIOLATION,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
  type Values,
} from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { keyOf } from '../common.ts';
import { writeAlternates } from '../draws/alternates.ts';
import { insertUserRequests } from '../entries/user-requests.ts';
import {
  claimantsOf,
  freedSerial,
  isFree,
  keyOfClaimant,
  noteMove,
  shownClaimant,
  writeClaimant,
} from './claimants.ts';

const insertClaims = insertUserRequests(
  tables => tables.claims,
  sent => ({ ...sent, decided: false }),
  held => !held.decided,
);

const insertClaimants: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const [numbers, userIds, serials, waitlistPositions] = [
    values.numbers(2),
    values.texts(3),
    values.numbers(4),
    values.numbers(5),
  ];
  for (const [index, number] of numbers.entries()) {
    if (tables.claimants.get(keyOfClaimant({ campaignId, number }), by) !== undefined)
      throw new ConstraintError(UNIQUE_VIOLATION, 'claimants', 'claimants_pkey');
    const serial = serials[index] || null;
    const row: ClaimantRow = {
      campaignId,
      number,
      userId: userIds[index] ?? '',
      waitlistPosition: waitlistPositions[index] || null,
      state: serial === null ? 'waitlisted' : 'offered',
      serial,
      offeredUs: serial === null ? null : values.number(6),
      claimByUs: serial === null ? null : values.number(7),
      endedUs: null,
      endingUs: null,
      endedEarly: null,
      deadlineMoved: false,
      moveNumber: 0,
      isPassedOn: false,
    };
    writeClaimant(tables, by, row);
  }
  return changed(numbers.length);
};

/** PostgreSQL checks foreign keys after all rows of a statement. */
const insertWaiting: Statement = (tables, by, values) => {
  let failed: ConstraintError | undefined;
  const attempt = (write: () => unknown): void => {
    try {
      write();
    } catch (error) {
      if (!(error instanceof ConstraintError && error.code === FOREIGN_KEY_VIOLATION)) throw error;
      failed ??= error;
    }
  };
  attempt(() => insertClaimants(tables, by, values));
  attempt(() => writeAlternates(tables, by, values.number(1), values.numbers(8), values.texts(9)));
  if (failed !== undefined) throw failed;
  return changed(values.numbers(2).length);
};

const decideClaims: Statement = (tables, by, values) => {
  const [campaignId, through] = [values.number(1), values.number(2)];
  const open = openOffers(tables, by, campaignId);
  const isDue = (row: ClaimRow): boolean =>
    row.campaignId === campaignId && !row.decided && row.stamp <= through && !open.has(row.userId);
  const due = tables.claims.rows(by).filter(isDue);
  for (const row of due) tables.claims.write(keyOf(row), { ...row, decided: true }, by);
  return changed(due.length);
};

/** The users with an open offer. */
function openOffers(tables: LedgerTables, by: Transaction, campaignId: number): ReadonlySet<string> {
  const offered = claimantsOf(tables, by, campaignId).filter(({ state }) => state === 'offered');
  return new Set(offered.map(({ userId }) => userId));
}

const refuseOfClaimants: Statement = (tables, by, values) => {
  const [campaignId, through] = [values.number(1), values.number(2)];
  const users = new Set(
    claimantsOf(tables, by, campaignId)
      .filter(({ state }) => state !== 'offered')
      .map(({ userId }) => userId),
  );
  const due = tables.withdrawals
    .rows(by)
    .filter(
      row =>
        row.campaignId === campaignId &&
        row.honoured === null &&
        row.stamp <= through &&
        users.has(row.userId),
    );
  for (const row of due) tables.withdrawals.write(keyOf(row), { ...row, honoured: false }, by);
  return changed(due.length);
};

/** Replaces the code of a serial, if a new one is given. */
function replaceCode(tables: LedgerTables, by: Transaction, row: ClaimantRow, code: string): void {
  const key = `${row.campaignId}/${row.serial}`;
  const grant = tables.grants.get(key, by);
  if (code !== '' && grant !== undefined) tables.grants.write(key, { ...grant, code }, by);
}

const saveMoves: Statement = (tables, by, values) => {
  const [campaignId, after, outageUs] = [values.number(1), values.number(2), values.number(6)];
  const [states, instants, codes] = [values.texts(4), values.numbers(5), values.texts(7)];
  const moved: ClaimantRow[] = [];
  for (const [index, number] of values.numbers(3).entries()) {
    const old = tables.claimants.get(keyOfClaimant({ campaignId, number }), by);
    if (old === undefined) continue;
    const endedUs = instants[index] ?? 0;
    const claimByUs = old.claimByUs === null ? null : old.claimByUs + outageUs;
    const state = states[index] as ClaimantRow['state'];
    const row: ClaimantRow = { ...old, state, endedUs, claimByUs, moveNumber: after + index + 1 };
    writeClaimant(tables, by, row);
    noteMove(tables, by, row, state, endedUs);
    replaceCode(tables, by, row, codes[index] ?? '');
    moved.push(row);
  }
  return rowsOf(moved.filter(isFree).map(freedSerial));
};

const areAllDecided: Statement = (tables, by, values) =>
  rowsOf([{ over: !claimantsOf(tables, by, values.number(1)).some(({ state }) => state === 'offered') }]);

/** Campaigns in the order of their ids, each with the number after which its rows are read. */
function behindOf(values: Values): readonly (readonly [campaignId: number, after: number])[] {
  const afters = values.numbers(2);
  return values
    .numbers(1)
    .map((campaignId, index) => [campaignId, afters[index] ?? 0] as const)
    .sort(([a], [b]) => a - b);
}

const readClaimants: Statement = (tables, by, values) =>
  rowsOf(
    behindOf(values).flatMap(([campaignId, after]) =>
      claimantsOf(tables, by, campaignId)
        .filter(({ number }) => number > after)
        .slice(0, values.number(3))
        .map(row => ({ campaignId, ...shownClaimant(tables, by, row) })),
    ),
  );

const readMoves: Statement = (tables, by, values) =>
  rowsOf(
    behindOf(values).flatMap(([campaignId, after]) =>
      tables.moves
        .rows(by)
        .filter(move => move.campaignId === campaignId && move.moveNumber > after)
        .sort((a, b) => a.moveNumber - b.moveNumber)
        .slice(0, values.number(3))
        .flatMap(({ moveNumber, number, state }) => {
          const row = tables.claimants.get(keyOfClaimant({ campaignId, number }), by);
          if (row === undefined) return [];
          const leftPosition = state === 'offered' || state === 'left' ? row.waitlistPosition : null;
          return [{ campaignId, listNumber: moveNumber, leftPosition, ...shownClaimant(tables, by, row) }];
        }),
    ),
  );

export const CLAIM_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/insert into claims as held/, insertClaims],
  [/^insert into claimants \(campaign_id, number/, insertClaimants],
  [/^with waiting as \( insert into alternates/, insertWaiting],
  [/^update claims c set decided = true/, decideClaims],
  [/^update withdrawals w set honoured = false from claimants k/, refuseOfClaimants],
  [/ update claimants k set state = sent.state/, saveMoves],
  [
    /^select not exists \(select from claimants where campaign_id = \$1 and state = 'offered'\)/,
    areAllDecided,
  ],
  [/^select behind.campaign_id .* and k.number > behind.after/, readClaimants],
  [/^select behind.campaign_id .* and m.move_number > behind.after/, readMoves],
];
