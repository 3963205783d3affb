/**
 * Statements on the outcomes of entries: a page of them, all of them, and how many there are of each.
 */
import type { CampaignKind } from './campaigns.ts';
import type { Pool, Queryable } from './database.ts';

export const OUTCOMES = [
  'granted',
  'won',
  'withdrawn',
  'waiting',
  'sold_out',
  'not_drawn',
  'cancelled',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface EntryOutcome {
  readonly userId: string;
  readonly stamp: number;
  readonly outcome: Outcome;
  readonly serial: number | null;
  readonly code: string | null;
  readonly grantedAt: Date | null;
}

export interface OutcomePage {
  readonly campaignId: number;
  /** Entries with a greater stamp; -1 for the first page. */
  readonly after: number;
  readonly limit: number;
  /** Only entries with this outcome. */
  readonly outcome?: Outcome | undefined;
}

/** Entries with their outcomes in stamp order, at most `limit`. */
export async function listOutcomes(db: Queryable, page: OutcomePage): Promise<readonly EntryOutcome[]> {
  // Said beside the outcome where it can be, this lets Postgres begin with the few grants in place of all entries.
  const isGrant = page.outcome === 'granted' || page.outcome === 'won' ? 'and serial is not null' : '';
  const { rows } = await db.query<EntryOutcome>(
    `select user_id as "userId", stamp, outcome, serial, code, granted_at as "grantedAt"
       from entry_outcomes
      where campaign_id = $1 and stamp > $2 and ($3::text is null or outcome = $3) ${isGrant}
      order by stamp limit $4`,
    [page.campaignId, page.after, page.outcome ?? null, page.limit],
  );
  return rows;
}

/** Rows a round trip: more would gain nothing, and are held in memory while a slow reader takes them. */
const CHUNK_ROWS = 2_000;

/**
 * All entries of a campaign with their outcomes, in stamp order, chunk by chunk, all as they were at one moment. Takes
 * one connection of the pool until the last chunk was taken or the generator is returned.
 */
export async function* streamOutcomes(
  pool: Pool,
  campaignId: number,
  outcome?: Outcome,
): AsyncGenerator<readonly EntryOutcome[], void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const remember = (error: Error): void => {
    broken = error;
  };
  // While nothing is asked of it, a lost connection is told by this event alone.
  client.on('error', remember);
  try {
    await client.query('begin isolation level repeatable read read only');
    let after = -1;
    for (;;) {
      const chunk = await listOutcomes(client, { campaignId, after, limit: CHUNK_ROWS, outcome });
      if (chunk.length > 0) yield chunk;
      const last = chunk.at(-1);
      if (last === undefined || chunk.length < CHUNK_ROWS) break;
      after = last.stamp;
    }
  } finally {
    await client.query('rollback').catch(remember);
    client.off('error', remember);
    client.release(broken);
  }
}

export interface Totals {
  readonly kind: CampaignKind;
  readonly entries: number;
  /** Coupons granted, or winners drawn. */
  readonly granted: number;
  readonly withdrawn: number;
  readonly waiting: number;
  /** Waited when the campaign was cancelled. */
  readonly cancelled: number;
  /** Decided, and none of these: sold out, or not drawn. */
  readonly lost: number;
  /** Records and items of the whole log that were set aside; one that cannot be read does not tell its campaign. */
  readonly setAside: number;
}

/** Counts the entries of a campaign by outcome, all at one moment; undefined when there is no such campaign. */
export async function readTotals(db: Queryable, campaignId: number): Promise<Totals | undefined> {
  const { rows } = await db.query<Totals>(
    `with counted as (
       select c.kind,
              (select count(*) from entries e where e.campaign_id = c.campaign_id) as entries,
              (select count(*) from grants g where g.campaign_id = c.campaign_id) as granted,
              (select count(*) from withdrawals w
                 join entries e using (campaign_id, user_id)
                where w.campaign_id = c.campaign_id and w.honoured) as withdrawn,
              (select count(*) from entries e
                where e.campaign_id = c.campaign_id
                  and e.stamp > coalesce(c.cancelled_stamp, c.settled_stamp)
                  and not exists (select from grants g
                                   where g.campaign_id = e.campaign_id and g.user_id = e.user_id)
                  and not exists (select from withdrawals w
                                   where w.campaign_id = e.campaign_id and w.user_id = e.user_id and w.honoured)
              ) as undecided,
              c.cancelled_stamp is not null as "isCancelled",
              (select count(*) from set_aside) as "setAside"
         from campaigns c where c.campaign_id = $1
     )
     select kind, entries, granted, withdrawn, "setAside", entries - granted - withdrawn - undecided as lost,
            case when "isCancelled" then 0 else undecided end as waiting,
            case when "isCancelled" then undecided else 0 end as cancelled
       from counted`,
    [campaignId],
  );
  return rows[0];
}
