/**
 * Decides shops' requests, one after another, from the state of the ledger: a pure function, so that a test can compare it
 * with a model. The caller holds the locks on the coupons, and writes everything that it returns.
 */
import { fieldFault } from '../../engine/contract/api/problem.ts';
import type { ShopRequest } from '../../sql/statements/coupons/redemptions.ts';
import { type ShopCaller, sentKey } from '../shops/caller.ts';
import {
  alreadyRedeemed,
  blockedUser,
  type Decision,
  disabledCode,
  over,
  unknownReservation,
} from './decision.ts';
import type { Basket, CouponRefusal, Pricing } from './pricing.ts';
import { mayTouch, type Redemption, stateAt } from './redemption.ts';
import { refund, type WantedRefund } from './refund.ts';

/** A coupon on a priced basket. */
export interface WantedUse {
  readonly couponId: number;
  /** The shop of the coupon; null if it has none. */
  readonly shop: string | null;
  readonly code: string;
  /** Of the terms that determined the price. */
  readonly revision: number;
  /** The code belongs to one user; a shared one belongs to nobody. */
  readonly isGrant: boolean;
  readonly limitTotal: number | null;
  readonly limitPerUser: number | null;
}

export interface PricedBasket {
  readonly kind: 'use';
  readonly userId: string;
  readonly basket: Basket;
  readonly pricing: Pricing;
  readonly uses: readonly WantedUse[];
  /** How long to hold it; undefined: it is redeemed at once. */
  readonly holdMs: number | undefined;
}

export type Decidable =
  | PricedBasket
  | { readonly kind: 'commit'; readonly redemptionId: number }
  | { readonly kind: 'release'; readonly redemptionId: number }
  | { readonly kind: 'refund'; readonly redemptionId: number; readonly refund: WantedRefund }
  /** A request whose key is already in the ledger. */
  | { readonly kind: 'again' };

/** A request to decide, with its basket priced. */
export interface PricedRequest {
  readonly caller: ShopCaller;
  /** Makes a retry safe; undefined for a release, which is idempotent by itself. */
  readonly request: { readonly key: string; readonly hash: Buffer } | undefined;
  readonly wanted: Decidable;
}

/** The state of the ledger. Everything but `requests` is read under the locks. */
export interface Standing {
  readonly nowMs: number;
  /** By coupon. */
  readonly coupons: ReadonlyMap<
    number,
    { readonly revision: number; readonly disabled: boolean; readonly used: number }
  >;
  /** By userKey. */
  readonly userUses: ReadonlyMap<string, number>;
  /** Users who may not redeem. */
  readonly blocked: ReadonlySet<string>;
  /** The holder of each granted code; a code that is missing here no longer belongs to anybody. */
  readonly holders: ReadonlyMap<string, string>;
  readonly requests: ReadonlyMap<string, ShopRequest>;
  readonly redemptions: ReadonlyMap<number, Redemption>;
  /** Ids for new redemptions: at least one for each basket. */
  readonly freshIds: readonly number[];
}

export function userKey(couponId: number, userId: string): string {
  return `${couponId}:${userId}`;
}

export interface Decided {
  /** In the order of the requests. */
  readonly decisions: readonly Decision[];
  readonly made: readonly Redemption[];
  readonly committed: readonly number[];
  readonly released: readonly number[];
  readonly refunds: readonly {
    readonly redemptionId: number;
    readonly refundNumber: number;
    readonly refund: ReturnType<typeof refund> & object;
    readonly givenBack: readonly number[];
  }[];
  /** By coupon: the change of its number of uses. */
  readonly useChanges: ReadonlyMap<number, number>;
  readonly requests: readonly ShopRequest[];
}

export function decide(standing: Standing, batch: readonly PricedRequest[]): Decided {
  const draft = new Draft(standing);
  const decisions = batch.map(each => draft.decide(each));
  return { ...draft.written(), decisions };
}

type Done = Extract<Decision, { state: 'done' }>;

/** The state of the ledger, with the decisions so far. */
class Draft {
  readonly #standing: Standing;
  readonly #redemptions: Map<number, Redemption>;
  readonly #requests: Map<string, ShopRequest>;
  readonly #useChanges = new Map<number, number>();
  readonly #userUses: Map<string, number>;
  readonly #made: number[] = [];
  readonly #committed: number[] = [];
  readonly #released: number[] = [];
  readonly #refunds: Decided['refunds'][number][] = [];
  readonly #newRequests: ShopRequest[] = [];

  constructor(standing: Standing) {
    this.#standing = standing;
    this.#redemptions = new Map(standing.redemptions);
    this.#requests = new Map(standing.requests);
    this.#userUses = new Map(standing.userUses);
  }

  written(): Omit<Decided, 'decisions'> {
    return {
      made: this.#made.map(id => this.#known(id)),
      committed: this.#committed,
      released: this.#released,
      refunds: this.#refunds,
      useChanges: this.#useChanges,
      requests: this.#newRequests,
    };
  }

  decide({ caller, request, wanted }: PricedRequest): Decision {
    const before = request && this.#requests.get(request.key);
    if (request !== undefined && before !== undefined) return this.#again(request, before);
    const decision = this.#decideNew(caller, wanted);
    if (request !== undefined && decision.state === 'done') {
      const { redemptionId } = decision.redemption;
      const noted = { ...request, redemptionId, refundNumber: decision.refundNumber ?? null };
      this.#requests.set(request.key, noted);
      this.#newRequests.push(noted);
    }
    return decision;
  }

  #again(request: { readonly key: string; readonly hash: Buffer }, before: ShopRequest): Decision {
    if (!before.hash.equals(request.hash)) {
      const key = sentKey(request.key);
      const detail = `The key ${JSON.stringify(key)} was already used for another request.`;
      const expected = 'a new key for each new request';
      const fault = fieldFault('idempotency-key', key, expected);
      return { state: 'problem', slug: 'idempotency-key-reused', detail, fault };
    }
    return this.#done(false, this.#known(before.redemptionId), before.refundNumber ?? undefined);
  }

  #decideNew(caller: ShopCaller, wanted: Decidable): Decision {
    switch (wanted.kind) {
      case 'use':
        return this.#use(wanted);
      case 'commit':
        return this.#commit(caller, wanted.redemptionId);
      case 'release':
        return this.#release(caller, wanted.redemptionId);
      case 'refund':
        return this.#refund(caller, wanted.redemptionId, wanted.refund);
      case 'again':
        throw new Error('no request is stored under a known key');
    }
  }

  #use({ userId, basket, pricing, uses, holdMs }: PricedBasket): Decision {
    if (this.#standing.blocked.has(userId)) return blockedUser(userId, 'user');
    const refusals: CouponRefusal[] = [];
    for (const use of uses) {
      if (this.#standing.coupons.get(use.couponId)?.revision !== use.revision) return { state: 'stale' };
      const refusal = this.#refusalOf(use, userId);
      if (refusal !== undefined) refusals.push(refusal);
    }
    if (refusals.length > 0) return { state: 'refused', refusals };
    const redemptionId = this.#standing.freshIds[this.#made.length];
    if (redemptionId === undefined) throw new Error('fewer ids than baskets');
    for (const { couponId } of uses) this.#count(couponId, userId, 1);
    const { nowMs } = this.#standing;
    this.#redemptions.set(redemptionId, {
      redemptionId,
      userId,
      state: holdMs === undefined ? 'redeemed' : 'held',
      basket,
      pricing,
      createdAtMs: nowMs,
      expiresAtMs: holdMs === undefined ? null : nowMs + holdMs,
      redeemedAtMs: holdMs === undefined ? nowMs : null,
      releasedAtMs: null,
      uses: uses.map(({ couponId, shop, code }) => ({ couponId, shop, code, givenBack: false })),
      refunds: [],
    });
    this.#made.push(redemptionId);
    return this.#done(true, this.#known(redemptionId));
  }

  #refusalOf(use: WantedUse, userId: string): CouponRefusal | undefined {
    const { couponId, code, isGrant, limitTotal, limitPerUser } = use;
    if (isGrant && this.#standing.holders.get(code) !== userId) {
      return { code, reason: 'unknown', expected: 'a granted code' };
    }
    const used = (this.#standing.coupons.get(couponId)?.used ?? 0) + (this.#useChanges.get(couponId) ?? 0);
    if (limitTotal !== null && used >= limitTotal) {
      return { code, reason: 'used_up', expected: `at most ${limitTotal} uses in total` };
    }
    const byUser = this.#userUses.get(userKey(couponId, userId)) ?? 0;
    if (limitPerUser !== null && byUser >= limitPerUser) {
      return { code, reason: 'used_up_by_user', expected: `at most ${limitPerUser} uses per user` };
    }
    return undefined;
  }

  #commit(caller: ShopCaller, redemptionId: number): Decision {
    const held = this.#ofCaller(caller, redemptionId);
    if (held === undefined || held.expiresAtMs === null) return unknownReservation(redemptionId);
    if (held.state === 'redeemed') return alreadyRedeemed(redemptionId);
    const state = stateAt(held, this.#standing.nowMs);
    if (state !== 'held') return over(redemptionId, state);
    if (this.#standing.blocked.has(held.userId)) return blockedUser(redemptionId, 'reservation');
    // A basket with a disabled coupon is refused before, when it is priced.
    const refusals = held.uses.flatMap(({ couponId, code }) =>
      this.#standing.coupons.get(couponId)?.disabled === true ? [disabledCode(code)] : [],
    );
    if (refusals.length > 0) return { state: 'refused', refusals };
    this.#committed.push(redemptionId);
    this.#redemptions.set(redemptionId, { ...held, state: 'redeemed', redeemedAtMs: this.#standing.nowMs });
    return this.#done(true, this.#known(redemptionId));
  }

  #release(caller: ShopCaller, redemptionId: number): Decision {
    const held = this.#ofCaller(caller, redemptionId);
    if (held === undefined || held.expiresAtMs === null) return unknownReservation(redemptionId);
    if (held.state === 'redeemed') return alreadyRedeemed(redemptionId);
    if (stateAt(held, this.#standing.nowMs) !== 'held') return this.#done(false, held);
    this.#released.push(redemptionId);
    for (const { couponId } of held.uses) this.#count(couponId, held.userId, -1);
    this.#redemptions.set(redemptionId, {
      ...held,
      state: 'released',
      releasedAtMs: this.#standing.nowMs,
      uses: held.uses.map(use => ({ ...use, givenBack: true })),
    });
    return this.#done(true, this.#known(redemptionId));
  }

  #refund(caller: ShopCaller, redemptionId: number, wanted: WantedRefund): Decision {
    const sold = this.#ofCaller(caller, redemptionId);
    if (sold === undefined || sold.state !== 'redeemed') {
      const detail = `Redemption ${redemptionId} does not exist.`;
      const fault = fieldFault('id', redemptionId, 'the id of an existing redemption');
      return { state: 'problem', slug: 'unknown-redemption', detail, fault };
    }
    const made = refund(sold, wanted);
    if (!('amount' in made)) return { state: 'nothing left', faults: made };
    const refundNumber = sold.refunds.length + 1;
    const isBack = (code: string): boolean => made.givenBack.includes(code);
    const givenBack = sold.uses.filter(use => isBack(use.code)).map(use => use.couponId);
    for (const couponId of givenBack) this.#count(couponId, sold.userId, -1);
    this.#refunds.push({ redemptionId, refundNumber, refund: made, givenBack });
    this.#redemptions.set(redemptionId, {
      ...sold,
      uses: sold.uses.map(use => (isBack(use.code) ? { ...use, givenBack: true } : use)),
      refunds: [...sold.refunds, { ...made, refundedAtMs: this.#standing.nowMs }],
    });
    return this.#done(true, this.#known(redemptionId), refundNumber);
  }

  #count(couponId: number, userId: string, change: number): void {
    this.#useChanges.set(couponId, (this.#useChanges.get(couponId) ?? 0) + change);
    const key = userKey(couponId, userId);
    this.#userUses.set(key, (this.#userUses.get(key) ?? 0) + change);
  }

  /** Another shop's does not exist for the caller. */
  #ofCaller(caller: ShopCaller, redemptionId: number): Redemption | undefined {
    const redemption = this.#redemptions.get(redemptionId);
    return redemption !== undefined && mayTouch(caller, redemption) ? redemption : undefined;
  }

  #known(redemptionId: number): Redemption {
    const redemption = this.#redemptions.get(redemptionId);
    if (redemption === undefined) throw new Error(`redemption ${redemptionId} was not read`);
    return redemption;
  }

  #done(isNew: boolean, redemption: Redemption, refundNumber?: number): Done {
    return { state: 'done', isNew, redemption, refundNumber };
  }
}
