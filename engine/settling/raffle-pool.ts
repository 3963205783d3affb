/**
 * Work on the whole pool of a raffle: its root, and its winners. A million entrants take seconds, so this runs between two
 * steps: no transaction is open, the campaign's row is free, and other campaigns have their steps meanwhile. An earlier step
 * has closed the pool, so all pages come from the same pool. The result is lost with the process and is the same when
 * computed again; the next step records it.
 */
import type { Pool as DatabasePool, Queryable } from '../../sql/database.ts';
import { type Campaign, getCampaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { type DrawState, readDrawState, readPool } from '../../sql/statements/draws/draws.ts';
import { pagesOf } from '../../sql/statements/pages.ts';
import { lastStampAt } from '../contract/record/stamp.ts';
import { Draw } from '../draw/draw.ts';
import { BATCH, type Entrant, PoolTree } from '../draw/pool.ts';
import { type DrawRules, winnersOf } from '../draw/rules.ts';
import type { Drawn } from '../draw/selection.ts';
import { closesAtUs } from './settling-step.ts';

/** Entrants read at a time: blocks the process for some 10 ms. */
const POOL_PAGE = 4 * BATCH;
const BEFORE_ALL = -1;

export interface PoolOptions {
  /** RECEIPT_SALT_SECRET. */
  readonly saltSecret: string;
}

/** What the next step of a raffle records. */
export type Prepared =
  | { readonly is: 'pool'; readonly poolCount: number; readonly poolRoot: Buffer }
  | { readonly is: 'drawing'; readonly seed: Buffer; readonly drawn: readonly Drawn<Entrant>[] };

/** Count and root of a closed pool. Rejects when `stopping` is aborted first. */
export async function hashPool(
  db: DatabasePool,
  { saltSecret }: PoolOptions,
  campaignId: number,
  stopping: AbortSignal,
): Promise<Prepared> {
  const pool = new PoolTree(campaignId, saltSecret);
  const campaign = await findCampaign(db, campaignId);
  if (campaign.frozenAt === null) throw new Error(`campaign ${campaignId}: its pool is not closed`);
  for await (const batch of poolBatches(db, campaign, stopping)) pool.add(batch);
  return { is: 'pool', poolCount: pool.count, poolRoot: pool.root() };
}

/**
 * The entrants drawn from a frozen pool. Rejects when `stopping` is aborted first, or when the pool read is not the frozen
 * one.
 */
export async function drawPool(
  db: DatabasePool,
  { saltSecret }: PoolOptions,
  campaignId: number,
  stopping: AbortSignal,
): Promise<Prepared> {
  const frozen = frozenState(campaignId, await readDrawState(db, campaignId));
  const { seed, draw } = frozen;
  if (seed === null) throw new Error(`campaign ${campaignId} has no seed`);
  const count = winnersOf(draw) + draw.alternates;
  const under = new Draw<Entrant>({ size: count, groupLimit: draw.group_limit }, seed);
  const pool = new PoolTree(campaignId, saltSecret);
  const campaign = await findCampaign(db, campaignId);
  for await (const batch of poolBatches(db, campaign, stopping)) under.add(batch, pool.add(batch));
  requireFrozen(campaignId, frozen, pool);
  return { is: 'drawing', seed, drawn: under.drawn() };
}

async function findCampaign(db: Queryable, campaignId: number): Promise<Campaign> {
  const campaign = await getCampaign(db, campaignId);
  if (campaign === undefined) throw new Error(`there is no campaign ${campaignId}`);
  return campaign;
}

/** The pool in stamp order, in batches. */
async function* poolBatches(
  db: Queryable,
  campaign: Campaign,
  stopping: AbortSignal,
): AsyncGenerator<readonly Entrant[], void> {
  const { campaignId } = campaign;
  const through = lastStamp(campaign);
  const pages = pagesOf({
    after: BEFORE_ALL,
    limit: POOL_PAGE,
    read: async (after, limit) => {
      stopping.throwIfAborted();
      return await readPool(db, { campaignId, after, through, limit });
    },
    keyOf: ({ stamp }) => stamp,
  });
  for await (const page of pages) {
    for (let from = 0; from < page.length; from += BATCH) yield page.slice(from, from + BATCH);
  }
}

/** The greatest possible stamp of a campaign. */
export function lastStamp(campaign: Campaign): number {
  return lastStampAt(closesAtUs(campaign) - 1, opensAtUs(campaign));
}

export interface FrozenState extends DrawState {
  readonly rules: string;
  /** The announced close. */
  readonly closesAtMs: number;
  readonly frozenAt: Date;
  readonly draw: DrawRules;
  readonly poolRoot: Buffer;
  readonly poolCount: number;
}

export function frozenState(campaignId: number, state: DrawState | undefined): FrozenState {
  const { rules = null, poolRoot = null, poolCount = null, frozenAt = null } = state ?? {};
  if (state === undefined || rules === null || poolRoot === null || poolCount === null || frozenAt === null) {
    throw new Error(`campaign ${campaignId} is not frozen`);
  }
  const { draw, closes_at_us: closesAtUs } = JSON.parse(rules);
  return { ...state, rules, poolRoot, poolCount, frozenAt, draw, closesAtMs: closesAtUs / 1000 };
}

/** Throws if the pool read differs from the frozen one: then nothing is drawn. */
function requireFrozen(campaignId: number, frozen: FrozenState, pool: PoolTree): void {
  const root = pool.root();
  if (pool.count === frozen.poolCount && root.equals(frozen.poolRoot)) return;
  throw new Error(
    `campaign ${campaignId} was frozen with ${frozen.poolCount} entrants and root ` +
      `${frozen.poolRoot.toString('base64url')}, but now has ${pool.count} and ${root.toString('base64url')}: ` +
      'not drawn',
  );
}
