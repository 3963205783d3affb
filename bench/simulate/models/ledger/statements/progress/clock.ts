/** The statements of sql/statements/progress/clock.ts. */
import type { ClockTrust, TrustEnd } from '../../../../../../sql/statements/progress/clock.ts';
import type { LedgerTables } from '../../ledger-tables.ts';
import { changed, NOTHING, type Result, rowsOf, type Statement } from '../../statement.ts';
import { Blocked, type Transaction } from '../../table.ts';

/** Reads the server's clock, to the millisecond. */
const readClock: Statement = (tables, by) => {
  const last = tables.clockTrusts
    .rows(by)
    .reduce<ClockTrust | undefined>((a, b) => (a !== undefined && a.trustId > b.trustId ? a : b), undefined);
  return rowsOf([{ nowUs: tables.now().getTime() * 1_000, ...(last ?? NO_TRUST) }]);
};

const NO_TRUST = {
  ...{ trustId: null, saidAt: null, saidBy: null, reason: null, aheadOf: null, aheadMs: null },
  ...{ postgresMs: null, engineMs: null, acceptedMs: null, endedAt: null, ended: null },
};

/** Ends all open statements of operators, or the named one. */
function endTrusts(tables: LedgerTables, by: Transaction, ended: TrustEnd, trustId?: number): Result {
  const open = tables.clockTrusts
    .rows(by)
    .filter(row => row.ended === null && (trustId === undefined || row.trustId === trustId));
  const endedAt = tables.now();
  for (const row of open) tables.clockTrusts.write(String(row.trustId), { ...row, endedAt, ended }, by);
  return changed(open.length);
}

const replaceTrust: Statement = (tables, by) => endTrusts(tables, by, 'replaced');

const endTrust: Statement = (tables, by, values) =>
  endTrusts(tables, by, trustEnd(values.text(2)) ?? 'moved', values.number(1));

const insertTrust: Statement = (tables, by, values) => {
  const { clockTrusts } = tables;
  const ended = trustEnd(values.optionalText(8));
  // The sequence also advances for a row that is not inserted.
  tables.trustSequence += 1;
  if (ended === null) {
    const [pending] = clockTrusts.pendingOfOthers(by).filter(({ row }) => row.ended === null);
    if (pending !== undefined) throw new Blocked(pending.by);
    if (clockTrusts.rows(by).some(row => row.ended === null)) return NOTHING;
  }
  const trust: ClockTrust = {
    trustId: tables.trustSequence,
    saidAt: tables.now(),
    saidBy: values.text(1),
    reason: values.optionalText(2),
    aheadOf: values.text(3) === 'engine' ? 'engine' : 'postgres',
    aheadMs: values.number(4),
    postgresMs: values.number(5),
    engineMs: values.number(6),
    acceptedMs: values.number(7),
    endedAt: ended === null ? null : tables.now(),
    ended,
  };
  clockTrusts.write(String(trust.trustId), trust, by);
  return changed(1);
};

function trustEnd(text: string | null): TrustEnd | null {
  return text === 'agreed' || text === 'moved' || text === 'replaced' ? text : null;
}

export const CLOCK_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select \(extract\(epoch from clock_timestamp\(\)\)/, readClock],
  [/^update clock_trusts set ended_at = now\(\), ended = 'replaced' where ended_at is null$/, replaceTrust],
  [/^insert into clock_trusts .* on conflict do nothing$/, insertTrust],
  [/^update clock_trusts set ended_at = now\(\), ended = \$2 where trust_id = \$1/, endTrust],
];
