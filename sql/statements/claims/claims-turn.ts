/** The statement that finds how much of claims, withdrawals and deadlines is due, so that a turn is bounded. */
import type { Queryable } from '../../database.ts';
import { type Campaign, opensAtUs } from '../campaigns/campaigns.ts';

/** Instants of due decisions, microseconds since the epoch; null if there are not that many. */
export interface DueInstants {
  readonly firstUs: number | null;
  /** The instant of the first one that is too many. */
  readonly tooManyUs: number | null;
}

/** What there is to do where there are claims, as of one moment in a step, which has the campaign's row. */
export interface DueClaims extends DueInstants {
  /** Entries are due that are not settled. */
  readonly anyEntries: boolean;
  /** A serial that lapsed or was declined in an earlier step has not been passed on. */
  readonly anyFreed: boolean;
}

/**
 * When the first `most` + 1 are due among: claims and withdrawals of claimants stamped up to `through`, and offers to be
 * claimed by `lapseUs`. A request after the deadline of an open offer that does not lapse yet waits for that deadline, and
 * does not count: otherwise turns would find nothing but waiting requests.
 */
export async function readDueInstants(
  db: Queryable,
  campaign: Campaign,
  due: {
    readonly through: number;
    /** The greatest due stamp of an entry. */
    readonly entriesThrough: number;
    readonly lapseUs: number;
    readonly most: number;
  },
): Promise<DueClaims> {
  const { rows } = await db.query<DueClaims>({
    name: 'read_due_instants',
    text: `with claimed as (
       select $3::bigint + c.stamp / 1024 as at_us
         from claims c
         left join claimants k on k.campaign_id = $1 and k.user_id = c.user_id
        where c.campaign_id = $1 and not c.decided and c.stamp <= $2
          and (k.state is distinct from 'offered' or k.claim_by_us + $4::bigint <= $5
               or $3 + c.stamp / 1024 <= k.claim_by_us + $4)
        order by c.stamp limit $6
     ), leaving as (
       select $3::bigint + w.stamp / 1024 as at_us
         from withdrawals w
         join claimants k on k.campaign_id = $1 and k.user_id = w.user_id
        where w.campaign_id = $1 and w.honoured is null and w.stamp <= $2
          and (k.state <> 'offered' or k.claim_by_us + $4::bigint <= $5 or $3 + w.stamp / 1024 <= k.claim_by_us + $4)
        order by w.stamp limit $6
     ), lapsing as (
       select claim_by_us + $4::bigint as at_us
         from claimants
        where campaign_id = $1 and state = 'offered' and claim_by_us <= $5 - $4::bigint
        order by claim_by_us limit $6
     ), due as (
       select at_us, row_number() over (order by at_us) as number
         from (select * from claimed union all select * from leaving union all select * from lapsing) as each
     )
     select min(at_us) as "firstUs", min(at_us) filter (where number = $6) as "tooManyUs",
            -- By the indexes that read_turn and read_freed go by: 'exists' could be planned to look through all of a campaign.
            (select min(stamp) from entries where campaign_id = $1 and stamp > $7 and stamp <= $8) is not null as "anyEntries",
            (select min(move_number) from claimants
              where campaign_id = $1 and state in ('lapsed', 'declined') and not is_passed_on) is not null as "anyFreed"
       from due`,
    values: [
      campaign.campaignId,
      due.through,
      opensAtUs(campaign),
      campaign.outageUs,
      due.lapseUs,
      due.most + 1,
      campaign.settledStamp,
      due.entriesThrough,
    ],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('an aggregate gave no row');
  return row;
}
