/** Statements on campaigns: creating, reading and closing them. settling.ts has those that settle them. */
import type { Queryable } from '../../database.ts';
import type { Announcement, DrawRules, NamedMonitor } from './announcement.ts';

export type CampaignKind = 'coupon' | 'raffle' | 'room';

export interface CampaignRoom {
  /** Admissions a second at most, and users inside at most (null: no limit). */
  readonly perSecond: number;
  readonly capacity: number | null;
  readonly paused: boolean;
  /** The total time in which users waited while it admitted: together with grantedCount it gives the actual rate. */
  readonly busyUs: number;
}

/**
 * What operators have decided about a campaign; engine/campaigns/states.ts derives its state from this, its times and
 * settling.
 */
export type Stage = 'draft' | 'scheduled' | 'cancelled' | 'archived';

/** What fans are told of a pause or a cancellation. */
export interface Notice {
  readonly ko: string;
  readonly en: string;
}

/** A change that gateways must confirm, as the board shows it. Instants are microseconds since the epoch. */
export interface PendingChange {
  readonly version: number;
  readonly opensAtUs: number;
  readonly closesAtUs: number;
  readonly paused: boolean;
  readonly cancelled: boolean;
}

export interface Campaign {
  readonly campaignId: number;
  readonly kind: CampaignKind;
  readonly title: string;
  /** How many can win: a coupon's stock, a raffle's winners; for a room, more than will ever come. */
  readonly stock: number;
  readonly opensAt: Date;
  /** No gateway has ever accepted an entry at or after this. */
  readonly closesAt: Date;
  /** An early close, as gateways know it; at or before closesAt. */
  readonly closingAt: Date | null;
  readonly createdAt: Date;
  /** Increases with every change. */
  readonly revision: number;
  readonly settledStamp: number;
  readonly settledCount: number;
  readonly grantedCount: number;
  readonly goneCount: number;
  readonly goneRanked: number;
  readonly frozenAt: Date | null;
  readonly frozenCount: number | null;
  readonly seed: Buffer | null;
  readonly seedSource: string | null;
  readonly finishedAt: Date | null;
  /** Of the announced rules; null for a campaign from before rules were announced. */
  readonly rulesHash: Buffer | null;
  /** A raffle's part of those rules. */
  readonly draw: DrawRules | null;
  /** The monitors that the rules name. */
  readonly monitors: readonly NamedMonitor[] | null;
  readonly poolRoot: Buffer | null;
  /** Prizes that were passed on to alternates. */
  readonly redrawnCount: number;
  readonly stage: Stage;
  /** IANA; for showing times. */
  readonly timeZone: string;
  readonly madeBy: string;
  /** A raffle is not drawn before; null: at its close. */
  readonly drawsAt: Date | null;
  readonly pausedAt: Date | null;
  /** Of its pause or its cancellation; null: fans are told no reason. */
  readonly notice: Notice | null;
  /** Entries with later stamps that were neither drawn nor withdrawn are cancelled. */
  readonly cancelledStamp: number | null;
  /** The version in effect; see campaign-versions.ts. */
  readonly version: number;
  readonly pending: PendingChange | null;
  /** The time to claim a grant, as the rules say; null: a grant is final at once. */
  readonly claimWithinS: number | null;
  /** For a coupon: the length of the waitlist behind the grants. */
  readonly waitlist: number;
  /** How many are on it so far; for a raffle with claims, the number of alternates. */
  readonly waitlistedCount: number;
  /** Moves of claimants so far; see sql/statements/claims/claims.ts. */
  readonly moveCount: number;
  /** By how much outages have extended deadlines, microseconds. */
  readonly outageUs: number;
  /** The outage time that is included in that; null: none was reported yet. */
  readonly outageSeenUs: number | null;
  /**
   * The stock was raised: entries with later stamps, up to settledStamp, had lost and are decided anew before any others. Null:
   * no raise is under way.
   */
  readonly raisedStamp: number | null;
  /** Since when every gateway has known of the raise, microseconds since the epoch. Null: gateways are to be told, or no raise is under way. */
  readonly raisedKnownUs: number | null;
  /** When every entry had its first outcome; claims continue. */
  readonly decidedAt: Date | null;
  /** When it was shelved: Redis holds nothing of it any more; see shelving.ts. */
  readonly shelvedAt: Date | null;
  /** For a room: its public terms. */
  readonly room: CampaignRoom | null;
  /** Whose tokens may use it, besides those that may do everything; null: no shop's. */
  readonly shop: string | null;
  /** Some of what operators do to it waits for a second one; see engine/operators/proposals.ts. */
  readonly twoPerson: boolean;
}

/** The columns of campaigns as members of Campaign, for `select` and `returning`. */
export const CAMPAIGN_COLUMNS = `
  campaign_id as "campaignId", kind, title, places as stock, opens_at as "opensAt", closes_at as "closesAt",
  closing_at as "closingAt", created_at as "createdAt", revision, settled_stamp as "settledStamp",
  settled_count as "settledCount", granted_count as "grantedCount", gone_count as "goneCount",
  gone_ranked as "goneRanked", frozen_at as "frozenAt", frozen_count as "frozenCount", seed,
  seed_source as "seedSource", finished_at as "finishedAt", rules_hash as "rulesHash",
  rules::jsonb -> 'draw' as draw, rules::jsonb -> 'monitors' as monitors, pool_root as "poolRoot", redrawn_count as "redrawnCount", stage, time_zone as "timeZone",
  made_by as "madeBy", draws_at as "drawsAt", paused_at as "pausedAt", notice, cancelled_stamp as "cancelledStamp", version, pending,
  claim_within_s as "claimWithinS", waitlist, waitlisted_count as "waitlistedCount", move_count as "moveCount",
  outage_us as "outageUs", outage_seen_us as "outageSeenUs", decided_at as "decidedAt", raised_stamp as "raisedStamp", raised_known_us as "raisedKnownUs",
  shelved_at as "shelvedAt", shop, two_person as "twoPerson",
  (select json_build_object('perSecond', per_second, 'capacity', capacity, 'paused', paused, 'busyUs', busy_us)
     from rooms where rooms.campaign_id = campaigns.campaign_id) as room`;

/** Microseconds since the epoch; stamps count from here. */
export function opensAtUs(campaign: Pick<Campaign, 'opensAt'>): number {
  return campaign.opensAt.getTime() * 1000;
}

/** The instant before which gateways accept entries, as they know it; microseconds since the epoch. */
export function admissionEndsAtUs(campaign: Pick<Campaign, 'closesAt' | 'closingAt'>): number {
  return (campaign.closingAt ?? campaign.closesAt).getTime() * 1000;
}

export interface NewCampaign {
  readonly kind: CampaignKind;
  readonly title: string;
  readonly stock: number;
  readonly opensAt: Date;
  readonly closesAt: Date;
  /** Absent: 'scheduled'. A draft is shown to nobody. */
  readonly stage?: 'draft' | 'scheduled';
  /** Absent: UTC. */
  readonly timeZone?: string;
  /** For a raffle; absent: at its close. */
  readonly drawsAt?: Date | null;
  /** For a draft: what will be announced with it. */
  readonly draftTerms?: unknown;
  /** The account that creates it; absent: the operator. */
  readonly madeBy?: string;
  /** Absent: no shop's. */
  readonly shop?: string | null;
  /** Absent: no. */
  readonly twoPerson?: boolean;
}

/** Creates a campaign, with what `announce` returns for its id. */
export async function createCampaign(
  db: Queryable,
  campaign: NewCampaign,
  announce: (campaignId: number) => Announcement | undefined = () => undefined,
): Promise<Campaign> {
  const {
    kind,
    title,
    stock,
    opensAt,
    closesAt,
    stage,
    timeZone,
    drawsAt,
    draftTerms,
    madeBy,
    shop,
    twoPerson,
  } = campaign;
  const ids = await db.query<{ campaignId: number }>(
    `select nextval(pg_get_serial_sequence('campaigns', 'campaign_id'))::integer as "campaignId"`,
  );
  const campaignId = ids.rows[0]?.campaignId;
  if (campaignId === undefined) throw new Error('the sequence of campaigns gave no id');
  const announced = announce(campaignId);
  const { rows } = await db.query<Campaign>(
    `insert into campaigns (campaign_id, kind, title, places, opens_at, closes_at, rules, nonce, stage, time_zone,
                            draws_at, draft_terms, made_by, shop, two_person)
     overriding system value values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
     returning ${CAMPAIGN_COLUMNS}`,
    [
      campaignId,
      kind,
      title,
      stock,
      opensAt,
      closesAt,
      announced?.rules ?? null,
      announced?.nonce ?? null,
      stage ?? 'scheduled',
      timeZone ?? 'UTC',
      drawsAt ?? null,
      draftTerms === undefined ? null : JSON.stringify(draftTerms),
      madeBy ?? 'operator',
      shop ?? null,
      twoPerson ?? false,
    ],
  );
  const [created] = rows;
  if (created === undefined) throw new Error('insert into campaigns returned no row');
  return created;
}

/** No campaign has an id beyond integer, and none below 1. */
const GREATEST_ID = 2 ** 31 - 1;

export async function getCampaign(db: Queryable, campaignId: number): Promise<Campaign | undefined> {
  if (campaignId > GREATEST_ID) return undefined;
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns where campaign_id = $1`,
    [campaignId],
  );
  return rows[0];
}

/** For a draft: what will be announced with it, as given; undefined for any other campaign. */
export async function readDraftTerms(db: Queryable, campaignId: number): Promise<unknown> {
  const { rows } = await db.query<{ draftTerms: unknown }>(
    'select draft_terms as "draftTerms" from campaigns where campaign_id = $1',
    [campaignId],
  );
  return rows[0]?.draftTerms ?? undefined;
}

/** Campaigns with a greater id than `after`, by id, at most `limit`. */
export async function listCampaigns(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly Campaign[]> {
  if (page.after > GREATEST_ID) return [];
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns where campaign_id > $1 order by campaign_id limit $2`,
    [page.after, page.limit],
  );
  return rows;
}

/**
 * The first half of an early close: records when gateways must stop accepting entries. Undefined if there is nothing to
 * record: the campaign does not exist, was told to close earlier, closes by itself no later, has not opened by then, is a
 * draft or was cancelled. It is a version like every other change.
 */
export async function beginClose(
  db: Queryable,
  campaignId: number,
  closingAt: Date,
  attribution: { readonly by?: string; readonly reason?: string | null } = {},
): Promise<Campaign | undefined> {
  const { rows } = await db.query<Campaign>(
    `update campaigns set closing_at = $2, closing_by = $3, closing_reason = $4
      where campaign_id = $1 and closing_at is null and opens_at < $2 and closes_at > $2 and stage = 'scheduled'
     returning ${CAMPAIGN_COLUMNS}`,
    [campaignId, closingAt, attribution.by ?? null, attribution.reason ?? null],
  );
  return rows[0];
}

/**
 * The second half: `knownBy` is an instant at which every gateway must know of closing_at. From then on no entry can be
 * accepted, so closes_at moves down to it, but not below closing_at. Undefined if it was done before.
 */
export async function completeClose(
  db: Queryable,
  campaignId: number,
  knownBy: Date,
): Promise<Campaign | undefined> {
  const { rows } = await db.query<Campaign>(
    `update campaigns set closes_at = greatest(closing_at, $2)
      where campaign_id = $1 and closing_at < closes_at and greatest(closing_at, $2) < closes_at
        and frozen_at is null
     returning ${CAMPAIGN_COLUMNS}`,
    [campaignId, knownBy],
  );
  return rows[0];
}

/** Campaigns of which gateways may still have to be told something: an early close that is not completed, or a raise that is not known. */
export async function listUntold(db: Queryable): Promise<readonly Campaign[]> {
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns
      where (closing_at < closes_at and frozen_at is null)
         or (raised_stamp is not null and raised_known_us is null and cancelled_stamp is null) order by campaign_id`,
  );
  return rows;
}

/** Notes since when every gateway has known of the raise to this stock; does nothing if it was raised again, or is noted. */
export async function noteRaiseKnown(
  db: Queryable,
  campaignId: number,
  stock: number,
  knownUs: number,
): Promise<void> {
  await db.query(
    `update campaigns set raised_known_us = $3
      where campaign_id = $1 and places = $2 and raised_stamp is not null and raised_known_us is null`,
    [campaignId, stock, knownUs],
  );
}
