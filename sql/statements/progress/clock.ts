/**
 * Statements on PostgreSQL's clock, as one of those that vouch for the time (engine/clock/clock-agreement.ts), and on what
 * operators have said of clocks that contradict each other (engine/clock/trust-clock.ts).
 */
import type { Queryable } from '../../database.ts';

/** Why a trust has ended: the clocks agree again, the difference has become another one, a later trust is in its place. */
export type TrustEnd = 'agreed' | 'moved' | 'replaced';

export interface ClockTrust {
  readonly trustId: number;
  readonly saidAt: Date;
  readonly saidBy: string;
  readonly reason: string | null;
  /** Of which clock Redis was ahead, and by how much as the operator put it, milliseconds. */
  readonly aheadOf: 'postgres' | 'engine';
  readonly aheadMs: number;
  /** By how much it was ahead of each of them, as it was measured. */
  readonly postgresMs: number;
  readonly engineMs: number;
  /** By how much Redis may be ahead of PostgreSQL from then on, until it has ended. */
  readonly acceptedMs: number;
  readonly endedAt: Date | null;
  readonly ended: TrustEnd | null;
}

export type NewTrust = Omit<ClockTrust, 'trustId' | 'saidAt' | 'endedAt'>;

export interface ClockRow {
  /** What the clock shows, microseconds since the epoch. */
  readonly nowUs: number;
  /** What was said last; undefined where nobody has said anything yet. */
  readonly trust: ClockTrust | undefined;
}

/** One statement: engines ask several times a second. */
export async function readClock(db: Queryable): Promise<ClockRow> {
  const { rows } = await db.query<{ readonly nowUs: number } & (ClockTrust | { readonly trustId: null })>(
    `select (extract(epoch from clock_timestamp()) * 1000000)::bigint as "nowUs", trust_id as "trustId", said_at as "saidAt",
            said_by as "saidBy", reason, ahead_of as "aheadOf", ahead_ms as "aheadMs", postgres_ms as "postgresMs",
            engine_ms as "engineMs", accepted_ms as "acceptedMs", ended_at as "endedAt", ended
       from (values (true)) as clock
       left join clock_trusts on trust_id = (select max(trust_id) from clock_trusts)`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('clock_timestamp() gave no row');
  const { nowUs, ...trust } = row;
  return { nowUs, trust: trust.trustId === null ? undefined : trust };
}

/** Ends the trust that stands, if one does; in the transaction of the one that takes its place. */
export async function replaceTrust(db: Queryable): Promise<void> {
  await db.query(`update clock_trusts set ended_at = now(), ended = 'replaced' where ended_at is null`);
}

/** Writes a trust down, which may have ended with that; false where another one was written down at the same time. */
export async function insertTrust(db: Queryable, trust: NewTrust): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into clock_trusts (said_by, reason, ahead_of, ahead_ms, postgres_ms, engine_ms, accepted_ms, ended_at, ended)
     values ($1, $2, $3, $4, $5, $6, $7, case when $8::text is null then null else now() end, $8) on conflict do nothing`,
    [
      trust.saidBy,
      trust.reason,
      trust.aheadOf,
      trust.aheadMs,
      trust.postgresMs,
      trust.engineMs,
      trust.acceptedMs,
      trust.ended,
    ],
  );
  return rowCount === 1;
}

/** It counts no more; false where it had ended before. */
export async function endTrust(db: Queryable, trustId: number, ended: TrustEnd): Promise<boolean> {
  const { rowCount } = await db.query(
    'update clock_trusts set ended_at = now(), ended = $2 where trust_id = $1 and ended_at is null',
    [trustId, ended],
  );
  return rowCount === 1;
}
