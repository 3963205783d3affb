/** Statements on alternates: who replaces winners, and the prizes passed on to them. */
import { type Pool, type Queryable, transaction } from '../../database.ts';
import { bigintArray, textArray } from '../arrays.ts';

/** Inserts alternates in the order of the draw; `waitlistPosition` of the first is `from`, counted from 1. */
export async function insertAlternates(
  db: Queryable,
  campaignId: number,
  from: number,
  userIds: readonly string[],
): Promise<void> {
  if (userIds.length === 0) return;
  await db.query({
    name: 'insert_alternates',
    text: `insert into alternates (campaign_id, waitlist_position, user_id)
     select $1, waitlist_position, user_id from unnest($2::bigint[], $3::text[]) as drawn (waitlist_position, user_id)`,
    values: [campaignId, bigintArray(userIds.map((_, index) => from + index)), textArray(userIds)],
  });
}

export interface PassOn {
  readonly serial: number;
  /** The holder of the prize, as far as the caller knows; undefined: the user who was drawn for it. */
  readonly holder: string | undefined;
  readonly reason: string;
  /** The code of the new grant. */
  readonly code: string;
}

export interface PassedOn {
  readonly serial: number;
  readonly tier: number | null;
  /** The position of the alternate who has it now, from 1. */
  readonly waitlistPosition: number;
  readonly userId: string;
  readonly passedFrom: string;
}

/** Why a prize was not passed on. `holder` has it. */
export type PassOnRefusal =
  | {
      readonly why:
        | 'unknown campaign'
        | 'not drawn'
        | 'no such serial'
        | 'no alternate'
        /** Its offer ends with a deadline, which can be brought forward: see claims/claims.ts. */
        | 'has a deadline';
    }
  | { readonly why: 'another holder'; readonly holder: string };

/**
 * Passes the prize with this serial on to the next alternate: same serial and tier, another code. Does nothing if the holder
 * is not the one the caller names, so a repeated call passes nothing on twice.
 */
export async function passOn(
  pool: Pool,
  campaignId: number,
  { serial, holder, reason, code }: PassOn,
  inTransaction: typeof transaction = transaction,
): Promise<PassedOn | PassOnRefusal> {
  return await inTransaction(pool, async client => {
    // Waits for other transactions that pass prizes of this campaign on.
    const campaigns = await client.query<{ isDrawn: boolean; hasClaims: boolean }>(
      `select kind = 'raffle' and finished_at is not null as "isDrawn", claim_within_s is not null as "hasClaims"
         from campaigns where campaign_id = $1 for no key update`,
      [campaignId],
    );
    const [campaign] = campaigns.rows;
    if (campaign === undefined) return { why: 'unknown campaign' };
    if (campaign.hasClaims) return { why: 'has a deadline' };
    if (!campaign.isDrawn) return { why: 'not drawn' };
    const grants = await client.query<{ userId: string; isFirst: boolean }>(
      `select user_id as "userId",
              not exists (select from passed_on p where p.campaign_id = $1 and p.serial = $2) as "isFirst"
         from grants where campaign_id = $1 and serial = $2`,
      [campaignId, serial],
    );
    const [grant] = grants.rows;
    if (grant === undefined) return { why: 'no such serial' };
    const isMeant = holder === undefined ? grant.isFirst : holder === grant.userId;
    if (!isMeant) return { why: 'another holder', holder: grant.userId };
    const [passed] = await passToNext(client, campaignId, [{ serial, holder: grant.userId, reason, code }]);
    if (passed === undefined) return { why: 'no alternate' };
    await client.query(
      'update campaigns set redrawn_count = redrawn_count + 1, redrawn_at = now() where campaign_id = $1',
      [campaignId],
    );
    return passed;
  });
}

/** What is to be passed on: from whom, and why. */
export interface FreedSerial {
  readonly serial: number;
  readonly holder: string;
  readonly reason: string;
}

/** Under which new code. */
export interface Freed extends FreedSerial {
  readonly code: string;
}

/** The head of a statement with the values of `freedValues`: `granted` is what it has passed on, in turns from 1. */
export const PASSED_ON = `with freed as (
       select * from unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) with ordinality
                  as freed (serial, holder, reason, code, turn)
     ), next as (
       select a.waitlist_position, a.user_id, row_number() over (order by a.waitlist_position) as turn
         from (select a.waitlist_position, a.user_id
                 from alternates a left join claimants k using (campaign_id, user_id)
                where a.campaign_id = $1 and coalesce(k.state, 'waitlisted') = 'waitlisted'
                  and a.waitlist_position > coalesce(
                        (select max(p.waitlist_position) from passed_on p where p.campaign_id = $1), 0)
                order by a.waitlist_position limit $6) as a
     ), passed as (
       insert into passed_on (campaign_id, waitlist_position, serial, user_id, reason)
       select $1, next.waitlist_position, freed.serial, freed.holder, freed.reason from freed join next using (turn)
     ), granted as (
       update grants g set user_id = next.user_id, code = freed.code, granted_at = now()
         from freed join next using (turn)
        where g.campaign_id = $1 and g.serial = freed.serial
       returning g.serial, g.tier, next.waitlist_position, next.turn, g.user_id, freed.holder
     )`;

/** For PASSED_ON: $1 to $6. */
export function freedValues(campaignId: number, freed: readonly Freed[]): readonly unknown[] {
  return [
    campaignId,
    bigintArray(freed.map(({ serial }) => serial)),
    textArray(freed.map(({ holder }) => holder)),
    textArray(freed.map(({ reason }) => reason)),
    textArray(freed.map(({ code }) => code)),
    freed.length,
  ];
}

/**
 * Passes serials on, in this order, to the next users who wait and have not left, each under its new code. A serial for which
 * nobody is left stays where it is. Returns what was passed on, in order; the caller, who has locked the campaign's row, counts
 * it there.
 */
async function passToNext(
  db: Queryable,
  campaignId: number,
  freed: readonly Freed[],
): Promise<readonly PassedOn[]> {
  const { rows } = await db.query<PassedOn>(
    `${PASSED_ON}
     select serial, tier, waitlist_position as "waitlistPosition", user_id as "userId", holder as "passedFrom"
       from granted order by waitlist_position`,
    [...freedValues(campaignId, freed)],
  );
  return rows;
}

/** A prize that was passed on: the previous holder and the new one. */
export interface Redrawn {
  readonly waitlistPosition: number;
  readonly passedFrom: string;
  readonly serial: number;
  readonly userId: string;
  readonly code: string;
}

/** Prizes passed on to alternates after the position `after`, at most `limit`. */
export async function readRedrawn(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly Redrawn[]> {
  const { rows } = await db.query<Redrawn>(
    `select p.waitlist_position as "waitlistPosition", p.user_id as "passedFrom", g.serial, g.user_id as "userId", g.code
       from passed_on p join grants g using (campaign_id, serial)
      where p.campaign_id = $1 and p.waitlist_position > $2 order by p.waitlist_position limit $3`,
    [campaignId, after, limit],
  );
  return rows;
}
