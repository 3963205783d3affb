/**
 * Statements on PostgreSQL's clock, one of those that confirm the time (engine/clock/clock-agreement.ts), and on the
 * operators' decisions about contradicting clocks (engine/clock/trust-clock.ts).
 */
import type { Queryable } from '../../database.ts';

/** Why a trust has ended: the clocks agree again, the difference has changed, or a later trust has replaced it. */
export type TrustEnd = 'agreed' | 'moved' | 'replaced';

export interface ClockTrust {
  readonly trustId: number;
  readonly saidAt: Date;
  readonly saidBy: string;
  readonly reason: string | null;
  /** The clock that Redis was ahead of, and by how much according to the operator, milliseconds. */
  readonly aheadOf: 'postgres' | 'engine';
  readonly aheadMs: number;
  /** By how much it was measured to be ahead of each. */
  readonly postgresMs: number;
  readonly engineMs: number;
  /** By how much Redis may be ahead of PostgreSQL while this trust lasts. */
  readonly acceptedMs: number;
  readonly endedAt: Date | null;
  readonly ended: TrustEnd | null;
}

export type NewTrust = Omit<ClockTrust, 'trustId' | 'saidAt' | 'endedAt'>;

export interface ClockRow {
  /** The clock, microseconds since the epoch. */
  readonly nowUs: number;
  /** The latest trust; undefined if there never was one. */
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

/** Ends the current trust, if there is one, in the transaction of its replacement. */
export async function replaceTrust(db: Queryable): Promise<void> {
  await db.query(`update clock_trusts set ended_at = now(), ended = 'replaced' where ended_at is null`);
}

/** Records a trust, which may have ended already; false if another one was recorded at the same time. */
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

/** Ends it; false if it had ended before. */
export async function endTrust(db: Queryable, trustId: number, ended: TrustEnd): Promise<boolean> {
  const { rowCount } = await db.query(
    'update clock_trusts set ended_at = now(), ended = $2 where trust_id = $1 and ended_at is null',
    [trustId, ended],
  );
  return rowCount === 1;
}
