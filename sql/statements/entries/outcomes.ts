/** Statements on the outcomes of entries: a page of them, all of them, and their counts. */
import type { Pool, Queryable } from '../../database.ts';
import { textArray } from '../arrays.ts';
import type { CampaignKind } from '../campaigns/campaigns.ts';

/** With claims, granted and won mean claimed. */
export const OUTCOMES = [
  'granted',
  'won',
  'withdrawn',
  'waiting',
  'sold_out',
  'not_drawn',
  'cancelled',
  'waitlisted',
  'offered',
  'lapsed',
  'declined',
  'admitted',
  'skipped',
] as const;
/** The outcomes that have a serial. */
const WITH_SERIAL: readonly string[] = ['granted', 'won', 'offered', 'admitted'];
export type Outcome = (typeof OUTCOMES)[number];

export interface EntryOutcome {
  readonly userId: string;
  readonly stamp: number;
  readonly outcome: Outcome;
  readonly serial: number | null;
  readonly code: string | null;
  readonly grantedAt: Date | null;
  /** The deadline of a present or past offer; microseconds since the epoch. */
  readonly claimByUs: number | null;
  /** When it was claimed, lapsed or declined, or the waiting user left. */
  readonly endedUs: number | null;
}

/** An outcome that never changes, unless the operator passes a prize on. */
export interface FinalOutcome {
  readonly userId: string;
  readonly stamp: number;
  readonly outcome: 'granted' | 'won' | 'withdrawn' | 'sold_out' | 'not_drawn' | 'cancelled';
  readonly serial: number | null;
  readonly code: string | null;
}

/**
 * The final outcomes of those of these users who have one: in a coupon once they are settled, in a raffle at its end. Not for
 * rooms and campaigns with claims, where an outcome alone does not tell enough.
 */
export async function readFinalOutcomes(
  db: Queryable,
  campaignId: number,
  userIds: readonly string[],
): Promise<readonly FinalOutcome[]> {
  const { rows } = await db.query<FinalOutcome>(
    `select o.user_id as "userId", o.stamp, o.outcome, o.serial, o.code
       from entry_outcomes o
       join campaigns c on c.campaign_id = o.campaign_id
      where o.campaign_id = $1 and o.user_id = any ($2::text[]) and o.outcome <> 'waiting' and c.claim_within_s is null
        and (c.kind = 'coupon' and o.stamp <= c.settled_stamp or c.kind <> 'room' and c.finished_at is not null)`,
    [campaignId, textArray(userIds)],
  );
  return rows;
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
  // Stated beside the outcome where possible, this lets Postgres begin with the few grants instead of all entries.
  const isGrant =
    page.outcome !== undefined && WITH_SERIAL.includes(page.outcome) ? 'and serial is not null' : '';
  const { rows } = await db.query<EntryOutcome>(
    `select user_id as "userId", stamp, outcome, serial, code, granted_at as "grantedAt", claim_by_us as "claimByUs",
            ended_us as "endedUs"
       from entry_outcomes
      where campaign_id = $1 and stamp > $2 and ($3::text is null or outcome = $3) ${isGrant}
      order by stamp limit $4`,
    [page.campaignId, page.after, page.outcome ?? null, page.limit],
  );
  return rows;
}

/** Rows per round trip: more would gain nothing, and would stay in memory while a slow reader takes them. */
const CHUNK_ROWS = 2_000;

/**
 * All entries of a campaign with their outcomes, in stamp order, in chunks, all as of one moment. Uses one connection of the
 * pool until the last chunk is taken or the generator returns.
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
  // While no query is running, only this event reports a lost connection.
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
  /** Whether grants and prizes must be claimed. */
  readonly hasClaims: boolean;
  /** Coupons granted, winners drawn, or users admitted; with claims, those that were claimed. */
  readonly granted: number;
  readonly withdrawn: number;
  readonly waiting: number;
  /** Waiting when the campaign was cancelled. */
  readonly cancelled: number;
  /** With claims: users who are still on the waitlist. */
  readonly waitlisted: number;
  readonly offered: number;
  readonly lapsed: number;
  readonly declined: number;
  /** Decided, and none of the others: sold out, or not drawn; in a room, skipped at the moment. */
  readonly lost: number;
  /** Dead letters of the whole log; one that cannot be read does not show its campaign. */
  readonly deadLetters: number;
}

/**
 * Counts the entries of a campaign by outcome, all at one moment; for one whose entries are in an archive, the counts from
 * then. Undefined if there is no such campaign.
 */
export async function readTotals(db: Queryable, campaignId: number): Promise<Totals | undefined> {
  const { rows } = await db.query<{ totals: Totals }>('select totals from archives where campaign_id = $1', [
    campaignId,
  ]);
  return rows[0]?.totals ?? (await countTotals(db, campaignId));
}

/** For a grant of campaign `c`: the drawing of a raffle is written in turns, but shown only when complete. */
export const IS_SHOWN = `(c.kind <> 'raffle' or c.granted_count > 0)`;

async function countTotals(db: Queryable, campaignId: number): Promise<Totals | undefined> {
  const { rows } = await db.query<Totals>(
    `with counted as (
       select c.kind, c.claim_within_s is not null as "hasClaims",
              (select count(*) from entries e where e.campaign_id = c.campaign_id) as entries,
              case when c.claim_within_s is null
                then (select count(*) from grants g where g.campaign_id = c.campaign_id and ${IS_SHOWN}) else k.claimed end as granted,
              k."left" + (select count(*) from withdrawals w
                 join entries e using (campaign_id, user_id)
                where w.campaign_id = c.campaign_id and w.honoured) as withdrawn,
              case when c.finished_at is null then k.waitlisted else 0 end as waitlisted, k.offered, k.lapsed, k.declined,
              (select count(*) from entries e
                where e.campaign_id = c.campaign_id
                  and case when c.kind = 'room'
                           then not exists (select from room_people p where p.campaign_id = e.campaign_id
                                               and p.user_id = e.user_id and p.state = 'skipped'
                                               and c.cancelled_stamp is null)
                           else e.stamp > coalesce(c.cancelled_stamp, c.settled_stamp) end
                  and not exists (select from grants g
                                   where g.campaign_id = e.campaign_id and g.user_id = e.user_id and ${IS_SHOWN})
                  and not exists (select from withdrawals w
                                   where w.campaign_id = e.campaign_id and w.user_id = e.user_id and w.honoured)
              ) as undecided,
              c.cancelled_stamp is not null as "isCancelled",
              (select count(*) from dead_letters) as "deadLetters"
         from campaigns c
        cross join lateral (
          select count(*) filter (where state = 'claimed') as claimed, count(*) filter (where state = 'left') as "left",
                 count(*) filter (where state = 'waitlisted') as waitlisted, count(*) filter (where state = 'offered') as offered,
                 count(*) filter (where state = 'lapsed') as lapsed, count(*) filter (where state = 'declined') as declined
            from claimants where campaign_id = c.campaign_id) as k
        where c.campaign_id = $1
     )
     select kind, "hasClaims", entries, granted, withdrawn, "deadLetters", waitlisted, offered, lapsed, declined,
            entries - granted - withdrawn - undecided - waitlisted - offered - lapsed - declined as lost,
            case when "isCancelled" then 0 else undecided end as waiting,
            case when "isCancelled" then undecided else 0 end as cancelled
       from counted`,
    [campaignId],
  );
  return rows[0];
}
