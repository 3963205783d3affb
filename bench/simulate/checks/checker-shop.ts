/**
 * What must hold of coupons in use: never more uses than the limits allow, one redemption per key however often it is
 * requested, a price that follows from the terms and the basket, holds that are redeemed in time or not at all, and answers
 * that stay true. checker-coupons.ts checks terms and what gateways show, checker-refunds.ts checks refunds. Shares no code
 * with gateway and engine.
 */
import { type CheckedCoupon, CheckedCoupons, type SeenCoupon, type SeenUse } from './checker-coupons.ts';
import { CheckedRefunds, type SeenRefund } from './checker-refunds.ts';
import type { Checks } from './checks.ts';

/** The checked columns of the committed rows. */
export interface SeenShop {
  coupons(): readonly SeenCoupon[];
  redemptions(): readonly SeenRedemption[];
  uses(): readonly SeenUse[];
  refunds(): readonly SeenRefund[];
  requests(): readonly { readonly key: string; readonly redemptionId: number }[];
  /** The ledger's clock, milliseconds: holds lapse by it. */
  nowMs(): number;
}

interface SeenRedemption {
  readonly redemptionId: number;
  readonly userId: string;
  readonly state: string;
  /** JSON. */
  readonly basket: string;
  readonly pricing: string;
  readonly expiresAt: Date | null;
  readonly redeemedAt: Date | null;
}

/** What a shop requests under one key. */
interface Wanted {
  readonly userId: string;
  readonly code: string;
  readonly subtotal: number;
}

interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly askedUs: number;
  readonly nowUs: number;
}

interface CouponAction {
  readonly what: 'hold' | 'redeem' | 'commit' | 'release';
  readonly key: string;
  readonly of: number | undefined;
}

/** One use, and the time during which it counted, microseconds. */
interface Counted {
  readonly redemptionId: number;
  readonly couponId: number;
  readonly userId: string;
  readonly fromUs: number;
  /** From then on it certainly does not count; infinite while it counts. */
  untilUs: number;
}

/** How much earlier than its commit or answer something may have been decided, in addition to a request's latency. */
const SLACK_US = 1_000_000;
const WHOLE = 10_000;

export class CheckedShop {
  /** By how much the ledger's clock is set in this run: holds lapse by that clock, so sooner or later. */
  clockSetByUs = 0;
  readonly coupons: CheckedCoupons;
  readonly refunds: CheckedRefunds;
  readonly isOpen: boolean;
  readonly #ledger: SeenShop;
  readonly #wanted = new Map<string, Wanted>();
  /** Keyed by idempotency key: the first answer. */
  readonly #told = new Map<string, { readonly id: number; readonly atUs: number }>();
  readonly #isNew = new Set<string>();
  readonly #states = new Map<number, string>();
  readonly #counted = new Map<string, Counted>();

  constructor(announced: readonly CheckedCoupon[], ledger: SeenShop) {
    this.coupons = new CheckedCoupons(announced);
    this.refunds = new CheckedRefunds(ledger);
    this.isOpen = announced.length > 0;
    this.#ledger = ledger;
  }

  /** A shop sends a basket under this key. */
  wants(key: string, wanted: Wanted): void {
    this.#wanted.set(key, wanted);
  }

  /** The ledger has committed something. */
  committed(checker: Checks, nowUs: number): void {
    const uses = this.#ledger.uses();
    for (const coupon of this.#ledger.coupons()) {
      const own = uses.filter(({ couponId }) => couponId === coupon.couponId);
      this.coupons.committed(checker, coupon, own, { nowUs, nowMs: this.#ledger.nowMs() });
      this.#checkUses(checker, coupon, own);
    }
    this.refunds.committed(checker);
    for (const use of uses) this.#count(use, nowUs);
    const keys = new Map<number, string>();
    for (const { key, redemptionId } of this.#ledger.requests()) {
      if (!this.#wanted.has(key)) continue;
      if (keys.has(redemptionId))
        checker.breaks(4, `${key} and another key have made redemption ${redemptionId}`);
      keys.set(redemptionId, key);
    }
    for (const redemption of this.#ledger.redemptions()) {
      this.#checkRedemption(checker, redemption, keys.get(redemption.redemptionId));
    }
  }

  #checkUses(checker: Checks, coupon: SeenCoupon, uses: readonly SeenUse[]): void {
    const kept = uses.filter(({ givenBackAt }) => givenBackAt === null);
    const name = coupon.code ?? `of campaign ${coupon.campaignId}`;
    if (kept.length !== coupon.used)
      checker.breaks(2, `coupon ${name} is used ${kept.length} times, and the ledger counts ${coupon.used}`);
    const { limitTotal, limitPerUser } = coupon;
    const counting = kept.filter(
      ({ heldUntil }) => heldUntil === null || heldUntil.getTime() > this.#ledger.nowMs(),
    );
    if (counting.length > (limitTotal ?? counting.length))
      checker.breaks(2, `coupon ${name} is used ${counting.length} times of ${limitTotal}`);
    for (const { userId } of counting) {
      const own = counting.filter(use => use.userId === userId).length;
      if (own > (limitPerUser ?? own))
        checker.breaks(2, `${userId} uses coupon ${name} ${own} times of ${limitPerUser}`);
    }
  }

  /** Records from when and until when each use counts. */
  #count({ redemptionId, couponId, userId, heldUntil, givenBackAt }: SeenUse, nowUs: number): void {
    const key = `${redemptionId}/${couponId}`;
    const known = this.#counted.get(key) ?? {
      redemptionId,
      couponId,
      userId,
      fromUs: nowUs,
      untilUs: Number.POSITIVE_INFINITY,
    };
    this.#counted.set(key, known);
    if (heldUntil !== null) known.untilUs = heldUntil.getTime() * 1_000;
    else if (givenBackAt === null) known.untilUs = Number.POSITIVE_INFINITY;
    else known.untilUs = Math.min(known.untilUs, nowUs);
  }

  #checkRedemption(checker: Checks, redemption: SeenRedemption, key: string | undefined): void {
    const { redemptionId, userId, state, expiresAt, redeemedAt } = redemption;
    const before = this.#states.get(redemptionId);
    this.#states.set(redemptionId, state);
    if (before === state) return;
    if (before !== undefined && before !== 'held')
      checker.breaks(1, `redemption ${redemptionId} of ${userId} was ${before}, and is ${state}`);
    if (state === 'redeemed' && expiresAt !== null && (redeemedAt === null || redeemedAt >= expiresAt))
      checker.breaks(1, `hold ${redemptionId} of ${userId} was redeemed when it was over`);
    const uses = this.#ledger.uses().filter(use => use.redemptionId === redemptionId);
    if (state === 'redeemed' && uses.some(({ givenBackAt }) => givenBackAt !== null))
      checker.breaks(2, `redemption ${redemptionId} of ${userId} is redeemed, and its use was given back`);
    const wanted = key === undefined ? undefined : this.#wanted.get(key);
    if (wanted === undefined) {
      checker.breaks(4, `redemption ${redemptionId} of ${userId} was made under no key`);
      return;
    }
    const total: unknown = Reflect.get(Object(JSON.parse(redemption.pricing)), 'total');
    if (userId !== wanted.userId || total !== this.#priceOf(redemptionId, wanted))
      checker.breaks(2, `${key} cost ${String(total)}, not ${this.#priceOf(redemptionId, wanted)}`);
  }

  /** A discount is rounded half up, and never exceeds the subtotal. */
  #priceOf(redemptionId: number, { subtotal }: Wanted): number | undefined {
    const use = this.#ledger.uses().find(each => each.redemptionId === redemptionId);
    const coupon = this.#ledger.coupons().find(({ couponId }) => couponId === use?.couponId);
    const { basisPoints = null } = coupon ?? {};
    if (basisPoints === null) return undefined;
    return subtotal - Math.floor((subtotal * basisPoints * 2 + WHOLE) / (WHOLE * 2));
  }

  /** A gateway answers a shop. */
  answered(checker: Checks, action: CouponAction, answer: Answered): void {
    const { status, body } = answer;
    if (status === 200 || status === 201) this.#checkDone(checker, action, Number(body.id), answer);
    else if (status === 409) this.#checkRefused(checker, action, answer);
    else if (status !== 503) checker.breaks(1, `${action.key} is answered ${status} ${JSON.stringify(body)}`);
  }

  #checkDone(checker: Checks, { what, key }: CouponAction, id: number, { status, nowUs }: Answered): void {
    const row = this.#ledger.redemptions().find(({ redemptionId }) => redemptionId === id);
    if (row === undefined) {
      checker.breaks(1, `${key} was told of redemption ${id}, which the ledger has not`);
      return;
    }
    const told = this.#told.get(key);
    if (told === undefined) this.#told.set(key, { id, atUs: nowUs });
    else if (told.id !== id) checker.breaks(4, `${key} was told ${told.id}, and ${id} when asked again`);
    if (status === 201) {
      if (this.#isNew.has(key)) checker.breaks(4, `${key} was told twice that it is new`);
      this.#isNew.add(key);
    }
    const isRedeemed = row.state === 'redeemed';
    if (what === 'release' ? isRedeemed : what !== 'hold' && !isRedeemed)
      checker.breaks(1, `${key} was told to ${what} ${id}, and the ledger has it ${row.state}`);
    const request = this.#ledger.requests().find(each => each.key === key);
    if (what !== 'release' && request?.redemptionId !== id)
      checker.breaks(4, `${key} was told ${id}, and the ledger notes ${request?.redemptionId}`);
  }

  #checkRefused(
    checker: Checks,
    { what, key, of: redemptionId }: CouponAction,
    { body, askedUs, nowUs }: Answered,
  ): void {
    const told = this.#told.get(key);
    if (told !== undefined && told.atUs < askedUs && what !== 'release')
      checker.breaks(4, `${key} was told ${told.id}, and is refused when asked again`);
    // One key redeems a hold, or one releases it: its state follows from the requests here.
    if (String(body.type).endsWith('already-redeemed'))
      checker.breaks(4, `${key} is told that ${redemptionId} is redeemed already: by itself`);
    const row = this.#ledger.redemptions().find(each => each.redemptionId === redemptionId);
    const isOver =
      (row?.expiresAt?.getTime() ?? 0) * 1_000 <= this.#ledger.nowMs() * 1_000 + this.clockSetByUs;
    if (row !== undefined && what === 'commit' && (row.state === 'redeemed' || !isOver))
      checker.breaks(
        1,
        `${key} may not redeem ${redemptionId}, which is ${row.state}${isOver ? '' : ' and not over'}`,
      );
    for (const { reason } of reasonsOf(body)) {
      if (reason === 'used_up' || reason === 'used_up_by_user')
        this.#checkUsedUp(checker, key, {
          fromUs: askedUs,
          toUs: nowUs,
          isOfUser: reason === 'used_up_by_user',
        });
    }
  }

  /** At some moment since the request, nothing was left for the user: others had used it. */
  #checkUsedUp(
    checker: Checks,
    key: string,
    {
      fromUs,
      toUs,
      isOfUser,
    }: { readonly fromUs: number; readonly toUs: number; readonly isOfUser: boolean },
  ): void {
    const wanted = this.#wanted.get(key);
    const coupon = this.#ledger.coupons().find(({ code }) => code === wanted?.code);
    if (wanted === undefined || coupon === undefined) return;
    const own = this.#ledger.requests().find(each => each.key === key)?.redemptionId;
    const which = isOfUser ? 'limitPerUser' : 'limitTotal';
    const limit = this.coupons.leastLimit(coupon.couponId, which, fromUs - SLACK_US, toUs);
    const counting = [...this.#counted.values()].filter(
      use =>
        use.couponId === coupon.couponId &&
        use.redemptionId !== own &&
        (!isOfUser || use.userId === wanted.userId) &&
        use.fromUs <= toUs &&
        use.untilUs + SLACK_US + this.clockSetByUs > fromUs,
    );
    if (counting.length < limit)
      checker.breaks(2, `${key} was told used up, with ${counting.length} uses of others, of ${limit}`);
  }

  /** At the end, everything that was answered exists, and a hold that nobody redeemed is not a use. */
  checkEnd(checker: Checks): void {
    for (const [key, { id }] of this.#told) {
      if (!this.#states.has(id)) checker.breaks(1, `${key} was told of redemption ${id}, which is not there`);
    }
  }
}

function reasonsOf(body: Record<string, unknown>): readonly { readonly reason: unknown }[] {
  return Array.isArray(body.reasons) ? body.reasons : [];
}
