/** Statements on gateways: the incarnations known from the log and the registry, and their promises. */
import { type Queryable, queryRepeated } from '../../database.ts';
import { bigintArray } from '../arrays.ts';
import { INCARNATIONS_PER_EPOCH } from './watermarks.ts';

export interface GatewayRow {
  readonly gateway: number;
  readonly incarnation: number;
  readonly logName: string;
  readonly partition: number;
  readonly state: 'live' | 'ended';
  /** The promises: all requests stamped up to there are logged, ranked (microseconds since the epoch). */
  readonly throughUs: number;
  readonly rankedUs: number;
  readonly sliceNumber: number;
  readonly backfilled: boolean;
}

/** One life of a gateway number. */
export type Incarnation = Pick<GatewayRow, 'gateway' | 'incarnation'>;

/** A key for an incarnation in a map or a set. */
export function nameOf({ gateway, incarnation }: Incarnation): string {
  return `${gateway}/${incarnation}`;
}

const COLUMNS = `gateway, incarnation, log_name as "logName", partition, state, through_us as "throughUs",
  ranked_us as "rankedUs", slice_number as "sliceNumber", backfilled`;

/**
 * What a partition's next records are checked against: the rows of the named incarnations, as far as they are known, and of
 * the markers in the partition (see INCARNATIONS_PER_EPOCH).
 */
export async function readProgress(
  db: Queryable,
  of: { readonly incarnations: readonly number[]; readonly logName: string; readonly partition: number },
): Promise<readonly GatewayRow[]> {
  const { rows } = await db.query<GatewayRow>(
    `select ${COLUMNS} from gateways
      where incarnation = any ($1::bigint[])
         or (log_name = $2 and partition = $3 and incarnation % $4::bigint = 0)`,
    [bigintArray(of.incarnations), of.logName, of.partition, INCARNATIONS_PER_EPOCH],
  );
  return rows;
}

/** The rows of the named incarnations, as far as they are known. */
export async function readIncarnations(
  db: Queryable,
  incarnations: readonly number[],
): Promise<readonly GatewayRow[]> {
  const { rows } = await db.query<GatewayRow>(
    `select ${COLUMNS} from gateways where incarnation = any ($1::bigint[])`,
    [bigintArray(incarnations)],
  );
  return rows;
}

/**
 * All incarnations that can bound a watermark: live, or ended but not backfilled. Also those of the `registered` ones that have
 * ended, so that their leases in the registry are known to be over.
 */
export async function readGateways(
  db: Queryable,
  registered: readonly number[],
): Promise<readonly GatewayRow[]> {
  return (await readBounds(db, registered)).gateways;
}

/** Like readGateways, with the latest epoch as of the same moment: an incarnation may count as backfilled under that epoch. */
export async function readBounds(
  db: Queryable,
  registered: readonly number[],
): Promise<{ readonly epoch: number; readonly gateways: readonly GatewayRow[] }> {
  const { rows } = await queryRepeated<{ epoch: number } & (GatewayRow | { incarnation: null })>(db, {
    name: 'read_bounds',
    text: `select watermarks.epoch, held.* from watermarks
       left join (select ${COLUMNS} from gateways where not backfilled or incarnation = any ($1::bigint[])) as held on true
      order by incarnation, gateway`,
    values: [bigintArray(registered)],
  });
  const [first] = rows;
  if (first === undefined) throw new Error('watermarks has no row');
  return { epoch: first.epoch, gateways: rows.flatMap(row => (row.incarnation === null ? [] : [row])) };
}

/** Records what the log shows about incarnations. Promises only rise, and an ended incarnation stays ended. */
export async function saveProgress(db: Queryable, progress: readonly GatewayRow[]): Promise<void> {
  for (const row of progress) {
    await db.query(
      `insert into gateways as held (gateway, incarnation, log_name, partition, state, through_us, ranked_us,
                                     slice_number, ended_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, case when $5 = 'ended' then now() end)
       on conflict (gateway, incarnation) do update
         set state = case when held.state = 'ended' then held.state else excluded.state end,
             through_us = greatest(held.through_us, excluded.through_us),
             ranked_us = greatest(held.ranked_us, excluded.ranked_us),
             slice_number = greatest(held.slice_number, excluded.slice_number),
             seen_at = now(),
             ended_at = coalesce(held.ended_at, excluded.ended_at)`,
      [
        row.gateway,
        row.incarnation,
        row.logName,
        row.partition,
        row.state,
        row.throughUs,
        row.rankedUs,
        row.sliceNumber,
      ],
    );
  }
}

/** Everything that an ended incarnation had logged is ranked: it no longer bounds the ranked watermark. */
export async function markBackfilled(db: Queryable, gateway: number, incarnation: number): Promise<void> {
  await db.query(
    `update gateways set backfilled = true where gateway = $1 and incarnation = $2 and state = 'ended'`,
    [gateway, incarnation],
  );
}

/**
 * After all ranks were begun anew under the marker of this incarnation, no incarnation up to it needs a backfill. Later ones
 * do; an engine that was delayed here may meet them.
 */
export async function markAllBackfilled(db: Queryable, incarnation: number): Promise<void> {
  await db.query(
    `update gateways set backfilled = true where state = 'ended' and not backfilled and incarnation <= $1`,
    [incarnation],
  );
}

/** Ends an incarnation whose log is no longer in use, so that no record of it can come. */
export async function endWithoutLog(db: Queryable, gateway: number, incarnation: number): Promise<void> {
  await db.query(
    `update gateways set state = 'ended', ended_at = now()
      where gateway = $1 and incarnation = $2 and state = 'live'`,
    [gateway, incarnation],
  );
}

/** The latest instant that a live gateway has promised (microseconds since the epoch); 0 if there is none. */
export async function readLatestPromise(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ through_us: number }>(
    `select coalesce(max(through_us), 0) as through_us from gateways where state = 'live'`,
  );
  return rows[0]?.through_us ?? 0;
}

/** Whether the ledger knows of an incarnation above this number. */
export async function hasIncarnationAbove(db: Queryable, incarnation: number): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>(
    'select exists (select from gateways where incarnation > $1) as found',
    [incarnation],
  );
  return rows[0]?.found === true;
}
