/** Statements on archives: which campaigns may be archived, and which are; the rows themselves: archived-rows.ts. */
import type { Queryable } from '../../database.ts';
import { bigintArray } from '../arrays.ts';
import type { CampaignKind } from './campaigns.ts';

/** The state of a campaign before it is archived. */
export interface Archivable {
  readonly campaignId: number;
  readonly kind: CampaignKind;
  readonly title: string;
  readonly isFinished: boolean;
  readonly isShelved: boolean;
  /** Its book is due but missing. */
  readonly lacksBook: boolean;
  readonly hasBook: boolean;
  /** Some offer is open, or some claim undecided. */
  readonly hasOpenClaims: boolean;
  /** Some code that it granted may still be redeemed, or is held in a basket. */
  readonly hasOpenCoupons: boolean;
  /** Some pass can still be used, or some limited visit has not ended. */
  readonly hasOpenVisits: boolean;
  /** From the opening to the end, microseconds since the epoch: all of its items are within. */
  readonly fromUs: number;
  readonly toUs: number;
}

export async function readArchivable(db: Queryable, campaignId: number): Promise<Archivable | undefined> {
  const { rows } = await db.query<Archivable>(
    `select c.campaign_id as "campaignId", c.kind, c.title, c.finished_at is not null as "isFinished",
            c.shelved_at is not null as "isShelved",
            c.rules is not null and c.cancelled_stamp is null and b.campaign_id is null as "lacksBook",
            b.bytes is not null as "hasBook",
            exists (select from claimants k where k.campaign_id = c.campaign_id and k.state = 'offered')
              or exists (select from claims k where k.campaign_id = c.campaign_id and not k.decided
                           and c.finished_at is null) as "hasOpenClaims",
            exists (select from coupons k where k.campaign_id = c.campaign_id
                       and (k.valid_until is null or k.valid_until > now()
                            or exists (select from redemption_uses u where u.coupon_id = k.coupon_id and u.held_until > now()))
                   ) as "hasOpenCoupons",
            exists (select from room_people p where p.campaign_id = c.campaign_id
                       and p.state in ('admitted', 'inside') and p.due_ms is not null) as "hasOpenVisits",
            (extract(epoch from c.opens_at) * 1000000)::bigint as "fromUs",
            (extract(epoch from coalesce(c.finished_at, now())) * 1000000)::bigint as "toUs"
       from campaigns c left join books b using (campaign_id) where c.campaign_id = $1`,
    [campaignId],
  );
  return rows[0];
}

/** Campaigns that finished before `before` and are not in a file, or still have slices here that were needed. */
export async function listForArchive(db: Queryable, before: Date): Promise<readonly number[]> {
  const { rows } = await db.query<{ campaignId: number }>(
    `select c.campaign_id as "campaignId" from campaigns c left join archives a using (campaign_id)
      where c.finished_at < $1 and (a.campaign_id is null or a.emptied_at is null or a.slices_kept > 0)
      order by c.campaign_id`,
    [before],
  );
  return rows.map(({ campaignId }) => campaignId);
}

export interface ArchiveRow {
  readonly campaignId: number;
  readonly file: string;
  readonly sha256: Buffer;
  readonly counts: Readonly<Record<string, number>>;
  readonly totals: unknown;
  readonly emptiedAt: Date | null;
}

export async function readArchive(db: Queryable, campaignId: number): Promise<ArchiveRow | undefined> {
  const { rows } = await db.query<ArchiveRow>(
    `select campaign_id as "campaignId", file, sha256, counts, totals, emptied_at as "emptiedAt"
       from archives where campaign_id = $1`,
    [campaignId],
  );
  return rows[0];
}

/** The name of the file with a campaign's rows; undefined if they are here. */
export async function readArchiveFile(db: Queryable, campaignId: number): Promise<string | undefined> {
  const { rows } = await db.query<{ file: string }>('select file from archives where campaign_id = $1', [
    campaignId,
  ]);
  return rows[0]?.file;
}

/** Records a complete file, before anything in it is deleted here. */
export async function insertArchive(db: Queryable, row: Omit<ArchiveRow, 'emptiedAt'>): Promise<void> {
  await db.query(
    'insert into archives (campaign_id, file, sha256, counts, totals) values ($1, $2, $3, $4, $5)',
    [row.campaignId, row.file, row.sha256, JSON.stringify(row.counts), JSON.stringify(row.totals)],
  );
}

/** Everything that may be deleted has been deleted. */
export async function closeArchive(db: Queryable, campaignId: number, slicesKept: number): Promise<void> {
  await db.query('update archives set emptied_at = now(), slices_kept = $2 where campaign_id = $1', [
    campaignId,
    slicesKept,
  ]);
}

/** Everything is restored: deletes what was stored for users who stayed. */
export async function deleteArchive(db: Queryable, campaignId: number): Promise<void> {
  await db.query(
    `delete from rank_marks m using (
       select stamp, row_number() over (order by stamp) - 1 as rank from entries where campaign_id = $1) as ranked
      where m.campaign_id = $1 and m.stamp = ranked.stamp and ranked.rank % 1024 <> 0`,
    [campaignId],
  );
  await db.query('delete from archives where campaign_id = $1', [campaignId]);
}

/** Those of these campaigns whose rows are in files. */
export async function readArchived(
  db: Queryable,
  campaignIds: readonly number[],
): Promise<ReadonlySet<number>> {
  const { rows } = await db.query<{ campaignId: number }>(
    'select campaign_id as "campaignId" from archives where campaign_id = any ($1::bigint[])',
    [bigintArray(campaignIds)],
  );
  return new Set(rows.map(({ campaignId }) => campaignId));
}

/**
 * The first opening among campaigns whose book is still to be made, microseconds since the epoch: the book shows slices from
 * there on in full. Infinite if there is none.
 */
export async function readFirstNeeded(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ opensAtUs: number | null }>(
    `select (extract(epoch from min(opens_at)) * 1000000)::bigint as "opensAtUs" from campaigns c
      where stage <> 'draft' and kind <> 'room' and cancelled_stamp is null
        and not exists (select from books b where b.campaign_id = c.campaign_id)`,
  );
  return rows[0]?.opensAtUs ?? Number.POSITIVE_INFINITY;
}

/**
 * Only one archive is made or restored at a time: locks that until the end of the session. False while another session has
 * the lock.
 */
export async function takeArchiving(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ isTaken: boolean }>(
    `select pg_try_advisory_lock(hashtext('fairline archive'), 0) as "isTaken"`,
  );
  return rows[0]?.isTaken === true;
}

export async function giveArchivingBack(db: Queryable): Promise<void> {
  await db.query(`select pg_advisory_unlock(hashtext('fairline archive'), 0)`);
}
