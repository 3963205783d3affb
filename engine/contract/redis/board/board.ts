/**
 * The board: what the engine publishes to all gateways in Redis: the campaigns, how far each is settled, and the watermarks. It
 * is small and the same for all gateways, so its cost for a gateway does not grow with the watchers.
 *
 * The engine publishes after each settlement; gateways read every few tens of milliseconds. A gateway sends no 202 on a board
 * that it has not read within its lease, so one lease after a change nobody acts on the old state.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { Keys } from '../keys.ts';
import { arrayOf, type RedisClient, scriptFrom } from '../redis.ts';
import { type Blocked, readBlocked } from './blocks.ts';

/** The source of a raffle's randomness; see engine/draw/rules.ts. */
export const AnnouncedRandomness = Type.Union([
  Type.Object(
    {
      source: Type.Literal('commit'),
      commitment: Type.String({ description: 'SHA-256 of "fairline commit 1" and the secret, base64url' }),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      source: Type.Literal('drand'),
      chain_hash: Type.String({ description: 'The hash of the chain, hex' }),
      round: Type.Integer({ description: 'The round that gives the randomness' }),
    },
    { additionalProperties: false },
  ),
]);

/** A monitor that follows the signed heads from outside; see engine/draw/rules.ts. */
export const MonitorMember = Type.Object(
  { name: Type.String(), key: Type.String({ description: 'Ed25519, 32 bytes in base64url' }) },
  { additionalProperties: false },
);

/** What fans are told of a pause or a cancellation. */
export const NoticeMember = Type.Object(
  { ko: Type.String({ description: 'In Korean' }), en: Type.String({ description: 'In English' }) },
  {
    additionalProperties: false,
    description: 'Why it is paused or was cancelled, for fans; absent if no reason was given',
  },
);

export const BoardCampaign = Type.Object({
  campaignId: Type.Integer({ minimum: 1 }),
  /** Increases with each change of this record. */
  revision: Type.Integer({ minimum: 1 }),
  kind: Type.Union([Type.Literal('coupon'), Type.Literal('raffle'), Type.Literal('room')]),
  title: Type.String(),
  /** How many can win: a coupon's stock, a raffle's winners. */
  stock: Type.Integer({ minimum: 1 }),
  opensAtUs: Type.Integer(),
  closesAtUs: Type.Integer(),
  /** Entries decided so far: everything at or below settledStamp. -1 before the first. */
  settledStamp: Type.Integer({ minimum: -1 }),
  settledCount: Type.Integer({ minimum: 0 }),
  /**
   * Coupons granted, winners drawn or people admitted so far; the campaign's `won` hash has all of them before this is shown.
   */
  granted: Type.Integer({ minimum: 0 }),
  /**
   * Entries withdrawn while they waited; in a room, all moves out of the line and back. The campaign's `gone` list has that
   * many ranks before this is shown.
   */
  gone: Type.Integer({ minimum: 0 }),
  /** A coupon whose stock is gone: no further entry can win. */
  soldOut: Type.Boolean(),
  /** Present if claims are required. */
  claims: Type.Optional(
    Type.Object({
      withinS: Type.Integer({ minimum: 1 }),
      /** Of a coupon: the size of the waitlist. */
      waitlist: Type.Integer({ minimum: 0 }),
      /** How many were waitlisted; `claimants` has all of them, and everybody with a grant, before this is shown. */
      waitlisted: Type.Integer({ minimum: 0 }),
      /** The campaign's `moves` list has that many items before this is shown. */
      moves: Type.Integer({ minimum: 0 }),
      /** The time that outages have added to every open deadline, microseconds. */
      outageUs: Type.Integer({ minimum: 0 }),
    }),
  ),
  /** Every entry, including any future one, has its outcome. */
  finished: Type.Boolean(),
  /** For a raffle that is drawn later than at its close. */
  drawsAtUs: Type.Optional(Type.Integer()),
  /** IANA time zone for showing times; absent: UTC. */
  timeZone: Type.Optional(Type.String()),
  /** The campaign accepts no entries until it is resumed. */
  paused: Type.Optional(Type.Literal(true)),
  /** What fans are told of the pause or the cancellation. */
  notice: Type.Optional(NoticeMember),
  /** The campaign was cancelled: entries after this stamp that were neither granted nor withdrawn are `cancelled`. */
  cancelledStamp: Type.Optional(Type.Integer({ minimum: -1 })),
  /** Shelved: Redis no longer holds anything of it (soon not even this record), and the ledger answers requests. */
  shelved: Type.Optional(Type.Literal(true)),
  /** Hidden from lists. */
  archived: Type.Optional(Type.Literal(true)),
  /** A change that takes effect once every gateway has read this; until then gateways accept only what both allow. */
  pending: Type.Optional(
    Type.Object({
      version: Type.Integer(),
      opensAtUs: Type.Integer(),
      closesAtUs: Type.Integer(),
      paused: Type.Boolean(),
      cancelled: Type.Boolean(),
    }),
  ),
  /** SHA-256 of the announced rules, in base64url; absent until they are announced. */
  rulesHash: Type.Optional(Type.String()),
  /** Of a raffle whose pool is frozen: the root that binds it, in base64url; see engine/draw/pool.ts. */
  poolRoot: Type.Optional(Type.String()),
  /** Of a raffle with announced rules: the source of its randomness according to them. */
  randomness: Type.Optional(AnnouncedRandomness),
  /** The monitors named in the rules. */
  monitors: Type.Optional(Type.Array(MonitorMember)),
  /** The shop whose tokens may use its codes and passes; absent: only tokens for everything may. */
  shop: Type.Optional(Type.String()),
  /** A prize is taken from somebody by two operators only, so one operator's block does not let an offer lapse. */
  twoPerson: Type.Optional(Type.Literal(true)),
  /** Of a room: its terms, and the total time that people have waited while it admitted. */
  room: Type.Optional(
    Type.Object({
      perSecond: Type.Number(),
      capacity: Type.Union([Type.Integer(), Type.Null()]),
      paused: Type.Boolean(),
      busyUs: Type.Integer(),
    }),
  ),
});
export type BoardCampaign = Static<typeof BoardCampaign>;

/**
 * What a reader stores of a record that it does not support, such as one of a newer kind: enough to reject its requests and to
 * report it.
 */
export interface BoardStranger {
  readonly campaignId: number;
  readonly revision: number;
  readonly kind: unknown;
  readonly finished: boolean;
  /** Also absent if its format is unknown: then the change is not confirmed, and the engine refuses it. */
  readonly pending?: { readonly version: number };
}

export interface BoardNews {
  readonly epoch: string;
  readonly version: number;
  /** Every request stamped up to here is in the ledger (us since epoch). */
  readonly watermarkUs: number;
  /** Every request stamped up to here is ranked: ranks at or below it are final (us since epoch). */
  readonly rankedUs: number;
  readonly nowUs: number;
  /** `campaigns` are all on the board: the reader must forget any other campaign. */
  readonly isWhole: boolean;
  /** The greatest number of a campaign that was removed from the board; 0 for none. */
  readonly shelvedTo: number;
  /** The list of blocks, if it may be another one than the reader's; its revision, 0 for none. */
  readonly blocked?: Blocked & { readonly revision: number };
  readonly campaigns: readonly BoardCampaign[];
  /** Records of a newer engine that this reader does not support. */
  readonly strangers: readonly BoardStranger[];
}

const beginScript = scriptFrom(new URL('./begin.lua', import.meta.url));
const publishScript = scriptFrom(new URL('./publish.lua', import.meta.url));
const readScript = scriptFrom(new URL('./read.lua', import.meta.url));
const openScript = scriptFrom(new URL('./open.lua', import.meta.url));
const epochScript = scriptFrom(new URL('./epoch.lua', import.meta.url));
const shelveScript = scriptFrom(new URL('./shelve.lua', import.meta.url));

/** Starts a board in place of an older one; returns the epoch of the existing board if that is not older, and keeps it. */
export async function beginBoard(redis: RedisClient, keys: Keys, epoch: number): Promise<number | undefined> {
  const all = [
    keys.boardState,
    keys.boardCampaigns,
    keys.boardChanges,
    keys.boardBlocks,
    keys.boardConfirmed,
  ];
  const held = await beginScript(redis, all, [epoch]);
  return held === '' ? undefined : Number(held);
}

/** Gives the board its epoch, for as long as this server runs. Rejects if it is not the one that was started. */
export async function openBoard(redis: RedisClient, keys: Keys, epoch: number): Promise<void> {
  if ((await openScript(redis, [keys.boardState], [epoch])) !== 1) throw anotherBoard(epoch);
}

function anotherBoard(epoch: number): Error {
  return new Error(`Redis holds no board of epoch ${epoch}`);
}

/** The hash by which a server that has run it knows the script of `readBoardEpoch`; its one key is the board's state. */
export const BOARD_EPOCH_SHA = epochScript.sha;

/** The board's epoch, '' while there is none: Redis is new, was emptied or was restarted. */
export async function readBoardEpoch(redis: RedisClient, keys: Keys): Promise<string> {
  return String(await epochScript(redis, [keys.boardState], []));
}

export interface PublishedNews {
  readonly watermarkUs?: number;
  readonly rankedUs?: number;
  readonly campaigns: readonly BoardCampaign[];
  /** The result of `readShelvings` from before the campaigns were read from the ledger; absent if it was not read. */
  readonly shelvings?: string;
}

/**
 * Publishes news on the board. Resolves with `left out` if a campaign may have been taken off the board since it was read from
 * the ledger; then it is not put back, because a delayed engine would show it in an old state, in which people could enter. All
 * other campaigns are on the board then. Rejects if Redis holds another board than that of `epoch`, open or being made.
 */
export async function publishBoard(
  redis: RedisClient,
  keys: Keys,
  epoch: number,
  news: PublishedNews,
): Promise<'published' | 'left out'> {
  const args = news.campaigns.flatMap(campaign => [
    campaign.campaignId,
    campaign.revision,
    JSON.stringify(campaign),
  ]);
  const version = await publishScript(
    redis,
    [keys.boardState, keys.boardCampaigns, keys.boardChanges],
    [epoch, news.watermarkUs ?? '', news.rankedUs ?? '', news.shelvings ?? '', ...args],
  );
  if (version === -1) throw anotherBoard(epoch);
  return version === -2 ? 'left out' : 'published';
}

/** How often campaigns were taken off the board. Read it before the campaigns, for `publishBoard`. */
export async function readShelvings(redis: RedisClient, keys: Keys): Promise<string> {
  return (await redis.hget(keys.boardState, 'shelvings')) ?? '0';
}

/** The revisions of campaigns on the board; campaigns that are not on it are omitted. */
export async function readRevisions(
  redis: RedisClient,
  keys: Keys,
  campaignIds: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  if (campaignIds.length === 0) return new Map();
  const records = await redis.hmget(keys.boardCampaigns, ...campaignIds.map(String));
  const known = campaignIds.flatMap((campaignId, index): [number, number][] => {
    const record = records[index];
    return typeof record === 'string' ? [[campaignId, strangerOf(JSON.parse(record)).revision]] : [];
  });
  return new Map(known);
}

/** The state of campaigns on the board, by id: `shelved` if they were shown as shelved and can be taken off. */
export async function readShown(
  redis: RedisClient,
  keys: Keys,
  campaignIds: readonly number[],
): Promise<ReadonlyMap<number, 'shown' | 'shelved'>> {
  if (campaignIds.length === 0) return new Map();
  const records = await redis.hmget(keys.boardCampaigns, ...campaignIds.map(String));
  const shown = new Map<number, 'shown' | 'shelved'>();
  for (const [index, campaignId] of campaignIds.entries()) {
    const record = records[index];
    if (typeof record !== 'string') continue;
    const isShelved = Reflect.get(Object(JSON.parse(record)), 'shelved') === true;
    shown.set(campaignId, isShelved ? 'shelved' : 'shown');
  }
  return shown;
}

/**
 * Takes campaigns off the board. Readers that have not seen their last state read the whole board anew, so nobody acts on an
 * older one. Rejects if Redis holds another board than that of `epoch`, open or being made.
 */
export async function takeOffBoard(
  redis: RedisClient,
  keys: Keys,
  epoch: number,
  campaignIds: readonly number[],
): Promise<void> {
  if (campaignIds.length === 0) return;
  const all = [keys.boardState, keys.boardCampaigns, keys.boardChanges];
  if ((await shelveScript(redis, all, [epoch, ...campaignIds])) === -1) throw anotherBoard(epoch);
}

/** Compiled, because every gateway reads every change of every campaign. */
const campaignShape = Compile(BoardCampaign);
const strangerShape = Compile(
  Type.Object({
    campaignId: Type.Integer({ minimum: 1 }),
    revision: Type.Integer({ minimum: 1 }),
    kind: Type.Optional(Type.Unknown()),
    finished: Type.Optional(Type.Unknown()),
    pending: Type.Optional(Type.Unknown()),
  }),
);
const pendingShape = Compile(Type.Object({ version: Type.Integer() }));

function strangerOf(entry: unknown): BoardStranger {
  const { campaignId, revision, kind, finished, pending } = strangerShape.Parse(entry);
  const known = { campaignId, revision, kind, finished: finished === true };
  return pendingShape.Check(pending) ? { ...known, pending: { version: pending.version } } : known;
}

/** The lease of a reader of the board, and what it confirms with the read. */
export interface BoardReader {
  readonly gateway: number;
  readonly incarnation: number;
  /** The pending changes that it holds, as written by `holdsText` and `holdsBlocks`, separated by commas; '' for none. */
  readonly holds: string;
}

/** What a reader has of the board. */
export interface Known {
  readonly epoch: string;
  readonly version: number;
  /** The revision of its list of blocks; absent for none. */
  readonly blocks?: number;
}

/** The text in which readers confirm pending changes: each campaign with its version. */
export function holdsText(pending: ReadonlyMap<number, number>): string {
  return [...pending].map(([campaignId, version]) => `${campaignId}.${version}`).join(',');
}

/**
 * Reads what changed since `known`; pass `{epoch: '', version: 0}` for everything. With `reader`, the read also confirms what
 * this gateway holds. Rejects if an entry lacks even an id or a revision.
 */
export async function readBoard(
  redis: RedisClient,
  keys: Keys,
  known: Known,
  reader?: BoardReader,
): Promise<BoardNews> {
  const answer = await readScript(
    redis,
    [keys.boardState, keys.boardCampaigns, keys.boardChanges, keys.boardBlocks, keys.boardConfirmed],
    [
      ...[known.epoch, known.version, reader?.gateway ?? '', reader?.incarnation ?? '', reader?.holds ?? ''],
      known.blocks ?? 0,
    ],
  );
  const texts = arrayOf('read.lua', answer).map(String);
  const [epoch = '', version, watermarkUs, rankedUs, nowUs, whole, shelvedTo, blocks, list = '', ...entries] =
    texts;
  const revision = Number(blocks);
  const campaigns: BoardCampaign[] = [];
  const strangers: BoardStranger[] = [];
  for (const json of entries) {
    const entry: unknown = JSON.parse(json);
    if (campaignShape.Check(entry)) campaigns.push(entry);
    else strangers.push(strangerOf(entry));
  }
  const isOther = epoch !== '' && (epoch !== known.epoch || revision !== (known.blocks ?? 0));
  return {
    epoch,
    version: Number(version),
    watermarkUs: Number(watermarkUs),
    rankedUs: Number(rankedUs),
    nowUs: Number(nowUs),
    isWhole: whole === '1',
    shelvedTo: Number(shelvedTo),
    ...(isOther ? { blocked: { revision, ...readBlocked(list) } } : {}),
    campaigns,
    strangers,
  };
}

/** Which of these gateways, by their leases, hold what they were asked to, according to their last confirmation. */
export async function readConfirmed<T extends Omit<BoardReader, 'holds'>>(
  redis: RedisClient,
  keys: Keys,
  leases: readonly T[],
  isHeld: (holds: readonly string[]) => boolean,
): Promise<ReadonlySet<T>> {
  const confirmed = await redis.hgetall(keys.boardConfirmed);
  return new Set(
    leases.filter(({ gateway, incarnation }) => {
      const [of, holds = ''] = confirmed[gateway]?.split(':') ?? [];
      return of === String(incarnation) && isHeld(holds.split(','));
    }),
  );
}
