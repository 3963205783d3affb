/** The statements of sql/statements/claims that find what a turn of claims has to decide. */
import type { ClaimantRow } from '../../rows.ts';
import { rowsOf, type Statement } from '../../statement.ts';
import { entriesBetween } from '../common.ts';
import { claimantsOf, isFree } from './claimants.ts';

/** The stamps of the requests of a campaign's users that are due, by user. */
function dueOf(
  rows: readonly { readonly campaignId: number; readonly userId: string; readonly stamp: number }[],
  campaignId: number,
  through: number,
): Map<string, number> {
  const due = rows.filter(row => row.campaignId === campaignId && row.stamp <= through);
  return new Map(due.map(({ userId, stamp }) => [userId, stamp]));
}

const readDueClaimants: Statement = (tables, by, values) => {
  const [campaignId, through, lapseUs] = [values.number(1), values.number(2), values.number(3)];
  const [outageUs, limit] = [values.number(4), values.number(5)];
  const claimed = dueOf(
    tables.claims.rows(by).filter(({ decided }) => !decided),
    campaignId,
    through,
  );
  const leaving = dueOf(
    tables.withdrawals.rows(by).filter(({ honoured }) => honoured === null),
    campaignId,
    through,
  );
  const claimants = claimantsOf(tables, by, campaignId);
  const lapsing = claimants
    .filter(({ state, claimByUs }) => state === 'offered' && (claimByUs ?? 0) <= lapseUs - outageUs)
    .sort((a, b) => (a.claimByUs ?? 0) - (b.claimByUs ?? 0) || a.number - b.number)
    .slice(0, limit);
  const due = claimants.filter(
    row => claimed.has(row.userId) || leaving.has(row.userId) || lapsing.includes(row),
  );
  return rowsOf(
    due.map(({ number, state, serial, claimByUs, userId }) => ({
      number,
      state,
      serial,
      claimByUs: claimByUs === null ? null : claimByUs + outageUs,
      claimStamp: claimed.get(userId) ?? null,
      leaveStamp: leaving.get(userId) ?? null,
    })),
  );
};

const readDueInstants: Statement = (tables, by, values) => {
  const [campaignId, through, openedUs] = [values.number(1), values.number(2), values.number(3)];
  const [outageUs, lapseUs, limit] = [values.number(4), values.number(5), values.number(6)];
  const claimants = new Map(claimantsOf(tables, by, campaignId).map(row => [row.userId, row]));
  const deadlineOf = (row: ClaimantRow | undefined): number | undefined =>
    row?.state === 'offered' && row.claimByUs !== null ? row.claimByUs + outageUs : undefined;
  const isDue = (userId: string, atUs: number): boolean => {
    const deadlineUs = deadlineOf(claimants.get(userId));
    return deadlineUs === undefined || deadlineUs <= lapseUs || atUs <= deadlineUs;
  };
  const requests = [
    ...tables.claims.rows(by).filter(({ decided }) => !decided),
    ...tables.withdrawals
      .rows(by)
      .filter(({ honoured, userId }) => honoured === null && claimants.has(userId)),
  ].filter(row => row.campaignId === campaignId && row.stamp <= through);
  const instants = [
    ...requests
      .map(({ userId, stamp }) => ({ userId, atUs: openedUs + Math.floor(stamp / 1_024) }))
      .filter(({ userId, atUs }) => isDue(userId, atUs))
      .map(({ atUs }) => atUs),
    ...[...claimants.values()].flatMap(row => {
      const deadlineUs = deadlineOf(row);
      return deadlineUs !== undefined && deadlineUs <= lapseUs ? [deadlineUs] : [];
    }),
  ].sort((a, b) => a - b);
  const range = { campaignId, after: values.number(7), through: values.number(8), limit: 1 };
  return rowsOf([
    {
      firstUs: instants[0] ?? null,
      tooManyUs: instants[limit - 1] ?? null,
      anyEntries: entriesBetween(tables, by, range).length > 0,
      anyFreed: [...claimants.values()].some(isFree),
    },
  ]);
};

export const CLAIM_TURN_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^with candidates as \( select user_id, stamp as claim_stamp/, readDueClaimants],
  [/^with claimed as \( select \$3::bigint \+ c.stamp/, readDueInstants],
];
