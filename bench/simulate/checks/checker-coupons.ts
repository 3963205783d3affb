/**
 * What must hold of coupons themselves: their terms are those that the operator requested, one version after the other; the
 * terms stay while a user holds the coupon; and what a gateway shows of a code was true a moment ago. Shares no code with
 * gateway and engine.
 */
import type { Checks } from './checks.ts';

export interface CouponTerms {
  readonly basisPoints: number;
  readonly limitTotal: number | null;
  readonly limitPerUser: number | null;
}

/** The terms of a public code, or of the codes that a campaign grants. */
export interface CheckedCoupon extends CouponTerms {
  readonly of: { readonly code: string } | { readonly campaignId: number };
}

/** A coupon as the ledger has it. */
export interface SeenCoupon {
  readonly couponId: number;
  readonly campaignId: number | null;
  readonly code: string | null;
  readonly used: number;
  readonly revision: number;
  readonly basisPoints: number | null;
  readonly limitTotal: number | null;
  readonly limitPerUser: number | null;
}

export interface SeenUse {
  readonly redemptionId: number;
  readonly couponId: number;
  readonly userId: string;
  readonly heldUntil: Date | null;
  readonly givenBackAt: Date | null;
}

/** The state of a coupon from an instant on. */
interface Stood {
  readonly atUs: number;
  readonly coupon: SeenCoupon;
  readonly uses: readonly SeenUse[];
}

/** A gateway's answer about a code. */
export interface Shown {
  readonly gateway: number;
  /** The holder; undefined for a public code. */
  readonly holder: string | undefined;
  readonly body: Record<string, unknown>;
  readonly askedUs: number;
  readonly nowUs: number;
}

/** Nothing shown is older than this. */
const KEPT_US = 5_000_000;

export class CheckedCoupons {
  /** The greatest age of what a gateway shows of a code; undefined where that is unknown. */
  shownBeforeUs: number | undefined;
  /** Whether a gateway shows its own changes at once: nothing prevents it from announcing them. */
  isOwnShown = false;
  readonly #announced: readonly CheckedCoupon[];
  /** Keyed by code: the terms that the operator requested. */
  readonly #requested = new Map<string, CouponTerms[]>();
  /** Keyed by coupon; the latest is last. */
  readonly #stood = new Map<number, Stood[]>();
  /** Keyed by gateway and code: when the gateway last answered that it changed something about the code. */
  readonly #doneUs = new Map<string, number>();

  constructor(announced: readonly CheckedCoupon[]) {
    this.#announced = announced;
  }

  /** The operator requests other terms. */
  requested(code: string, terms: CouponTerms): void {
    this.#requested.set(code, [...(this.#requested.get(code) ?? []), terms]);
  }

  /** The ledger has committed something; `uses` are the coupon's uses, `nowMs` is the ledger's time. */
  committed(
    checker: Checks,
    coupon: SeenCoupon,
    uses: readonly SeenUse[],
    { nowUs, nowMs }: { readonly nowUs: number; readonly nowMs: number },
  ): void {
    const stood = this.#stood.get(coupon.couponId) ?? [];
    this.#stood.set(coupon.couponId, stood);
    const before = stood.at(-1);
    const counting = countingAt(uses, nowMs);
    this.#checkTerms(checker, coupon, before?.coupon, counting.length);
    if (before !== undefined && isSame(before, coupon, uses)) return;
    stood.push({ atUs: nowUs, coupon, uses });
    while (stood[1] !== undefined && stood[1].atUs < nowUs - KEPT_US) stood.shift();
  }

  #checkTerms(checker: Checks, coupon: SeenCoupon, before: SeenCoupon | undefined, counting: number): void {
    const { code, campaignId, revision } = coupon;
    if (before?.revision === revision && isOfTerms(coupon, before)) return;
    const name = code ?? `of campaign ${campaignId}`;
    if (revision !== (before?.revision ?? 0) + 1)
      checker.breaks(8, `coupon ${name} has revision ${revision} behind ${before?.revision}`);
    const first = this.#announced.find(({ of }) =>
      'code' in of ? of.code === code : of.campaignId === campaignId,
    );
    const known =
      before === undefined && first !== undefined ? [first] : (this.#requested.get(code ?? '') ?? []);
    if (!known.some(terms => isOfTerms(coupon, terms)))
      checker.breaks(8, `coupon ${name} has terms that nobody asked for`);
    if (before !== undefined && counting > 0)
      checker.breaks(8, `coupon ${name} has other terms, and is used ${counting} times`);
  }

  /** A gateway answers that it has changed something about a code. */
  done(gateway: number, code: string, nowUs: number): void {
    this.#doneUs.set(`${gateway}/${code}`, nowUs);
  }

  /** Whether this is a public code in the ledger. */
  has(code: string): boolean {
    return [...this.#stood.values()].some(stood => stood.at(-1)?.coupon.code === code);
  }

  /** The lowest limit of the coupon during that time. */
  leastLimit(couponId: number, limit: 'limitTotal' | 'limitPerUser', fromUs: number, toUs: number): number {
    const limits = this.#between(couponId, fromUs, toUs).map(({ coupon }) => coupon[limit] ?? Infinity);
    return Math.min(Infinity, ...limits);
  }

  /** The shown state was true at some moment since shortly before the request. */
  shown(checker: Checks, { gateway, holder, body, askedUs, nowUs }: Shown): void {
    if (this.shownBeforeUs === undefined) return;
    const ownUs = this.#doneUs.get(`${gateway}/${String(body.code)}`) ?? 0;
    const fromUs = Math.max(askedUs - this.shownBeforeUs, this.isOwnShown && ownUs < askedUs ? ownUs : 0);
    const told = `${String(body.remaining)} left, ${JSON.stringify(body.terms)}`;
    for (const stood of this.#between(Number(body.coupon), fromUs, nowUs)) {
      const firstUs = Math.max(stood.atUs, fromUs);
      const lapsesUs = lapsesOf(stood.uses).filter(us => us > firstUs && us <= nowUs);
      if ([firstUs, ...lapsesUs].some(atUs => isShownAt(stood, atUs, holder, body))) return;
    }
    checker.breaks(2, `of the code ${String(body.code)} it is shown: ${told}, which is not so`);
  }

  #between(couponId: number, fromUs: number, toUs: number): readonly Stood[] {
    const stood = this.#stood.get(couponId) ?? [];
    return stood.filter(({ atUs }, index) => {
      const untilUs = stood[index + 1]?.atUs ?? Number.POSITIVE_INFINITY;
      return atUs <= toUs && untilUs > fromUs;
    });
  }
}

function isSame(
  { coupon: before, uses: beforeUses }: Stood,
  now: SeenCoupon,
  uses: readonly SeenUse[],
): boolean {
  return (
    before.revision === now.revision &&
    before.used === now.used &&
    beforeUses.length === uses.length &&
    beforeUses.every((use, index) => use === uses[index])
  );
}

function isOfTerms(coupon: SeenCoupon, terms: Pick<SeenCoupon, keyof CouponTerms> | CouponTerms): boolean {
  return (
    coupon.basisPoints === terms.basisPoints &&
    coupon.limitTotal === terms.limitTotal &&
    coupon.limitPerUser === terms.limitPerUser
  );
}

/** The uses that count; lapsed holds do not. */
function countingAt(uses: readonly SeenUse[], atMs: number): readonly SeenUse[] {
  return uses.filter(
    ({ givenBackAt, heldUntil }) =>
      givenBackAt === null && (heldUntil === null || heldUntil.getTime() > atMs),
  );
}

function lapsesOf(uses: readonly SeenUse[]): number[] {
  return uses.flatMap(({ heldUntil }) => (heldUntil === null ? [] : [heldUntil.getTime() * 1_000]));
}

/** Whether that was a true answer at that instant. */
function isShownAt(
  { coupon, uses }: Stood,
  atUs: number,
  holder: string | undefined,
  { remaining, terms }: Record<string, unknown>,
): boolean {
  const shown = Object(terms);
  const isOfIt =
    shown.basis_points === coupon.basisPoints &&
    (shown.limit_total ?? null) === coupon.limitTotal &&
    (shown.limit_per_user ?? null) === coupon.limitPerUser;
  if (!isOfIt) return false;
  const counting = countingAt(uses, atUs / 1_000);
  const own = counting.filter(({ userId }) => userId === holder).length;
  const left = Math.min(
    (coupon.limitTotal ?? Infinity) - counting.length,
    holder === undefined ? Infinity : (coupon.limitPerUser ?? Infinity) - own,
  );
  return remaining === (Number.isFinite(left) ? Math.max(0, left) : null);
}
