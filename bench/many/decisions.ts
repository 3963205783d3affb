/**
 * When the ledger recorded each decision, by its own clock: two columns that only this bench adds take the time of each
 * row. Gateways stamp by Redis' clock, which is that of the same machine.
 */
import type { Pool } from '../../sql/database.ts';

/** How much later than due the ledger had something, ms. */
export interface Lateness {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Decisions {
  /** From the stamp of an entry to its grant or its position on the waitlist. */
  readonly entries: Lateness;
  /** From the deadline of an unclaimed offer to the offer's end. */
  readonly deadlines: Lateness;
  /** From the stamp of a claim to the end of the offer. */
  readonly claims: Lateness;
  /** From the stamp of a watching user, in a room with free capacity, to the user's admission. */
  readonly admissions: Lateness;
  /** Due now, and not decided. */
  readonly undecided: { readonly entries: number; readonly deadlines: number };
}

/** The availability clock beside the wall clock; see engine/settling/availability-clock.ts. */
export interface AvailabilityAt {
  readonly availableMs: number;
  readonly nowMs: number;
}

/** From here on the time of each written row is noted. Call it when the engines are up: they check the schema at start. */
export async function noteDecisions(pool: Pool): Promise<void> {
  for (const table of ['claimants', 'claimant_moves'])
    await pool.query(`alter table ${table} add column noted_at timestamptz default clock_timestamp()`);
}

export async function readAvailabilityAt(pool: Pool): Promise<AvailabilityAt> {
  const { rows } = await pool.query<AvailabilityAt>(
    `select available_ms as "availableMs", (extract(epoch from clock_timestamp()) * 1000)::bigint as "nowMs" from availability`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('availability has no row');
  return row;
}

const MS = (column: string): string => `extract(epoch from ${column}) * 1000`;
const STAMPED_MS = `${MS('c.opens_at')} + e.stamp / 1024 / 1000.0`;

/** Decisions from `sinceMs` on, by the ledger's clock. */
export async function readDecisions(pool: Pool, sinceMs: number): Promise<Decisions> {
  const moved = (state: string): Promise<Lateness> =>
    readLateness(
      pool,
      `select ${MS('noted_at')} - at_us / 1000.0 as late from claimant_moves
        where state = '${state}' and ${MS('noted_at')} > $1`,
      sinceMs,
    );
  const { rows } = await pool.query<Decisions['undecided']>(
    `select (select count(*) from entries e join campaigns c using (campaign_id)
              where c.kind = 'coupon' and e.stamp > c.settled_stamp) as entries,
            (select count(*) from claimants k join campaigns c using (campaign_id)
              where k.state = 'offered'
                and (k.claim_by_us + c.outage_us) / 1000 < ${MS('clock_timestamp()')}) as deadlines`,
  );
  const [undecided] = rows;
  if (undecided === undefined) throw new Error('a count gave no row');
  return {
    entries: await readLateness(
      pool,
      `select ${MS('k.noted_at')} - (${STAMPED_MS}) as late
         from claimants k join entries e using (campaign_id, user_id) join campaigns c using (campaign_id)
        where ${MS('k.noted_at')} > $1`,
      sinceMs,
    ),
    deadlines: await moved('lapsed'),
    claims: await moved('claimed'),
    admissions: await readLateness(
      pool,
      `select p.admitted_us / 1000.0 - (${STAMPED_MS}) as late
         from room_people p join entries e using (campaign_id, user_id) join campaigns c using (campaign_id)
        where p.admitted_us / 1000.0 > $1`,
      sinceMs,
    ),
    undecided,
  };
}

async function readLateness(pool: Pool, select: string, sinceMs: number): Promise<Lateness> {
  const { rows } = await pool.query<Lateness>(
    `select count(*) as count, coalesce(percentile_cont(0.5) within group (order by late), 0)::float8 as "p50Ms",
            coalesce(percentile_cont(0.99) within group (order by late), 0)::float8 as "p99Ms",
            coalesce(max(late), 0)::float8 as "maxMs"
       from (${select}) as each`,
    [sinceMs],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('an aggregate gave no row');
  return row;
}
