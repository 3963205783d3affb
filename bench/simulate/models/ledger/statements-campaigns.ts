/**
 * What the statements of sql/statements/campaigns/campaigns.ts, sql/statements/campaigns/settling.ts and
 * sql/statements/draws/draws.ts do to the simulated ledger, with what the triggers and checks of the table keep, each beside
 * the words its text begins with. ledger.test.ts holds them against PostgreSQL.
 */
import { createHash } from 'node:crypto';
import type { Target } from '../../../../sql/statements/campaigns/campaign-versions.ts';
import type { Campaign } from '../../../../sql/statements/campaigns/campaigns.ts';
import {
  type CampaignRow,
  CHECK_VIOLATION,
  ConstraintError,
  changed,
  type LedgerTables,
  NOTHING,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
} from './ledger-tables.ts';
import { entriesBetween, nextAlternates, rangeOf } from './statements-entries.ts';
import type { Transaction } from './table.ts';
import { noteClose, noteDone, noteFirstVersion } from './versions.ts';

function check(holds: boolean, constraint: string): void {
  if (!holds) throw new ConstraintError(CHECK_VIOLATION, 'campaigns', constraint);
}

/** An update of one campaign: the checks, the guard against what cannot change, and the next revision. */
export function changeCampaign(
  tables: LedgerTables,
  by: Transaction,
  old: CampaignRow,
  change: Partial<CampaignRow>,
): void {
  const { campaigns, entries } = tables;
  const closes =
    old.closingAt === null && change.closingAt
      ? { version: noteClose(tables, by, old, change.closingAt) }
      : {};
  const row: CampaignRow = { ...old, ...change, ...closes, revision: old.revision + 1 };
  check(row.grantedCount >= 0 && row.grantedCount <= row.places, 'campaigns_granted');
  check(row.settledCount >= row.grantedCount, 'campaigns_settled');
  const { waitlist } = selected(row);
  check(row.kind !== 'coupon' || row.waitlistedCount <= waitlist, 'campaigns_waitlisted');
  check(row.goneRanked >= 0 && row.goneRanked <= row.goneCount, 'campaigns_gone');
  check(row.settledStamp >= old.settledStamp && row.grantedCount >= old.grantedCount, 'campaigns_forward');
  check(old.seed === null || row.seed === old.seed, 'campaigns_seed_once');
  check(row.kind === 'raffle' || row.seed === null, 'campaigns_seed');
  check((row.seed === null) === (row.seedSource === null), 'campaigns_seed_source');
  check((row.seed === null) === (row.randomness === null), 'campaigns_seed_revealed');
  check(row.randomness === null || (row.rules !== null && row.poolRoot !== null), 'campaigns_revealed');
  check(row.poolRoot === null || (row.kind === 'raffle' && row.frozenAt !== null), 'campaigns_pool');
  check(old.poolRoot === null || row.poolRoot?.equals(old.poolRoot) === true, 'campaigns_pool_once');
  check(old.poolRoot === null || row.frozenCount === old.frozenCount, 'campaigns_pool_once');
  check(old.rules === null || row.rules === old.rules || row.version !== old.version, 'campaigns_rules_once');
  check(old.frozenAt === null || row.closesAt.getTime() === old.closesAt.getTime(), 'campaigns_closed');
  check(
    old.closingAt === null || row.closingAt?.getTime() === old.closingAt.getTime(),
    'campaigns_closing_once',
  );
  const rules = ({ kind, places, title, opensAt }: CampaignRow): string =>
    JSON.stringify([kind, places, title, opensAt]);
  const hasEntries = entries.rows(by).some(({ campaignId }) => campaignId === row.campaignId);
  check(!hasEntries || rules(row) === rules(old), 'campaigns_rules');
  check(row.unheardUs - old.unheardUs <= measuredUs(tables, by, old, row), 'campaigns_unheard');
  checkSchedule(tables, by, old, row);
  campaigns.write(String(row.campaignId), row, by);
  noteDone(tables, by, old, row);
}

/** The outages that a campaign takes account of with this change. */
function measuredUs({ outages }: LedgerTables, by: Transaction, old: CampaignRow, row: CampaignRow): number {
  const [fromUs, toUs] = [old.unheardSeenUs, row.unheardSeenUs];
  if (fromUs === null || toUs === null || row.unheardUs === old.unheardUs) return 0;
  return outages
    .rows(by)
    .filter(({ unheardMs }) => unheardMs * 1000 > fromUs && unheardMs * 1000 <= toUs)
    .reduce((sum, { fromMs, toMs }) => sum + (toMs - fromMs) * 1000, 0);
}

/** What the trigger campaigns_schedule keeps, and the checks of what people decide. */
function checkSchedule(tables: LedgerTables, by: Transaction, old: CampaignRow, row: CampaignRow): void {
  const nowMs = tables.now().getTime();
  const isOpeningMoved = row.opensAt.getTime() !== old.opensAt.getTime();
  const firstMs = Math.min(row.opensAt.getTime(), old.opensAt.getTime());
  check(old.stage === 'draft' || !isOpeningMoved || firstMs > nowMs, 'campaigns_opened');
  const isPauseMoved = row.pausedAt?.getTime() !== old.pausedAt?.getTime();
  check(!isPauseMoved || old.finishedAt === null, 'campaigns_passed');
  const isEnding = row.stage === 'cancelled' && old.stage !== 'cancelled';
  check(!isEnding || (old.finishedAt === null && old.seed === null), 'campaigns_transition');
  check(row.stage !== 'cancelled' || row.cancelledStamp !== null, 'campaigns_cancelled');
  check(row.closesAt > row.opensAt, 'campaigns_window');
  if (row.version !== old.version) {
    check(hasVersion(tables, by, old, row), 'campaigns_versioned');
    return;
  }
  check(row.stage === old.stage && !isOpeningMoved && !isPauseMoved, 'campaigns_versioned');
  const isCloseMoved = row.closesAt.getTime() !== old.closesAt.getTime();
  check(!isCloseMoved || (old.closingAt !== null && row.closesAt < old.closesAt), 'campaigns_versioned');
}

/** Whether a version in effect says what the row has become. */
function hasVersion(
  { versions }: LedgerTables,
  by: Transaction,
  old: CampaignRow,
  row: CampaignRow,
): boolean {
  const version = versions.get(`${row.campaignId}/${row.version}`, by);
  if (version === undefined || version.state !== 'effective' || version.baseVersion !== old.version)
    return false;
  const said = (target: Omit<Target, 'paused' | 'closesAt'>, paused: boolean): string =>
    JSON.stringify([target.stage, target.title, target.places, target.opensAt, target.drawsAt, paused]);
  if (said(version, version.paused) !== said(row, row.pausedAt !== null)) return false;
  const { action, closesAt } = version;
  return (
    closesAt.getTime() === row.closesAt.getTime() ||
    action === 'close' ||
    (action === 'cancel' && row.closesAt < closesAt)
  );
}

export function us(date: Date): number {
  return date.getTime() * 1000;
}

/** Of each version of a row, which never changes: every pass selects all campaigns. */
const selections = new WeakMap<CampaignRow, Campaign>();

/** The columns that CAMPAIGN_COLUMNS selects; of a room with what everybody may know of it. */
export function selectedBy(tables: LedgerTables, by: Transaction): (row: CampaignRow) => Campaign {
  return row => {
    const room = row.kind === 'room' ? tables.rooms.get(String(row.campaignId), by) : undefined;
    if (room === undefined) return selected(row);
    const { perSecond, capacity, paused, busyUs } = room;
    return { ...selected(row), room: { perSecond, capacity, paused, busyUs } };
  };
}

function selected(row: CampaignRow): Campaign {
  let selection = selections.get(row);
  if (selection === undefined) {
    const { rules, nonce: _nonce, randomness: _r, signature: _s, ...columns } = row;
    const derived = rules === null ? UNANNOUNCED : (read.get(rules) ?? readRules(rules));
    selection = Object.freeze({ ...columns, ...derived });
    selections.set(row, selection);
  }
  return selection;
}

type Derived = Pick<Campaign, 'rulesHash' | 'draw' | 'monitors' | 'claimWithinS' | 'waitlist'>;
const UNANNOUNCED: Derived = {
  rulesHash: null,
  draw: null,
  monitors: null,
  claimWithinS: null,
  waitlist: 0,
};
/** Of the rules that were read last. */
const read = new Map<string, Derived>();
const RULES_KEPT = 100;

function readRules(rules: string): Derived {
  if (read.size >= RULES_KEPT) read.clear();
  const { draw = null, monitors = null, claim_within_s = null, waitlist = 0 } = JSON.parse(rules);
  const rulesHash = createHash('sha256').update(rules).digest();
  const derived = { rulesHash, draw, monitors, claimWithinS: claim_within_s, waitlist };
  read.set(rules, derived);
  return derived;
}

const nextCampaignId: Statement = tables => {
  tables.campaignSequence += 1;
  return rowsOf([{ campaignId: tables.campaignSequence }]);
};

function kindOf(text: string): Campaign['kind'] {
  if (text === 'coupon' || text === 'raffle' || text === 'room') return text;
  throw new ConstraintError(CHECK_VIOLATION, 'campaigns', 'campaigns_kind_check');
}

const createCampaign: Statement = (tables, by, values) => {
  const row: CampaignRow = {
    campaignId: values.number(1),
    kind: kindOf(values.text(2)),
    title: values.text(3),
    places: values.number(4),
    opensAt: values.date(5),
    closesAt: values.date(6),
    rules: values.optionalText(7),
    nonce: values.optionalBytes(8),
    closingAt: null,
    createdAt: tables.now(),
    revision: 1,
    settledStamp: -1,
    settledCount: 0,
    grantedCount: 0,
    goneCount: 0,
    goneRanked: 0,
    frozenAt: null,
    frozenCount: null,
    poolRoot: null,
    randomness: null,
    signature: null,
    seed: null,
    seedSource: null,
    finishedAt: null,
    redrawnCount: 0,
    stage: values.text(9) === 'draft' ? 'draft' : 'scheduled',
    timeZone: values.text(10),
    madeBy: values.text(13),
    drawsAt: values.optionalDate(11),
    pausedAt: null,
    cancelledStamp: null,
    version: 1,
    pending: null,
    waitlistedCount: 0,
    moveCount: 0,
    unheardUs: 0,
    unheardSeenUs: null,
    decidedAt: null,
    shelvedAt: null,
    room: null,
  };
  tables.campaigns.write(String(row.campaignId), row, by);
  noteFirstVersion(tables, by, row);
  return rowsOf([selectedBy(tables, by)(row)]);
};

const getCampaign: Statement = (tables, by, values) => {
  const row = tables.campaigns.get(String(values.number(1)), by);
  return row === undefined ? NOTHING : rowsOf([selectedBy(tables, by)(row)]);
};

const readDrawState: Statement = (tables, by, values) => {
  const row = tables.campaigns.get(String(values.number(1)), by);
  if (row === undefined) return NOTHING;
  const { rules, nonce, poolRoot, frozenCount: poolCount, randomness, signature, seed, frozenAt } = row;
  // Raffles are drawn by commitment here.
  const drandRound = null;
  const state = { rules, nonce, poolRoot, poolCount, randomness, signature, drandRound, seed, frozenAt };
  return rowsOf([{ ...state, ...writtenOf(tables, by, row.campaignId) }]);
};

/** What is written of a drawing. */
function writtenOf(tables: LedgerTables, by: Transaction, ofCampaign: number) {
  const isOfIt = ({ campaignId }: { readonly campaignId: number }): boolean => campaignId === ofCampaign;
  const serials = tables.grants.rows(by).filter(isOfIt);
  const places = tables.alternates.rows(by).filter(isOfIt);
  const parts = tables.proofs.rows(by).filter(isOfIt);
  return {
    winnersWritten: Math.max(0, ...serials.map(({ serial }) => serial)),
    alternatesWritten: Math.max(0, ...places.map(({ place }) => place)),
    partsWritten: Math.max(0, ...parts.map(({ part }) => part + 1)),
  };
}

const takeCampaign: Statement = (tables, by, values) => {
  const key = String(values.number(1));
  const row = tables.campaigns.get(key, by);
  if (row === undefined || tables.campaigns.heldBy(key, by) !== undefined) return NOTHING;
  tables.campaigns.lock(key, by);
  return rowsOf([taken(tables, by, row)]);
};

/** As a step has a campaign that it has taken. */
export function taken(tables: LedgerTables, by: Transaction, row: CampaignRow) {
  const isOfIt = ({ campaignId }: { readonly campaignId: number }): boolean => campaignId === row.campaignId;
  const hasAsked = tables.claims.rows(by).some(claim => isOfIt(claim) && !claim.decided);
  const hasLeaving = tables.withdrawals.rows(by).some(leave => isOfIt(leave) && leave.honoured === null);
  return { ...selectedBy(tables, by)(row), hasAsked, hasLeaving };
}

const readCampaigns: Statement = (tables, by, values) => {
  const finishedSeconds = values.optional(1);
  const since = finishedSeconds === null ? 0 : tables.now().getTime() - finishedSeconds * 1000;
  const revisions = values.numbers(3);
  const known = new Map(values.numbers(2).map((campaignId, index) => [campaignId, revisions[index]]));
  return rowsOf(
    tables.campaigns
      .rows(by)
      .filter(row => row.shelvedAt === null)
      .filter(row => row.stage === 'scheduled' || row.rules !== null || wasRoom(tables, by, row))
      .filter(row => row.finishedAt === null || row.finishedAt.getTime() > since)
      .filter(({ campaignId, revision }) => known.get(campaignId) !== revision)
      .map(selectedBy(tables, by)),
  );
};

/** WAS_ROOM of sql/statements/campaigns/settling.ts. */
function wasRoom(tables: LedgerTables, by: Transaction, { campaignId, kind, stage }: CampaignRow): boolean {
  if (kind !== 'room' || stage === 'draft') return false;
  return tables.versions
    .rows(by)
    .some(row => row.campaignId === campaignId && row.stage === 'scheduled' && row.state === 'effective');
}

export const findWork: Statement = (tables, by, values) => {
  const [watermarkUs, lapseUs] = [values.number(1), values.number(2)];
  const work = tables.campaigns.rows(by).filter(campaign => {
    const { campaignId, kind, opensAt, closesAt, settledStamp, finishedAt } = campaign;
    const undecided = tables.withdrawals
      .rows(by)
      .filter(row => row.campaignId === campaignId && row.honoured === null);
    if (finishedAt !== null) return undecided.length > 0;
    const isForRooms = kind === 'room' && campaign.cancelledStamp === null;
    if (
      us(closesAt) <= watermarkUs &&
      campaign.decidedAt === null &&
      !isForRooms &&
      isDrawingDue(campaign, watermarkUs)
    )
      return true;
    if (hasDueClaims(tables, by, campaign, watermarkUs, lapseUs)) return true;
    const lastUs = Math.min(watermarkUs - us(opensAt), us(closesAt) - us(opensAt) - 1);
    const due = { campaignId, through: lastUs * 1024 + 1023, limit: Number.POSITIVE_INFINITY };
    if (kind === 'coupon' && entriesBetween(tables, by, { ...due, after: settledStamp }).length > 0)
      return true;
    const users = new Set(entriesBetween(tables, by, { ...due, after: -1 }).map(({ userId }) => userId));
    return undecided.some(({ userId }) => users.has(userId));
  });
  return rowsOf(work.map(({ campaignId, kind, revision }) => ({ campaignId, kind, progress: revision })));
};

/** A frozen raffle waits for its drawing. */
function isDrawingDue({ poolRoot, cancelledStamp, drawsAt }: CampaignRow, watermarkUs: number): boolean {
  return poolRoot === null || cancelledStamp !== null || drawsAt === null || us(drawsAt) <= watermarkUs;
}

/** What a turn of claims left to the next one: the campaign's end, or what is free and somebody waits for. */
function hasMoreOfClaims(tables: LedgerTables, by: Transaction, campaign: CampaignRow): boolean {
  const { campaignId, kind, decidedAt, cancelledStamp } = campaign;
  const claimants = tables.claimants.rows(by).filter(row => row.campaignId === campaignId);
  if (decidedAt !== null && claimants.every(({ state }) => state !== 'offered')) return true;
  if (decidedAt === null && (kind !== 'coupon' || cancelledStamp !== null)) return false;
  const isFree = claimants.some(
    ({ state, isPassedOn }) => (state === 'lapsed' || state === 'declined') && !isPassedOn,
  );
  return isFree && nextAlternates(tables, by, campaignId).length > 0;
}

function hasDueClaims(
  tables: LedgerTables,
  by: Transaction,
  campaign: CampaignRow,
  watermarkUs: number,
  lapseUs: number,
): boolean {
  if (selected(campaign).claimWithinS === null) return false;
  const { claims, claimants } = tables;
  const { campaignId, opensAt, unheardUs } = campaign;
  const through = (watermarkUs - us(opensAt)) * 1024 + 1023;
  const isOfIt = (row: { readonly campaignId: number }): boolean => row.campaignId === campaignId;
  if (hasMoreOfClaims(tables, by, campaign)) return true;
  return (
    claims.rows(by).some(row => isOfIt(row) && !row.decided && row.stamp <= through) ||
    claimants
      .rows(by)
      .some(
        row =>
          isOfIt(row) &&
          row.state === 'offered' &&
          (row.claimByUs ?? 0) <= Math.min(watermarkUs, lapseUs) - unheardUs,
      )
  );
}

const readTurn: Statement = (tables, by, values) =>
  rowsOf(
    entriesBetween(tables, by, rangeOf(values)).map(({ campaignId, userId, stamp }) => ({
      userId,
      stamp,
      isWithdrawn: tables.withdrawals.get(`${campaignId}/${userId}`, by)?.honoured === true,
    })),
  );

const countTurn: Statement = (tables, by, values) => {
  const rows = entriesBetween(tables, by, rangeOf(values));
  return rowsOf([{ count: rows.length, lastStamp: rows.at(-1)?.stamp ?? null }]);
};

/** What an update of the campaign that $1 names changes; undefined for nothing. */
type Change = (
  campaign: CampaignRow,
  values: Parameters<Statement>[2],
  now: Date,
) => Partial<CampaignRow> | undefined;

export const updating =
  (change: Change): Statement =>
  (tables, by, values) => {
    const key = String(values.number(1));
    if (tables.campaigns.get(key, by) === undefined) return NOTHING;
    tables.campaigns.lock(key, by);
    const old = tables.campaigns.get(key, by);
    const changes = old === undefined ? undefined : change(old, values, tables.now());
    if (old === undefined || changes === undefined) return NOTHING;
    changeCampaign(tables, by, old, changes);
    return rowsOf(
      tables.campaigns
        .rows(by)
        .filter(row => row.campaignId === old.campaignId)
        .map(selectedBy(tables, by)),
    );
  };

/** Its terms of a room have changed: the record of it grows. */
const touch = updating(() => ({}));

const saveSettled = updating((old, values, now) => {
  const [isFinished, isDecided] = [values.raw(6) === true, values.raw(10) === true];
  return {
    settledStamp: values.number(2),
    settledCount: values.number(3),
    grantedCount: values.number(4),
    goneCount: values.number(5),
    waitlistedCount: values.optional(7) ?? old.waitlistedCount,
    moveCount: values.optional(8) ?? old.moveCount,
    redrawnCount: old.redrawnCount + values.number(9),
    frozenAt: isFinished || isDecided ? (old.frozenAt ?? now) : old.frozenAt,
    decidedAt: isDecided ? (old.decidedAt ?? now) : old.decidedAt,
    finishedAt: isFinished ? now : old.finishedAt,
  };
});

const closePool = updating((old, values, now) =>
  old.frozenAt === null ? { frozenAt: now, goneCount: values.number(2) } : undefined,
);

const saveFrozen = updating((old, values, now) =>
  old.frozenAt === null
    ? undefined
    : { frozenAt: now, frozenCount: values.number(2), poolRoot: values.bytes(3) },
);

const saveRevealed = updating((old, values) =>
  old.seed !== null || old.cancelledStamp !== null
    ? undefined
    : {
        randomness: values.bytes(2),
        signature: values.optionalBytes(3),
        seed: values.bytes(4),
        seedSource: values.text(5),
      },
);

const saveAnnouncement = updating((old, values) =>
  old.rules === null ? { rules: values.text(2), nonce: values.optionalBytes(3) } : undefined,
);

const insertProof: Statement = (tables, by, values) => {
  const key = `${values.number(1)}/${values.number(2)}`;
  if (tables.proofs.get(key, by) !== undefined)
    throw new ConstraintError(UNIQUE_VIOLATION, 'draw_proofs', 'draw_proofs_pkey');
  tables.proofs.write(key, { campaignId: values.number(1), part: values.number(2) }, by);
  return changed(1);
};

const saveGoneRankedOf = updating((old, values) =>
  old.goneRanked < values.number(2) ? { goneRanked: values.number(2) } : undefined,
);

/** Skipped where it is locked. */
const saveGoneRanked: Statement = (tables, by, values) =>
  tables.campaigns.heldBy(String(values.number(1)), by) === undefined
    ? saveGoneRankedOf(tables, by, values)
    : NOTHING;

const listUnannounced: Statement = (tables, by) =>
  rowsOf(
    tables.campaigns
      .rows(by)
      .filter(
        ({ rules, kind, finishedAt, stage }) =>
          rules === null && kind !== 'room' && finishedAt === null && stage !== 'draft',
      )
      .map(selectedBy(tables, by)),
  );

const beginClose = updating((old, values) => {
  const closingAt = values.date(2);
  const isInTime = old.closingAt === null && old.opensAt < closingAt && old.closesAt > closingAt;
  return isInTime && old.stage === 'scheduled' ? { closingAt } : undefined;
});

const completeClose = updating((old, values) => {
  const { closingAt, closesAt, frozenAt } = old;
  if (closingAt === null || closingAt >= closesAt || frozenAt !== null) return undefined;
  const closes = new Date(Math.max(closingAt.getTime(), values.date(2).getTime()));
  return closes < closesAt ? { closesAt: closes } : undefined;
});

const listBegunCloses: Statement = (tables, by) =>
  rowsOf(
    tables.campaigns
      .rows(by)
      .filter(
        ({ closingAt, closesAt, frozenAt }) =>
          closingAt !== null && closingAt < closesAt && frozenAt === null,
      )
      .map(selectedBy(tables, by)),
  );

export const CAMPAIGN_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select nextval\(pg_get_serial_sequence\('campaigns', 'campaign_id'\)\)/, nextCampaignId],
  [
    /^insert into campaigns \(campaign_id, kind, title, places, opens_at, closes_at, rules, nonce, /,
    createCampaign,
  ],
  [
    /^select rules, nonce, pool_root as "poolRoot", .* from campaigns where campaign_id = \$1$/,
    readDrawState,
  ],
  [/ from campaigns where campaign_id = \$1 for no key update skip locked$/, takeCampaign],
  [/ from campaigns where campaign_id = \$1$/, getCampaign],
  [/^update campaigns set title = title where campaign_id = \$1$/, touch],
  [
    / from campaigns where shelved_at is null and \(stage = 'scheduled' or rules is not null or \(kind = 'room'/,
    readCampaigns,
  ],
  [/ from campaigns where rules is null and kind <> 'room'/, listUnannounced],
  [/ from campaigns where closing_at < closes_at and frozen_at is null/, listBegunCloses],
  [/^select c.campaign_id as "campaignId", c.kind, c.revision as progress from campaigns c /, findWork],
  [/^select e.user_id as "userId", e.stamp, w.user_id is not null as "isWithdrawn"/, readTurn],
  [/^select count\(\*\) as count, max\(stamp\) as "lastStamp"/, countTurn],
  [/^update campaigns set settled_stamp = \$2, settled_count = \$3/, saveSettled],
  [/^update campaigns set frozen_at = clock_timestamp\(\), gone_count = \$2/, closePool],
  [/^update campaigns set frozen_at = clock_timestamp\(\), frozen_count = \$2/, saveFrozen],
  [/^update campaigns set randomness = \$2, signature = \$3, seed = \$4/, saveRevealed],
  [/^update campaigns set rules = \$2, nonce = \$3/, saveAnnouncement],
  [/^insert into draw_proofs \(campaign_id, part, text\)/, insertProof],
  [/^update campaigns set gone_ranked = \$2/, saveGoneRanked],
  [/^update campaigns set closing_at = \$2/, beginClose],
  [/^update campaigns set closes_at = greatest\(closing_at, \$2\)/, completeClose],
];
