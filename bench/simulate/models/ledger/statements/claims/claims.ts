/** The statements of sql/statements/claims/claims.ts on claims and claimants. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { ClaimantRow, ClaimRow } from '../../rows.ts';
import {
  CHECK_VIOLATION,
  ConstraintError,
  changed,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
} from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { keyOf } from '../common.ts';
import { insertAsked } from '../entries/asked.ts';
import { claimantsOf, keyOfClaimant, noteMove, shownClaimant, writeClaimant } from './claimants.ts';

const insertClaims = insertAsked(
  tables => tables.claims,
  asked => ({ ...asked, decided: false }),
  held => !held.decided,
);

const insertClaimants: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const [numbers, userIds, serials, places] = [
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
      place: places[index] || null,
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

const saveMoves: Statement = (tables, by, values) => {
  const [campaignId, after, unheardUs] = [values.number(1), values.number(2), values.number(6)];
  const [states, instants] = [values.texts(4), values.numbers(5)];
  let count = 0;
  for (const [index, number] of values.numbers(3).entries()) {
    const old = tables.claimants.get(keyOfClaimant({ campaignId, number }), by);
    if (old === undefined) continue;
    const endedUs = instants[index] ?? 0;
    const claimByUs = old.claimByUs === null ? null : old.claimByUs + unheardUs;
    const state = states[index] as ClaimantRow['state'];
    const row: ClaimantRow = { ...old, state, endedUs, claimByUs, moveNumber: after + index + 1 };
    writeClaimant(tables, by, row);
    noteMove(tables, by, row, state, endedUs);
    count += 1;
  }
  return changed(count);
};

const readFreed: Statement = (tables, by, values) => {
  const freed = claimantsOf(tables, by, values.number(1))
    .filter(({ state, isPassedOn }) => (state === 'lapsed' || state === 'declined') && !isPassedOn)
    .sort((a, b) => a.moveNumber - b.moveNumber)
    .slice(0, values.number(2));
  return rowsOf(
    freed.map(({ serial, userId, endedEarly, state }) => ({
      serial,
      holder: userId,
      reason: endedEarly ?? state,
    })),
  );
};

const saveOffers: Statement = (tables, by, values) => {
  const [campaignId, after] = [values.number(1), values.number(4)];
  const [serials, userIds] = [values.numbers(2), values.texts(3)];
  const [offeredUs, claimByUs] = [values.number(5), values.number(6)];
  const claimants = new Map(claimantsOf(tables, by, campaignId).map(row => [row.userId, row]));
  let count = 0;
  for (const [index, userId] of userIds.entries()) {
    const old = claimants.get(userId);
    if (old === undefined) continue;
    const serial = serials[index] ?? null;
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
  // PostgreSQL leaves a row as it is that this statement has already written.
  for (const userId of values.texts(7).filter(from => !userIds.includes(from))) {
    const row = claimants.get(userId);
    if (row === undefined) continue;
    if (row.state !== 'lapsed' && row.state !== 'declined')
      throw new ConstraintError(CHECK_VIOLATION, 'claimants', 'claimants_passed_on');
    writeClaimant(tables, by, { ...row, isPassedOn: true });
  }
  return changed(count);
};

const areAllDecided: Statement = (tables, by, values) =>
  rowsOf([{ over: !claimantsOf(tables, by, values.number(1)).some(({ state }) => state === 'offered') }]);

const readClaimants: Statement = (tables, by, values) => {
  const rows = claimantsOf(tables, by, values.number(1)).filter(({ number }) => number > values.number(2));
  return rowsOf(rows.slice(0, values.number(3)).map(row => shownClaimant(tables, by, row)));
};

const readMoves: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const moves = tables.moves
    .rows(by)
    .filter(move => move.campaignId === campaignId && move.moveNumber > values.number(2))
    .sort((a, b) => a.moveNumber - b.moveNumber)
    .slice(0, values.number(3));
  return rowsOf(
    moves.flatMap(({ moveNumber, number, state }) => {
      const row = tables.claimants.get(keyOfClaimant({ campaignId, number }), by);
      if (row === undefined) return [];
      const leftPlace = state === 'offered' || state === 'left' ? row.place : null;
      return [{ listNumber: moveNumber, leftPlace, ...shownClaimant(tables, by, row) }];
    }),
  );
};

export const CLAIM_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/insert into claims as held/, insertClaims],
  [/^insert into claimants \(campaign_id, number/, insertClaimants],
  [/^update claims c set decided = true/, decideClaims],
  [/^update withdrawals w set honoured = false from claimants k/, refuseOfClaimants],
  [/ update claimants k set state = sent.state/, saveMoves],
  [/^select serial, user_id as holder, coalesce\(ended_early, state\) as reason from claimants/, readFreed],
  [/ update claimants k set state = 'offered'/, saveOffers],
  [
    /^select not exists \(select from claimants where campaign_id = \$1 and state = 'offered'\)/,
    areAllDecided,
  ],
  [/^select k.number, k.user_id as "userId".* and k.number > \$2/, readClaimants],
  [/^select m.move_number as "listNumber"/, readMoves],
];
