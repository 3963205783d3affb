/** Statements on books: their sources, and the books themselves. */
import type { Queryable } from '../../database.ts';
import { bigintArray } from '../arrays.ts';

/** A finished campaign, with everything that its book says about it as a whole. */
export interface BookCampaign {
  readonly campaignId: number;
  readonly kind: 'coupon' | 'raffle';
  readonly opensAt: Date;
  readonly closesAt: Date;
  /** Canonical JSON, and its hash. */
  readonly rules: string;
  readonly rulesHash: Buffer;
  readonly poolRoot: Buffer | null;
  readonly poolCount: number | null;
  readonly randomness: Buffer | null;
  readonly signature: Buffer | null;
  /** The round of drand that was used, if it is another than the announced one; else null. */
  readonly drandRound: number | null;
  readonly frozenAt: Date | null;
  readonly seed: Buffer | null;
  /** Whether grants and prizes must be claimed. */
  readonly hasClaims: boolean;
}

/** Campaigns that were announced and have finished without being cancelled, but have no book yet. */
export async function listWithoutBook(db: Queryable): Promise<readonly number[]> {
  const { rows } = await db.query<{ campaignId: number }>(
    `select campaign_id as "campaignId" from campaigns c
      where finished_at is not null and rules is not null and cancelled_stamp is null
        and not exists (select from books b where b.campaign_id = c.campaign_id)
      order by finished_at, campaign_id`,
  );
  return rows.map(({ campaignId }) => campaignId);
}

/**
 * Takes a campaign for making its book: until the end of the transaction, only this connection may. Undefined if another
 * engine has it, or it already has its book.
 */
export async function takeForBook(db: Queryable, campaignId: number): Promise<BookCampaign | undefined> {
  const { rows } = await db.query<BookCampaign>(
    `select campaign_id as "campaignId", kind, opens_at as "opensAt", closes_at as "closesAt", rules,
            rules_hash as "rulesHash", pool_root as "poolRoot",
            case when pool_root is null then null else frozen_count end as "poolCount", randomness, signature,
            drand_round as "drandRound", frozen_at as "frozenAt", seed, claim_within_s is not null as "hasClaims"
       from campaigns c
      where campaign_id = $1 and finished_at is not null and rules is not null
        and not exists (select from books b where b.campaign_id = c.campaign_id)
        and pg_try_advisory_xact_lock(hashtext('fairline book'), $1)`,
    [campaignId],
  );
  return rows[0];
}

/** A raise of a coupon's stock; see engine/book/book.ts. */
export interface RaiseOfBook {
  readonly version: number;
  readonly atUs: number;
  readonly stockBefore: number;
  readonly stock: number;
  readonly closesAtUs: number;
  readonly rulesHashBefore: Buffer;
  readonly rulesHash: Buffer;
}

/**
 * The raises of a campaign's stock, in order. Gateways have opened by another clock than the database's, which may be behind it: no
 * raise is stated for before the opening.
 */
export async function readRaises(db: Queryable, campaignId: number): Promise<readonly RaiseOfBook[]> {
  const { rows } = await db.query<RaiseOfBook>(
    `select r.version, (extract(epoch from greatest(r.raised_at, c.opens_at)) * 1000000)::bigint as "atUs",
            r.stock_before as "stockBefore", r.stock,
            r.closes_at_us as "closesAtUs", r.rules_hash_before as "rulesHashBefore", r.rules_hash as "rulesHash"
       from stock_raises r join campaigns c using (campaign_id) where campaign_id = $1 order by r.version`,
    [campaignId],
  );
  return rows;
}

/** Which of these stamps are stamps of the campaign's entries. */
export async function readKnownStamps(
  db: Queryable,
  campaignId: number,
  stamps: readonly number[],
): Promise<ReadonlySet<number>> {
  const { rows } = await db.query<{ stamp: number }>(
    'select stamp from entries where campaign_id = $1 and stamp = any($2::bigint[])',
    [campaignId, bigintArray(stamps)],
  );
  return new Set(rows.map(({ stamp }) => stamp));
}

/** An entry with its decided outcome: a prize that was passed on later stays with the user who was drawn. */
export interface DecidedEntry {
  readonly stamp: number;
  readonly userId: string;
  readonly isWithdrawn: boolean;
  readonly serial: number | null;
  readonly tier: number | null;
  /** The position among the alternates, from 1. */
  readonly alternate: number | null;
  readonly tickets: number;
  readonly group: string | null;
  readonly excluded: string | null;
}

/** Entries after the stamp `after`, in stamp order, at most `limit`. */
export async function readDecided(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly DecidedEntry[]> {
  const { rows } = await db.query<DecidedEntry>(
    `with page as (
       select campaign_id, user_id, stamp from entries where campaign_id = $1 and stamp > $2 order by stamp limit $3
     ), first_passed as (
       select distinct on (serial) serial, user_id from passed_on where campaign_id = $1 order by serial, waitlist_position
     ), drawn as (
       select g.serial, g.tier, coalesce(p.user_id, g.user_id) as user_id
         from grants g left join first_passed p using (serial) where g.campaign_id = $1
     )
     select e.stamp, e.user_id as "userId", w.user_id is not null as "isWithdrawn", d.serial, d.tier,
            a.waitlist_position as alternate, coalesce(t.tickets, 1) as tickets, t.user_group as "group", t.excluded
       from page e
       left join drawn d on d.user_id = e.user_id
       left join withdrawals w on w.campaign_id = e.campaign_id and w.user_id = e.user_id and w.honoured
       left join alternates a on a.campaign_id = e.campaign_id and a.user_id = e.user_id
       left join entrant_terms t on t.campaign_id = e.campaign_id and t.user_id = e.user_id
      order by e.stamp`,
    [campaignId, after, limit],
  );
  return rows;
}

/** A move of a claimant as a book shows it; see engine/book/book.ts. */
export interface MoveOfBook {
  readonly moveNumber: number;
  readonly move: 'offered' | 'claimed' | 'lapsed' | 'declined' | 'left';
  readonly stamp: number;
  readonly atUs: number;
  readonly serial: number | null;
  readonly offeredUs: number | null;
  readonly deadlineUs: number | null;
  readonly early: string | null;
}

/** Moves of claimants after the number `after`, in order, at most `limit`, without mere changes of deadlines. */
export async function readBookMoves(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly MoveOfBook[]> {
  const { rows } = await db.query<MoveOfBook>(
    `select m.move_number as "moveNumber", m.state as move, e.stamp, m.at_us as "atUs", m.serial,
            k.offered_us as "offeredUs", k.claim_by_us as "deadlineUs", k.ended_early as early
       from claimant_moves m
       join claimants k using (campaign_id, number)
       join entries e on e.campaign_id = k.campaign_id and e.user_id = k.user_id
      where m.campaign_id = $1 and m.move_number > $2 and m.state <> 'deadline'
      order by m.move_number limit $3`,
    [campaignId, after, limit],
  );
  return rows;
}

export async function insertBookPart(
  db: Queryable,
  campaignId: number,
  part: number,
  bytes: Buffer,
): Promise<void> {
  await db.query('insert into book_parts (campaign_id, part, bytes) values ($1, $2, $3)', [
    campaignId,
    part,
    bytes,
  ]);
}

export async function insertBook(db: Queryable, campaignId: number, bytes: number): Promise<void> {
  await db.query('insert into books (campaign_id, bytes) values ($1, $2)', [campaignId, bytes]);
}

/** Records that a campaign will have no book, and why. */
export async function refuseBook(db: Queryable, campaignId: number, why: string): Promise<void> {
  await db.query('insert into books (campaign_id, refused) values ($1, $2) on conflict do nothing', [
    campaignId,
    why,
  ]);
}

/** The state of a campaign's book; undefined if there is no such campaign. */
export interface BookState {
  readonly isRoom: boolean;
  readonly isFinished: boolean;
  readonly bytes: number | null;
  /** When the book was made or refused. */
  readonly madeAt: Date | null;
  readonly refused: string | null;
}

export async function readBookState(db: Queryable, campaignId: number): Promise<BookState | undefined> {
  const { rows } = await db.query<BookState>(
    `select c.kind = 'room' as "isRoom", c.finished_at is not null as "isFinished", b.bytes,
            b.made_at as "madeAt",
            case when c.cancelled_stamp is not null then 'it was cancelled' else b.refused end as refused
       from campaigns c left join books b using (campaign_id) where campaign_id = $1`,
    [campaignId],
  );
  return rows[0];
}

export async function readBookPart(
  db: Queryable,
  campaignId: number,
  part: number,
): Promise<Buffer | undefined> {
  const { rows } = await db.query<{ bytes: Buffer }>(
    'select bytes from book_parts where campaign_id = $1 and part = $2',
    [campaignId, part],
  );
  return rows[0]?.bytes;
}

/**
 * The part with the byte `at` of the book, and the offset at which it begins; undefined if there is none. Reads the sizes of all
 * parts, not their bytes.
 */
export async function findBookPart(
  db: Queryable,
  campaignId: number,
  at: number,
): Promise<{ readonly part: number; readonly from: number } | undefined> {
  const { rows } = await db.query<{ part: number; from: number }>(
    `select part, "from"
       from (select part, octet_length(bytes) as bytes,
                    sum(octet_length(bytes)) over (order by part) - octet_length(bytes) as "from"
               from book_parts where campaign_id = $1) as parts
      where "from" <= $2 and $2 < "from" + bytes`,
    [campaignId, at],
  );
  return rows[0];
}
