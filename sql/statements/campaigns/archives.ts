/** Statements on archives: which campaigns may be archived, and which are; the rows themselves: archived-rows.ts. */
import type { Queryable } from '../../database.ts';
import { bigintArray } from '../arrays.ts';
import type { CampaignKind } from './campaigns.ts';

/** A campaign as it stands before it is archived. */
export interface Archivable {
  readonly campaignId: number;
  readonly kind: CampaignKind;
  readonly title: string;
  readonly isFinished: boolean;
  readonly isShelved: boolean;
  /** A book is due, and not there. */
  readonly lacksBook: boolean;
  readonly hasBook: boolean;
  /** Something of it is offered, or claimed and not decided. */
  readonly hasOpenClaims: boolean;
  /** What it granted may still be redeemed, or is held in a basket. */
  readonly hasOpenCoupons: boolean;
  /** A pass can still be used, or a visit with an end has not ended. */
  readonly hasOpenVisits: boolean;
  /** From the opening to the end, microseconds since the epoch: every item of it lies in between. */
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

/** Campaigns that came to their end before `before` and are not in a file, or have slices here that were needed. */
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

/** The name of the file that a campaign's rows are in; undefined where they are here. */
export async function readArchiveFile(db: Queryable, campaignId: number): Promise<string | undefined> {
  const { rows } = await db.query<{ file: string }>('select file from archives where campaign_id = $1', [
    campaignId,
  ]);
  return rows[0]?.file;
}

/** Notes a file that is whole, before anything in it leaves. */
export async function insertArchive(db: Queryable, row: Omit<ArchiveRow, 'emptiedAt'>): Promise<void> {
  await db.query(
    'insert into archives (campaign_id, file, sha256, counts, totals) values ($1, $2, $3, $4, $5)',
    [row.campaignId, row.file, row.sha256, JSON.stringify(row.counts), JSON.stringify(row.totals)],
  );
}

/** Everything that may leave has left. */
export async function closeArchive(db: Queryable, campaignId: number, slicesKept: number): Promise<void> {
  await db.query('update archives set emptied_at = now(), slices_kept = $2 where campaign_id = $1', [
    campaignId,
    slicesKept,
  ]);
}

/** Everything is back: what was left behind for those who stayed goes. */
export async function deleteArchive(db: Queryable, campaignId: number): Promise<void> {
  await db.query(
    `delete from rank_marks m using (
       select stamp, row_number() over (order by stamp) - 1 as rank from entries where campaign_id = $1) as ranked
      where m.campaign_id = $1 and m.stamp = ranked.stamp and ranked.rank % 1024 <> 0`,
    [campaignId],
  );
  await db.query('delete from archives where campaign_id = $1', [campaignId]);
}

/** Of these campaigns those whose rows are in files. */
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
 * The first opening of those campaigns that a book is still to be made of, microseconds since the epoch: slices from there on
 * are shown in it whole. Infinite where there is none.
 */
export async function readFirstNeeded(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ opensAtUs: number | null }>(
    `select (extract(epoch from min(opens_at)) * 1000000)::bigint as "opensAtUs" from campaigns c
      where stage <> 'draft' and kind <> 'room' and cancelled_stamp is null
        and not exists (select from books b where b.campaign_id = c.campaign_id)`,
  );
  return rows[0]?.opensAtUs ?? Number.POSITIVE_INFINITY;
}

/** One archive is made, or let go of, at a time: until the end of the session. False while another one is. */
export async function takeArchiving(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ isTaken: boolean }>(
    `select pg_try_advisory_lock(hashtext('fairline archive'), 0) as "isTaken"`,
  );
  return rows[0]?.isTaken === true;
}

export async function giveArchivingBack(db: Queryable): Promise<void> {
  await db.query(`select pg_advisory_unlock(hashtext('fairline archive'), 0)`);
}
