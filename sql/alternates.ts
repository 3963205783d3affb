/** Statements on alternates: who stands in for winners, and the prizes that were passed on to them. */
import { bigintArray, textArray } from './arrays.ts';
import { type Pool, type Queryable, transaction } from './database.ts';

/** Inserts alternates in the order of the draw; `place` of the first is `from`, counted from 1. */
export async function insertAlternates(
  db: Queryable,
  campaignId: number,
  from: number,
  userIds: readonly string[],
): Promise<void> {
  if (userIds.length === 0) return;
  await db.query(
    `insert into alternates (campaign_id, place, user_id)
     select $1, place, user_id from unnest($2::bigint[], $3::text[]) as drawn (place, user_id)`,
    [campaignId, bigintArray(userIds.map((_, index) => from + index)), textArray(userIds)],
  );
}

export interface PassOn {
  readonly serial: number;
  /** Who has the prize, as far as the asker knows; undefined: who was drawn for it. */
  readonly holder: string | undefined;
  readonly reason: string;
  /** Of the new grant. */
  readonly code: string;
}

export interface PassedOn {
  readonly serial: number;
  readonly tier: number | null;
  /** Which alternate has it now, from 1. */
  readonly place: number;
  readonly userId: string;
  readonly passedFrom: string;
}

/** Why a prize was not passed on. `holder` is who has it. */
export type PassOnRefusal =
  | { readonly why: 'unknown campaign' | 'not drawn' | 'no such serial' | 'no alternate' }
  | { readonly why: 'another holder'; readonly holder: string };

/**
 * Passes the prize with this serial on to the next alternate: the same serial and tier, another code. Nothing happens
 * where somebody else has it than the asker believes, so a call that is repeated passes nothing on twice.
 */
export async function passOn(
  pool: Pool,
  campaignId: number,
  { serial, holder, reason, code }: PassOn,
  inTransaction: typeof transaction = transaction,
): Promise<PassedOn | PassOnRefusal> {
  return await inTransaction(pool, async client => {
    // Waits for others who pass prizes of this campaign on.
    const campaigns = await client.query<{ isDrawn: boolean; redrawnCount: number }>(
      `select kind = 'raffle' and finished_at is not null as "isDrawn", redrawn_count as "redrawnCount"
         from campaigns where campaign_id = $1 for no key update`,
      [campaignId],
    );
    const [campaign] = campaigns.rows;
    if (campaign === undefined) return { why: 'unknown campaign' };
    if (!campaign.isDrawn) return { why: 'not drawn' };
    const grants = await client.query<{ userId: string; tier: number | null; isFirst: boolean }>(
      `select user_id as "userId", tier,
              not exists (select from passed_on p where p.campaign_id = $1 and p.serial = $2) as "isFirst"
         from grants where campaign_id = $1 and serial = $2`,
      [campaignId, serial],
    );
    const [grant] = grants.rows;
    if (grant === undefined) return { why: 'no such serial' };
    const isMeant = holder === undefined ? grant.isFirst : holder === grant.userId;
    if (!isMeant) return { why: 'another holder', holder: grant.userId };
    const place = campaign.redrawnCount + 1;
    const alternates = await client.query<{ userId: string }>(
      'select user_id as "userId" from alternates where campaign_id = $1 and place = $2',
      [campaignId, place],
    );
    const [next] = alternates.rows;
    if (next === undefined) return { why: 'no alternate' };
    await client.query(
      'insert into passed_on (campaign_id, place, serial, user_id, reason) values ($1, $2, $3, $4, $5)',
      [campaignId, place, serial, grant.userId, reason],
    );
    await client.query(
      'update grants set user_id = $3, code = $4, granted_at = now() where campaign_id = $1 and serial = $2',
      [campaignId, serial, next.userId, code],
    );
    await client.query('update campaigns set redrawn_count = $2, redrawn_at = now() where campaign_id = $1', [
      campaignId,
      place,
    ]);
    return { serial, tier: grant.tier, place, userId: next.userId, passedFrom: grant.userId };
  });
}

/** A prize that was passed on: who no longer has it, and how it stands now. */
export interface Redrawn {
  readonly place: number;
  readonly passedFrom: string;
  readonly serial: number;
  readonly userId: string;
  readonly code: string;
}

/** Prizes that were passed on to alternates behind the place `after`, at most `limit`. */
export async function readRedrawn(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly Redrawn[]> {
  const { rows } = await db.query<Redrawn>(
    `select p.place, p.user_id as "passedFrom", g.serial, g.user_id as "userId", g.code
       from passed_on p join grants g using (campaign_id, serial)
      where p.campaign_id = $1 and p.place > $2 order by p.place limit $3`,
    [campaignId, after, limit],
  );
  return rows;
}
