/**
 * Decides a batch of shops' requests in one transaction: read, lock, decide, write. sql/statements/coupons/redemptions.ts
 * explains this order; decide.ts has the decisions, pricing.ts the prices.
 */

import { allowedTerms } from '../../engine/contract/coupons/restriction.ts';
import type { Queryable } from '../../sql/database.ts';
import { type CouponCode, readCodes } from '../../sql/statements/coupons/coupons.ts';
import {
  addUses,
  type CountedUses,
  commitHolds,
  giveBackLapsed,
  insertRedemptions,
  insertRefunds,
  insertShopRequests,
  lockCoupons,
  lockGrantCodes,
  type RedemptionRow,
  readRedemptions,
  readShopRequests,
  readUserUses,
  releaseHolds,
  type ShopRequest,
} from '../../sql/statements/coupons/redemptions.ts';
import { readBlockedUsers } from '../../sql/statements/operators/blocks.ts';
import { TakenBack } from '../cold/ledger.ts';
import { mayUse, type ShopCaller } from '../shops/caller.ts';
import {
  type Decidable,
  type Decided,
  decide,
  type PricedBasket,
  type PricedRequest,
  type Standing,
  userKey,
} from './decide.ts';
import { type Decision, disabledCode } from './decision.ts';
import { type Basket, type CouponRefusal, price } from './pricing.ts';
import { fromRow, type Redemption } from './redemption.ts';

/** A basket as a shop sends it, not priced yet. */
export interface WantedBasket {
  readonly kind: 'use';
  readonly userId: string;
  readonly basket: Basket;
  /** Without repetitions. */
  readonly codes: readonly string[];
  readonly holdMs: number | undefined;
}

export interface RedemptionRequest {
  readonly caller: ShopCaller;
  readonly request: PricedRequest['request'];
  readonly wanted: WantedBasket | Exclude<Decidable, PricedBasket | { kind: 'again' }>;
}

export interface BatchResult {
  /** The ledger's clock. */
  readonly nowMs: number;
  /** In the order of the batch. */
  readonly decisions: readonly Decision[];
}

/** Another transaction has taken a key meanwhile: the whole batch must be decided again. */
export class KeyTaken extends TakenBack {}

/**
 * Undefined if more holds have lapsed than one transaction gives back: nothing is decided while some of them still count.
 * Commit, and call it again.
 */
export async function decideBatch(
  db: Queryable,
  batch: readonly RedemptionRequest[],
  lapsedAtOnce: number,
): Promise<BatchResult | undefined> {
  const keys = batch.flatMap(({ request }) => (request === undefined ? [] : [request.key]));
  const requests = await readShopRequests(db, keys);
  const prepared = await prepare(db, batch, requests);
  const priced = prepared.filter(each => 'wanted' in each);
  const couponIds = await couponIdsOf(db, priced);
  if (couponIds.length > 0) await lockCoupons(db, couponIds);
  const baskets = priced.flatMap(({ wanted }) => (wanted.kind === 'use' ? [wanted] : []));
  const counted = await giveBackLapsed(db, couponIds, baskets.length, lapsedAtOnce);
  if (counted.more) return undefined;
  const standing = await readStanding(db, priced, counted, requests);
  const decided = decide(standing, priced);
  let index = 0;
  const decisions = prepared.map(each =>
    'wanted' in each ? (decided.decisions[index++] ?? STALE) : ({ state: 'refused', ...each } as const),
  );
  // Another gateway may have done the same request since the keys were read: do not refuse it because of its own uses.
  const isRefused = decisions.some(({ state }) => state !== 'done' && state !== 'stale');
  if (isRefused && (await readShopRequests(db, keys)).size > requests.size) throw new KeyTaken();
  await write(db, decided, standing.nowMs);
  return { nowMs: standing.nowMs, decisions };
}

const STALE: Decision = { state: 'stale' };
const UNKNOWN = 'an existing code, claimed if claims are required';

type Prepared = PricedRequest | { readonly refusals: readonly CouponRefusal[] };

/** Prices the baskets before anything is locked: a basket that cannot be priced needs no lock. */
async function prepare(
  db: Queryable,
  batch: readonly RedemptionRequest[],
  requests: ReadonlyMap<string, ShopRequest>,
): Promise<readonly Prepared[]> {
  const codes = new Set(batch.flatMap(({ wanted }) => (wanted.kind === 'use' ? wanted.codes : [])));
  const { nowMs, known } = await readCodes(db, [...codes]);
  return batch.map(({ caller, request, wanted }) => {
    // A repeated request is answered with what it did, whatever has become of its coupons.
    if (request !== undefined && requests.has(request.key))
      return { caller, request, wanted: { kind: 'again' } };
    if (wanted.kind !== 'use') return { caller, request, wanted };
    const priced = priceBasket(caller, wanted, known, nowMs);
    return 'refusals' in priced ? priced : { caller, request, wanted: priced };
  });
}

function priceBasket(
  caller: ShopCaller,
  { userId, basket, codes, holdMs }: WantedBasket,
  known: ReadonlyMap<string, CouponCode>,
  nowMs: number,
): PricedBasket | { readonly refusals: readonly CouponRefusal[] } {
  const refusals: CouponRefusal[] = [];
  const found: CouponCode[] = [];
  for (const code of codes) {
    const one = known.get(code);
    if (one === undefined || !mayUse(caller, one.coupon.shop))
      refusals.push({ code, reason: 'unknown', expected: UNKNOWN });
    else if (one.holder !== null && one.holder !== userId) {
      refusals.push({ code, reason: 'another_user', expected: 'a code of this user' });
    } else if (one.coupon.restriction?.disabled === true) refusals.push(disabledCode(code));
    else found.push(one);
  }
  if (refusals.length > 0) return { refusals };
  const coupons = found.map(({ code, coupon: { couponId, terms, restriction } }) => ({
    code,
    couponId,
    terms: allowedTerms(terms, restriction),
  }));
  const priced = price(basket, coupons, nowMs);
  if (!priced.ok) return { refusals: priced.refusals };
  const uses = found.map(({ code, holder, coupon: { couponId, shop, revision, terms, restriction } }) => {
    const { limitTotal, limitPerUser } = allowedTerms(terms, restriction);
    return { couponId, shop, code, revision, isGrant: holder !== null, limitTotal, limitPerUser };
  });
  return { kind: 'use', userId, basket, pricing: priced.pricing, uses, holdMs };
}

/** The redemptions that the requests are about, including those of known keys. */
function redemptionIdsOf(
  priced: readonly PricedRequest[],
  requests: ReadonlyMap<string, ShopRequest>,
): number[] {
  return priced.flatMap(({ request, wanted }) => {
    const before = request && requests.get(request.key);
    if (before !== undefined) return [before.redemptionId];
    return 'redemptionId' in wanted ? [wanted.redemptionId] : [];
  });
}

/** Every coupon whose number of uses may change. Read before the locks, because a redemption's coupons never change. */
async function couponIdsOf(db: Queryable, priced: readonly PricedRequest[]): Promise<number[]> {
  const ids = new Set<number>();
  const redemptionIds: number[] = [];
  for (const { wanted } of priced) {
    if (wanted.kind === 'use') for (const { couponId } of wanted.uses) ids.add(couponId);
    else if ('redemptionId' in wanted) redemptionIds.push(wanted.redemptionId);
  }
  if (redemptionIds.length > 0) {
    const { rows } = await readRedemptions(db, redemptionIds);
    for (const { uses } of rows.values()) for (const { couponId } of uses) ids.add(couponId);
  }
  return [...ids];
}

async function readStanding(
  db: Queryable,
  priced: readonly PricedRequest[],
  counted: CountedUses,
  requests: ReadonlyMap<string, ShopRequest>,
): Promise<Standing> {
  const uses = priced.flatMap(({ wanted }) =>
    wanted.kind === 'use' ? wanted.uses.map(use => ({ ...use, userId: wanted.userId })) : [],
  );
  const userUses = await readUserUses(
    db,
    uses.filter(use => use.limitPerUser !== null),
  );
  const redemptionIds = redemptionIdsOf(priced, requests);
  const { rows } = redemptionIds.length === 0 ? NO_ROWS : await readRedemptions(db, redemptionIds);
  const users = new Set([...uses, ...rows.values()].map(({ userId }) => userId));
  return {
    nowMs: counted.nowMs,
    coupons: new Map(counted.uses.map(use => [use.couponId, use])),
    userUses: new Map(userUses.map(use => [userKey(use.couponId, use.userId), use.used])),
    blocked: await readBlockedUsers(db, [...users]),
    holders: await lockGrantCodes(
      db,
      uses.filter(use => use.isGrant).map(use => use.code),
    ),
    requests,
    redemptions: redemptionsOf(rows),
    freshIds: counted.freshIds,
  };
}

const NO_ROWS = { rows: new Map<number, RedemptionRow>() };

function redemptionsOf(rows: ReadonlyMap<number, RedemptionRow>): ReadonlyMap<number, Redemption> {
  return new Map([...rows].map(([id, row]) => [id, fromRow(row)]));
}

async function write(db: Queryable, decided: Decided, nowMs: number): Promise<void> {
  const made = decided.made.map(({ redemptionId, userId, state, basket, pricing, expiresAtMs, uses }) => ({
    redemptionId,
    userId,
    basket: JSON.stringify(basket),
    pricing: JSON.stringify(pricing),
    expiresAtMs: state === 'held' ? (expiresAtMs ?? undefined) : undefined,
    uses,
  }));
  await insertRedemptions(db, made, nowMs);
  await commitHolds(db, decided.committed, nowMs);
  await releaseHolds(db, decided.released, nowMs);
  await insertRefunds(
    db,
    decided.refunds.map(each => ({ ...each, refund: JSON.stringify(each.refund) })),
    nowMs,
  );
  await addUses(db, decided.useChanges);
  if (!(await insertShopRequests(db, decided.requests))) throw new KeyTaken();
}
