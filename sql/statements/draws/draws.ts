/** Statements on draws: the announcement, the frozen pool, the randomness, and the proof. */
import type { Queryable } from '../../database.ts';
import type { Announcement } from '../campaigns/announcement.ts';
import { CAMPAIGN_COLUMNS, type Campaign } from '../campaigns/campaigns.ts';
import type { StampRange } from '../entries/entries.ts';

/** Running campaigns that were created before rules were announced. A room has none: its terms may change. */
export async function listUnannounced(db: Queryable): Promise<readonly Campaign[]> {
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns
      where rules is null and kind <> 'room' and finished_at is null and stage <> 'draft' order by campaign_id`,
  );
  return rows;
}

/** Announces rules if there are none; returns whether there were none. */
export async function saveAnnouncement(
  db: Queryable,
  campaignId: number,
  { rules, nonce }: Announcement,
): Promise<boolean> {
  const { rowCount } = await db.query(
    'update campaigns set rules = $2, nonce = $3 where campaign_id = $1 and rules is null',
    [campaignId, rules, nonce],
  );
  return rowCount === 1;
}

/** The state of a raffle's draw so far. */
export interface DrawState {
  readonly rules: string | null;
  readonly nonce: Buffer | null;
  readonly poolRoot: Buffer | null;
  /** Entries of the frozen pool. */
  readonly poolCount: number | null;
  readonly randomness: Buffer | null;
  /** The round's signature, if the source is drand. */
  readonly signature: Buffer | null;
  /** The round that was used, if it is another than the announced one; else null. */
  readonly drandRound: number | null;
  readonly seed: Buffer | null;
  readonly frozenAt: Date | null;
  /** How much of the drawing is written, each from the first on: winners, alternates, and parts of the proof. */
  readonly winnersWritten: number;
  readonly alternatesWritten: number;
  readonly partsWritten: number;
  /** How often the stock was raised; 0 unless it is a coupon. */
  readonly raises: number;
}

export async function readDrawState(db: Queryable, campaignId: number): Promise<DrawState | undefined> {
  const { rows } = await db.query<DrawState>(
    `select rules, nonce, pool_root as "poolRoot", frozen_count as "poolCount", randomness, signature,
            drand_round as "drandRound", seed, frozen_at as "frozenAt",
            (select coalesce(max(serial), 0) from grants where campaign_id = $1) as "winnersWritten",
            (select coalesce(max(waitlist_position), 0) from alternates where campaign_id = $1) as "alternatesWritten",
            (select count(*)::integer from stock_raises where campaign_id = $1) as raises,
            (select coalesce(max(part) + 1, 0) from draw_proofs where campaign_id = $1) as "partsWritten"
       from campaigns where campaign_id = $1`,
    [campaignId],
  );
  return rows[0];
}

/** An entry of the pool, with its terms as settled before the freeze. */
export interface PoolRow {
  readonly userId: string;
  readonly stamp: number;
  /** The source of its instant: 0 the gateway's own clock, 1 a proxy. */
  readonly source: 0 | 1;
  readonly tickets: number;
  readonly group: string | null;
  /** Why it is excluded; null: it is not. */
  readonly excluded: string | null;
}

/**
 * The entrants of the pool in a range of entries, at most `limit`. The stamp contains their source: timestamps of a proxy
 * are odd and openings are whole milliseconds, so such a stamp is odd above the gateway's ten bits.
 */
export async function readPool(db: Queryable, page: StampRange): Promise<readonly PoolRow[]> {
  const { rows } = await db.query<PoolRow>(
    `select e.user_id as "userId", e.stamp, ((e.stamp >> 10) & 1)::integer as source,
            coalesce(t.tickets, 1) as tickets, t.user_group as "group", t.excluded
       from entries e
       left join withdrawals w on w.campaign_id = e.campaign_id and w.user_id = e.user_id and w.honoured
       left join entrant_terms t on t.campaign_id = e.campaign_id and t.user_id = e.user_id
      where e.campaign_id = $1 and e.stamp > $2 and e.stamp <= $3 and w.user_id is null
      order by e.stamp limit $4`,
    [page.campaignId, page.after, page.through, page.limit],
  );
  return rows;
}

/** Closes a raffle's pool: from now on no entry is added or removed, and no terms change. */
export async function closePool(db: Queryable, campaignId: number, goneCount: number): Promise<void> {
  await db.query(
    'update campaigns set frozen_at = clock_timestamp(), gone_count = $2 where campaign_id = $1 and frozen_at is null',
    [campaignId, goneCount],
  );
}

/**
 * Freezes a closed pool. It counts as frozen now, by the current clock and not by the transaction's beginning: this instant
 * decides which round of drand may be used, and before it nothing showed the content of the pool.
 */
export async function saveFrozen(
  db: Queryable,
  campaignId: number,
  frozen: { readonly poolCount: number; readonly poolRoot: Buffer },
): Promise<void> {
  await db.query(
    `update campaigns set frozen_at = clock_timestamp(), frozen_count = $2, pool_root = $3
      where campaign_id = $1 and frozen_at is not null`,
    [campaignId, frozen.poolCount, frozen.poolRoot],
  );
}

export interface Revealed {
  readonly source: 'commit' | 'drand';
  readonly randomness: Buffer;
  readonly signature: Buffer | null;
  /** For drand. */
  readonly round: number | null;
  readonly seed: Buffer;
}

/**
 * Records a raffle's randomness and seed, once: returns false if it has them, or was cancelled. The draw may use them only
 * after the commit. The ledger refuses them before the freeze.
 */
export async function saveRevealed(db: Queryable, campaignId: number, revealed: Revealed): Promise<boolean> {
  const { rowCount } = await db.query(
    `update campaigns set randomness = $2, signature = $3, seed = $4, seed_source = $5, drand_round = $6
      where campaign_id = $1 and seed is null and cancelled_stamp is null`,
    [campaignId, revealed.randomness, revealed.signature, revealed.seed, revealed.source, revealed.round],
  );
  return rowCount === 1;
}

/** Writes parts of a proof; the first has the number `from`. */
export async function insertProof(
  db: Queryable,
  campaignId: number,
  parts: Iterable<string>,
  from: number,
): Promise<void> {
  let part = from;
  for (const text of parts) {
    await db.query('insert into draw_proofs (campaign_id, part, text) values ($1, $2, $3)', [
      campaignId,
      part,
      text,
    ]);
    part += 1;
  }
}

/** A drawing is written in turns, and its proof is shown only when it is complete. */
const IS_DRAWN =
  'exists (select from campaigns where campaign_id = $1 and coalesce(decided_at, finished_at) is not null)';

/** The parts of a proof from `part` on, in order, at most `limit`; none if nothing was drawn. */
export async function readProof(
  db: Queryable,
  campaignId: number,
  part: number,
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await db.query<{ text: string }>(
    `select text from draw_proofs where campaign_id = $1 and part >= $2 and ${IS_DRAWN} order by part limit $3`,
    [campaignId, part, limit],
  );
  return rows.map(({ text }) => text);
}

/** The size of a proof in UTF-8; 0 if nothing was drawn. */
export async function readProofBytes(db: Queryable, campaignId: number): Promise<number> {
  const { rows } = await db.query<{ bytes: number }>(
    `select coalesce(sum(octet_length(text)), 0)::bigint as bytes from draw_proofs
      where campaign_id = $1 and ${IS_DRAWN}`,
    [campaignId],
  );
  return rows[0]?.bytes ?? 0;
}

/** One part of a proof, in UTF-8. */
export async function readProofPart(
  db: Queryable,
  campaignId: number,
  part: number,
): Promise<Buffer | undefined> {
  const [text] = await readProof(db, campaignId, part, 1);
  return text === undefined ? undefined : Buffer.from(text, 'utf8');
}
