/**
 * Statements on the versions of campaigns: who requested what, what gateways must confirm first, and the decision. A
 * campaign has at most one pending version, which is decided once; engine/campaigns/change.ts explains by what.
 */
import {
  type Pool,
  type Queryable,
  TransactionLost,
  transaction,
  transactionWithin,
} from '../../database.ts';
import type { Role } from '../operators/operator-tokens.ts';
import {
  CAMPAIGN_COLUMNS,
  type Campaign,
  type Notice,
  opensAtUs,
  type PendingChange,
  type Stage,
} from './campaigns.ts';
import { waitForCampaign } from './settling.ts';

export type VersionAction =
  | 'make'
  | 'edit'
  | 'announce'
  | 'pause'
  | 'resume'
  | 'cancel'
  | 'close'
  | 'archive'
  | 'raise';

/** Why a version did not take effect. */
export const REFUSALS = ['too_near', 'passed', 'gateway_silent', 'redis_away', 'changed'] as const;
export type RefusalReason = (typeof REFUSALS)[number];

/** The campaign's terms under a version. */
export interface Target {
  readonly stage: Stage;
  readonly title: string;
  readonly stock: number;
  readonly opensAt: Date;
  readonly closesAt: Date;
  readonly drawsAt: Date | null;
  readonly timeZone: string;
  readonly paused: boolean;
  /** What fans are told of the pause or the cancellation. */
  readonly notice: Notice | null;
}

export interface Version extends Target {
  readonly campaignId: number;
  readonly version: number;
  readonly action: VersionAction;
  readonly baseVersion: number;
  readonly askedBy: string;
  /** Of the token of the request; null for a version that its own transaction logged, or that is older than the log. */
  readonly askedRole: Role | null;
  /** Null for the engines' own token too. */
  readonly askedToken: number | null;
  readonly askedAt: Date;
  readonly reason: string | null;
  readonly decideBy: Date | null;
  readonly state: 'pending' | 'effective' | 'refused';
  readonly refused: RefusalReason | null;
  /** For people. */
  readonly refusal: string | null;
  readonly decidedAt: Date | null;
  readonly rulesHash: Buffer | null;
}

export interface NewVersion {
  readonly campaignId: number;
  readonly action: VersionAction;
  readonly baseVersion: number;
  readonly target: Target;
  readonly askedBy: string;
  readonly askedRole?: Role;
  readonly askedToken?: number | null;
  readonly reason: string | null;
  /** It takes effect before this instant or not at all. */
  readonly decideBy: Date | null;
}

/** The rules announced with a version that takes effect. */
export interface NewRules {
  readonly rules: string;
  readonly nonce: Buffer | null;
}

const noNote = async (): Promise<void> => undefined;

const VERSION_COLUMNS = `
  campaign_id as "campaignId", version, action, stage, title, places as stock, opens_at as "opensAt", closes_at as "closesAt",
  draws_at as "drawsAt", time_zone as "timeZone", paused, notice, base_version as "baseVersion", asked_by as "askedBy",
  asked_role as "askedRole", asked_token as "askedToken", asked_at as "askedAt", reason, decide_by as "decideBy", state,
  refused, refusal, decided_at as "decidedAt", rules_hash as "rulesHash"`;

/** The present terms of a campaign, in the form of a version. */
export function targetOf(campaign: Campaign): Target {
  const { stage, title, stock, opensAt, closesAt, drawsAt, timeZone, pausedAt, notice } = campaign;
  return { stage, title, stock, opensAt, closesAt, drawsAt, timeZone, paused: pausedAt !== null, notice };
}

/**
 * Requests a version that gateways must confirm: records it as pending, also in the campaign's row, from which the board
 * shows it. `note` is called last in its transaction. Undefined if the campaign has another version by now, or another one is
 * pending.
 */
export async function proposeVersion(
  pool: Pool,
  wanted: NewVersion,
  note: (db: Queryable) => Promise<void> = noNote,
): Promise<Campaign | undefined> {
  return await transaction(pool, async db => {
    const campaign = await waitForCampaign(db, wanted.campaignId);
    if (campaign?.version !== wanted.baseVersion || campaign.pending !== null) return undefined;
    const version = await insertVersion(db, wanted, 'pending');
    const { target } = wanted;
    const pending: PendingChange = {
      version,
      opensAtUs: opensAtUs(target),
      closesAtUs: target.closesAt.getTime() * 1000,
      paused: target.paused,
      cancelled: target.stage === 'cancelled',
    };
    const told = await changed(
      db,
      `update campaigns set pending = $2 where campaign_id = $1 returning ${CAMPAIGN_COLUMNS}`,
      [wanted.campaignId, pending],
    );
    await note(db);
    return told;
  });
}

/**
 * A version that no gateway has to confirm takes effect at once, with new rules if given; `note` is called last in its
 * transaction. `check` gets the campaign as it is, locked, and throws if the version is no longer possible. Undefined if the
 * campaign has another version by now, or another one is pending.
 */
export async function saveVersion(
  pool: Pool,
  wanted: NewVersion,
  rules: NewRules | undefined,
  note: (db: Queryable, saved: Campaign, before: Campaign) => Promise<void> = noNote,
  check: (campaign: Campaign) => void = () => undefined,
): Promise<Campaign | undefined> {
  return await transaction(pool, async db => {
    const campaign = await waitForCampaign(db, wanted.campaignId);
    if (campaign?.version !== wanted.baseVersion || campaign.pending !== null) return undefined;
    check(campaign);
    const version = await insertVersion(db, wanted, 'effective', rules);
    const saved = await apply(db, wanted.campaignId, version, wanted.target, rules);
    await note(db, saved, campaign);
    return saved;
  });
}

/** What `effectVersion` must know about the moment at which all gateways had confirmed. */
export interface Confirmed {
  /** From this instant on, no gateway accepts an entry under the previous version. */
  readonly knownBy: Date;
  /** Whether the campaign had not opened then, nor will. */
  readonly neverOpens: boolean;
  /**
   * Whether it is not too late to decide. Called last, on the transaction's own connection, because everything before may
   * have taken long; it must take no lock.
   */
  readonly isStillSo: (db: Queryable) => Promise<boolean>;
  /** Once that was called, the commit happens within this time; whole milliseconds. */
  readonly withinMs: number;
}

/**
 * Makes a pending version take effect. `rulesFor` returns the rules that go with it, and `stillAllowed` the reason why it is
 * no longer possible; both get the campaign as it is, locked. `note` is called once the version is in effect, last but for
 * `isStillSo`. Returns the version as decided, by this call or before. It stays pending if it has become too late meanwhile, or
 * the connection to the ledger is lost.
 */
export async function effectVersion(
  pool: Pool,
  version: Version,
  confirmed: Confirmed,
  stillAllowed: (campaign: Campaign) => string | undefined,
  rulesFor: (campaign: Campaign) => NewRules | undefined,
  note: (db: Queryable, decided: Version, before: Campaign) => Promise<void> = noNote,
): Promise<Version> {
  const { campaignId } = version;
  const decide = async (db: Queryable): Promise<Version> => {
    const campaign = await waitForCampaign(db, campaignId);
    const proposed = await readVersion(db, campaignId, version.version);
    if (campaign === undefined || proposed === undefined)
      throw new Error(`campaign ${campaignId} does not exist`);
    if (proposed.state !== 'pending') return proposed;
    const why =
      campaign.version === proposed.baseVersion
        ? stillAllowed(campaign)
        : 'The campaign has changed meanwhile.';
    if (why !== undefined) return await refuse(db, proposed, 'changed', why);
    const rules = rulesFor(campaign);
    await db.query(
      `update campaign_versions set state = 'effective', decided_at = now(), rules_hash = coalesce(hash_of_text($3), $4)
        where campaign_id = $1 and version = $2`,
      [campaignId, proposed.version, rules?.rules ?? null, campaign.rulesHash],
    );
    if (proposed.stage === 'cancelled') await cancel(db, proposed, confirmed);
    else await apply(db, campaignId, proposed.version, proposed, rules);
    const decided = (await readVersion(db, campaignId, proposed.version)) ?? proposed;
    await note(db, decided, campaign);
    if (!(await confirmed.isStillSo(db))) throw new TooLate();
    return decided;
  };
  try {
    return await transactionWithin(pool, confirmed.withinMs, decide);
  } catch (error) {
    if (error instanceof TooLate || error instanceof TransactionLost) return version;
    throw error;
  }
}

/** Rolls a transaction back. */
class TooLate extends Error {}

/** Refuses a pending version. Returns the version as decided, by this call or before. */
export async function refuseVersion(
  pool: Pool,
  version: Version,
  refused: RefusalReason,
  refusal: string,
): Promise<Version> {
  return await transaction(pool, async db => {
    await waitForCampaign(db, version.campaignId);
    const proposed = await readVersion(db, version.campaignId, version.version);
    if (proposed === undefined) throw new Error(`campaign ${version.campaignId} does not exist`);
    return proposed.state === 'pending' ? await refuse(db, proposed, refused, refusal) : proposed;
  });
}

async function refuse(
  db: Queryable,
  proposed: Version,
  refused: RefusalReason,
  refusal: string,
): Promise<Version> {
  const key = [proposed.campaignId, proposed.version];
  await db.query('update campaigns set pending = null where campaign_id = $1', [proposed.campaignId]);
  const { rows } = await db.query<Version>(
    `update campaign_versions set state = 'refused', refused = $3, refusal = $4, decided_at = now()
      where campaign_id = $1 and version = $2 returning ${VERSION_COLUMNS}`,
    [...key, refused, refusal],
  );
  return rows[0] ?? proposed;
}

async function apply(
  db: Queryable,
  campaignId: number,
  version: number,
  target: Target,
  rules: NewRules | undefined,
): Promise<Campaign> {
  const { stage, title, stock, opensAt, closesAt, drawsAt, timeZone, paused, notice } = target;
  return await changed(
    db,
    `update campaigns
        set version = $2, pending = null, stage = $3, title = $4, places = $5, opens_at = $6, closes_at = $7,
            draws_at = $8, time_zone = $9, paused_at = case when $10 then coalesce(paused_at, now()) end,
            rules = coalesce($11, rules), nonce = coalesce($12, nonce), notice = $13,
            cancelled_stamp = case when $3 = 'cancelled' then coalesce(cancelled_stamp, settled_stamp) else cancelled_stamp end,
            finished_at = case when $3 = 'cancelled' then coalesce(finished_at, now()) else finished_at end
      where campaign_id = $1
     returning ${CAMPAIGN_COLUMNS}`,
    [
      campaignId,
      version,
      stage,
      title,
      stock,
      opensAt,
      closesAt,
      drawsAt,
      timeZone,
      paused,
      rules?.rules ?? null,
      rules?.nonce ?? null,
      notice,
    ],
  );
}

/** A campaign that never opens is finished at once; for any other, entries on their way come first, up to the new close. */
async function cancel(
  db: Queryable,
  { campaignId, version, notice }: Version,
  confirmed: Confirmed,
): Promise<void> {
  await db.query(
    `update campaigns
        set version = $2, pending = null, stage = 'cancelled', cancelled_stamp = settled_stamp,
            closes_at = case when $4 or frozen_at is not null then closes_at
                             else least(closes_at, greatest($3, closing_at, opens_at + interval '1 ms')) end,
            finished_at = case when $4 then now() end, notice = $5
      where campaign_id = $1`,
    [campaignId, version, confirmed.knownBy, confirmed.neverOpens, notice],
  );
}

async function insertVersion(
  db: Queryable,
  wanted: NewVersion,
  state: 'pending' | 'effective',
  rules?: NewRules,
): Promise<number> {
  const { campaignId, action, baseVersion, target, askedBy, askedRole, askedToken, reason, decideBy } =
    wanted;
  const { stage, title, stock, opensAt, closesAt, drawsAt, timeZone, paused, notice } = target;
  const { rows } = await db.query<{ version: number }>(
    `insert into campaign_versions
       (campaign_id, version, action, stage, title, places, opens_at, closes_at, draws_at, time_zone, paused,
        base_version, asked_by, reason, decide_by, state, asked_role, asked_token, notice, decided_at,
        rules_hash)
     select $1, max(version) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            case when $15 = 'effective' then now() end,
            case when $15 = 'effective' then coalesce(hash_of_text($19), (select c.rules_hash from campaigns c where c.campaign_id = $1)) end
       from campaign_versions where campaign_id = $1
     returning version`,
    [
      campaignId,
      action,
      stage,
      title,
      stock,
      opensAt,
      closesAt,
      drawsAt,
      timeZone,
      paused,
      baseVersion,
      askedBy,
      reason,
      decideBy,
      state,
      askedRole ?? null,
      askedToken ?? null,
      notice,
      rules?.rules ?? null,
    ],
  );
  const version = rows[0]?.version;
  if (version === undefined) throw new Error('insert into campaign_versions returned no row');
  return version;
}

async function changed(db: Queryable, text: string, values: readonly unknown[]): Promise<Campaign> {
  const { rows } = await db.query<Campaign>(text, [...values]);
  const [campaign] = rows;
  if (campaign === undefined) throw new Error('an update of campaigns returned no row');
  return campaign;
}

export async function readVersion(
  db: Queryable,
  campaignId: number,
  version: number,
): Promise<Version | undefined> {
  const { rows } = await db.query<Version>(
    `select ${VERSION_COLUMNS} from campaign_versions where campaign_id = $1 and version = $2`,
    [campaignId, version],
  );
  return rows[0];
}

/** The versions of a campaign above `after`, in order, at most `limit`. */
export async function listVersions(
  db: Queryable,
  campaignId: number,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly Version[]> {
  const { rows } = await db.query<Version>(
    `select ${VERSION_COLUMNS} from campaign_versions
      where campaign_id = $1 and version > $2 order by version limit $3`,
    [campaignId, Math.min(page.after, 2 ** 31 - 1), page.limit],
  );
  return rows;
}

/** Pending versions, with their age by the ledger's clock. */
export async function listPending(db: Queryable): Promise<readonly (Version & { readonly ageMs: number })[]> {
  const { rows } = await db.query<Version & { ageMs: number }>(
    `select ${VERSION_COLUMNS}, (extract(epoch from now() - asked_at) * 1000)::bigint as "ageMs"
       from campaign_versions where state = 'pending' order by campaign_id`,
  );
  return rows;
}
