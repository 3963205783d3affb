/**
 * The mark of a campaign's projection: whether Redis holds the campaign's data (its ranks, who won, who left) completely, so
 * that gateways may report an outcome, a rank or "no entry" from it.
 *
 * States: unmade -> `building` (begin.lua: deleted, and being rebuilt from the ledger, while gateways accept entries and rank
 * them) -> `whole` (finish.lua). A mark is valid for one epoch of the registry and one run of the server, and is stored beside
 * its data: when Redis is emptied or restarted, or another node takes over, the projection is unmade, whatever was being
 * written at that moment.
 */
import type { CampaignKeys } from '../keys.ts';
import { arrayOf, type RedisClient, scriptFrom } from '../redis.ts';

const scripts = {
  begin: scriptFrom(new URL('./begin.lua', import.meta.url)),
  take: scriptFrom(new URL('./take.lua', import.meta.url)),
  advance: scriptFrom(new URL('./advance.lua', import.meta.url)),
  finish: scriptFrom(new URL('./finish.lua', import.meta.url)),
  join: scriptFrom(new URL('./join.lua', import.meta.url)),
  look: scriptFrom(new URL('./look.lua', import.meta.url)),
  standing: scriptFrom(new URL('./standing.lua', import.meta.url)),
  sweep: scriptFrom(new URL('./sweep.lua', import.meta.url)),
};

/** Whether gateways may have written ranks that are deleted: see begin.lua. */
export type Ranking = 'nobody' | 'gateways';
const RANKING: Readonly<Record<Ranking, string>> = { nobody: '0', gateways: '1' };

function allOf({ mark, rank, won, withdrawn, gone, claimants, moves }: CampaignKeys): readonly string[] {
  return [mark, rank, won, withdrawn, gone, claimants, moves];
}

/** Deletes what an epoch before this one has left of a campaign. */
export async function sweepProjection(redis: RedisClient, keys: CampaignKeys, epoch: number): Promise<void> {
  await scripts.sweep(redis, allOf(keys), [epoch]);
}

/** Deletes everything that Redis holds of a campaign. */
export async function clearProjection(redis: RedisClient, keys: CampaignKeys): Promise<void> {
  await redis.unlink(...allOf(keys));
}

/** Deletes the projection and begins anew, unless that was done under this epoch. Rejects if it was done under a later one. */
export async function beginProjection(
  redis: RedisClient,
  keys: CampaignKeys,
  epoch: number,
  ranking: Ranking,
): Promise<void> {
  const { mark } = keys;
  const state = await scripts.begin(redis, allOf(keys), [epoch, RANKING[ranking]]);
  if (state === 'stale') throw new Error(`${mark} was started under a later epoch than ${epoch}`);
}

/** One engine's turn at rebuilding a projection. */
export interface MakingTurn {
  readonly epoch: number;
  /** Names the engine. */
  readonly maker: string;
  /** Names the turn: it cannot finish a rebuild that another turn has begun or restarted. */
  readonly by: string;
}

export type Taken =
  | { readonly state: 'unmade' | 'whole' | 'taken' }
  | {
      readonly state: 'yours';
      /** Entries of the ledger are ranked up to this stamp. */
      readonly ranked: number;
      /**
       * Ranks of gateways may be gone: the projection is whole only when the ledger has every request from before it was begun.
       */
      readonly isLacking: boolean;
      /** `by` of the previous turn; '' for the first since it was begun. */
      readonly before: string;
    };

/** Takes the rebuild, unless another engine has made progress within `patienceMs`. */
export async function takeProjection(
  redis: RedisClient,
  keys: CampaignKeys,
  { epoch, maker, by }: MakingTurn,
  patienceMs: number,
): Promise<Taken> {
  const args = [epoch, maker, by, patienceMs * 1000];
  const [state, ranked, lacking, before] = arrayOf('take.lua', await scripts.take(redis, [keys.mark], args));
  if (state === 'yours')
    return { state, ranked: Number(ranked), isLacking: lacking !== '0', before: String(before) };
  if (state === 'unmade' || state === 'whole' || state === 'taken') return { state };
  throw new Error(`take.lua answered ${String(state)}`);
}

/** A sign of life, optionally with how far entries are ranked. Rejects if the rebuild no longer belongs to `by`. */
export async function advanceProjection(
  redis: RedisClient,
  keys: CampaignKeys,
  by: string,
  ranked?: number,
): Promise<void> {
  if ((await scripts.advance(redis, [keys.mark], [by, ranked ?? ''])) !== 1) throw lost(keys);
}

/** How often the board was told of the campaign during the rebuild. Read it before the ledger, for `finishProjection`. */
export async function readJoined(redis: RedisClient, keys: CampaignKeys): Promise<string> {
  return (await redis.hget(keys.mark, 'joined')) ?? '';
}

/** False if the ledger has to be read once more. Rejects if the rebuild no longer belongs to `by`. */
export async function finishProjection(
  redis: RedisClient,
  keys: CampaignKeys,
  by: string,
  joined: string,
): Promise<boolean> {
  const state = await scripts.finish(redis, [keys.mark], [by, joined]);
  if (state === 'lost') throw lost(keys);
  return state === 'whole';
}

/** Call it before telling the board of the campaign, after reading its row. */
export async function joinProjection(
  redis: RedisClient,
  keys: CampaignKeys,
  epoch: number,
): Promise<'whole' | 'building' | 'unmade'> {
  const state = await scripts.join(redis, [keys.mark], [epoch]);
  if (state === 'whole' || state === 'building' || state === 'unmade') return state;
  throw new Error(`join.lua answered ${String(state)}`);
}

/** The epochs under which the projection was begun and is whole on its current server; '' for none. */
export interface Standing {
  readonly epoch: string;
  readonly whole: string;
  /** The number of ranked entries. */
  readonly count: number;
}

export async function readStanding(redis: RedisClient, keys: CampaignKeys): Promise<Standing> {
  const [epoch, whole, count] = arrayOf(
    'standing.lua',
    await scripts.standing(redis, [keys.mark, keys.rank], []),
  );
  return { epoch: String(epoch), whole: String(whole), count: Number(count) };
}

/** What Redis holds of one user. */
export interface Looked {
  readonly stamp: number;
  readonly rank: number;
  /** As stored in `won` or `claimants`. */
  readonly outcome: string | undefined;
  readonly withdrawn: boolean;
}

export type LookedAt =
  | { readonly state: 'whole'; readonly users: readonly (Looked | undefined)[] }
  /** The stamps that are ranked so far. */
  | { readonly state: 'building'; readonly stamps: readonly (number | undefined)[] }
  | { readonly state: 'unmade' };

/** Looks users up, at one moment of Redis; `outcome` is the key with the outcomes. */
export async function lookAt(
  redis: RedisClient,
  keys: CampaignKeys,
  outcome: string,
  epoch: string,
  users: readonly string[],
): Promise<LookedAt> {
  const scriptKeys = [keys.mark, keys.rank, keys.withdrawn, outcome];
  const [state, ...rest] = arrayOf('look.lua', await scripts.look(redis, scriptKeys, [epoch, ...users])).map(
    String,
  );
  if (state === 'unmade') return { state };
  if (state === 'building') {
    return { state, stamps: users.map((_, index) => numberOf(rest[index])) };
  }
  if (state !== 'whole') throw new Error(`look.lua answered ${String(state)}`);
  return { state, users: users.map((_, index) => lookedOf(rest.slice(4 * index, 4 * index + 4))) };
}

function lookedOf([stamp, rank, outcome, withdrawn]: readonly string[]): Looked | undefined {
  const number = numberOf(stamp);
  if (number === undefined) return undefined;
  return {
    stamp: number,
    rank: Number(rank),
    outcome: outcome === '' ? undefined : outcome,
    withdrawn: withdrawn !== '',
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : Number(text);
}

function lost(keys: CampaignKeys): Error {
  return new Error(`${keys.mark}: Redis was emptied or restarted, or another engine rebuilds it`);
}
