/** Statements on coupons: creating, reading and changing their terms. redemptions.ts has those on their use. */
import { type Queryable, violatedConstraint } from '../../database.ts';
import { textArray } from '../arrays.ts';
import type { Discount, Restriction, Terms } from './coupon-terms.ts';

/** What the terms apply to: the codes that a campaign grants, or one code that anybody may use, in its shop if it has one. */
export type CouponOf =
  | { readonly campaignId: number }
  | { readonly code: string; readonly shop?: string | null };

export interface Coupon {
  readonly couponId: number;
  readonly campaignId: number | null;
  readonly code: string | null;
  /** That of its campaign, if it has one; null: no shop's. */
  readonly shop: string | null;
  readonly terms: Terms;
  /** Null: none. */
  readonly restriction: Restriction | null;
  readonly createdAt: Date;
  /** Increases with each change of the terms or the restriction. */
  readonly revision: number;
  /** Uses that are redeemed or held now, without those of lapsed holds. */
  readonly used: number;
}

/** The row of a coupon as the database returns it, with flat terms. */
export interface CouponRow {
  readonly couponId: number;
  readonly campaignId: number | null;
  readonly code: string | null;
  readonly shop: string | null;
  readonly discount: Discount['kind'];
  readonly basisPoints: number | null;
  readonly amount: number | null;
  readonly currency: string | null;
  readonly validFrom: Date | null;
  readonly validUntil: Date | null;
  readonly minimumBasket: number | null;
  readonly products: readonly string[] | null;
  readonly categories: readonly string[] | null;
  readonly limitTotal: number | null;
  readonly limitPerUser: number | null;
  readonly stackClass: string | null;
  readonly exclusive: boolean;
  readonly stackableWith: readonly string[] | null;
  readonly stackOrder: number;
  readonly stackCap: number | null;
  readonly disabled: boolean;
  readonly endsAt: Date | null;
  readonly capTotal: number | null;
  readonly capPerUser: number | null;
  readonly restrictReason: string | null;
  readonly createdAt: Date;
  readonly revision: number;
  readonly used: number;
}

const LAPSED = `(select count(*)::integer from redemption_uses u
                  where u.coupon_id = coupons.coupon_id and u.held_until <= statement_timestamp())`;

/** `used`: an SQL expression for the uses that count. */
const columnsWith = (used: string): string => `
  coupons.coupon_id as "couponId", campaign_id as "campaignId", coupons.code, shop, discount, basis_points as "basisPoints",
  amount, currency, valid_from as "validFrom", valid_until as "validUntil", minimum_basket as "minimumBasket", products,
  categories, limit_total as "limitTotal", limit_per_user as "limitPerUser", stack_class as "stackClass", exclusive,
  stackable_with as "stackableWith", stack_order as "stackOrder", stack_cap as "stackCap", disabled,
  ends_at as "endsAt", cap_total as "capTotal", cap_per_user as "capPerUser", restrict_reason as "restrictReason",
  created_at as "createdAt", revision, ${used} as used`;
const COUPON_COLUMNS = columnsWith(`used_count - ${LAPSED}`);

const TERM_COLUMNS = `discount, basis_points, amount, currency, valid_from, valid_until, minimum_basket, products,
  categories, limit_total, limit_per_user, stack_class, exclusive, stackable_with, stack_order, stack_cap`;
const TERM_COUNT = 16;

/** `$<first>, $<first + 1> ...` for the terms. */
function termParameters(first: number): string {
  return Array.from({ length: TERM_COUNT }, (_, index) => `$${first + index}`).join(', ');
}

function termValues(terms: Terms): unknown[] {
  const { discount } = terms;
  const amount = { fixed: 'amount', percentage: 'most' } as const;
  return [
    discount.kind,
    discount.kind === 'percentage' ? discount.basisPoints : null,
    discount.kind === 'free_shipping' ? null : Reflect.get(discount, amount[discount.kind]),
    terms.currency,
    dateOf(terms.validFromMs),
    dateOf(terms.validUntilMs),
    terms.minimumBasket,
    terms.products,
    terms.categories,
    terms.limitTotal,
    terms.limitPerUser,
    terms.stackClass,
    terms.exclusive,
    terms.stackableWith,
    terms.stackOrder,
    terms.stackCapBasisPoints,
  ];
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}

function discountOf({ discount, basisPoints, amount, couponId }: CouponRow): Discount {
  if (discount === 'free_shipping') return { kind: discount };
  if (discount === 'fixed' && amount !== null) return { kind: discount, amount };
  if (discount === 'percentage' && basisPoints !== null) {
    return { kind: discount, basisPoints, most: amount };
  }
  throw new Error(`the discount of coupon ${couponId} is not whole`);
}

function couponOf(row: CouponRow): Coupon {
  const { couponId, campaignId, code, shop, createdAt, revision, used } = row;
  const terms = {
    discount: discountOf(row),
    currency: row.currency,
    validFromMs: row.validFrom?.getTime() ?? null,
    validUntilMs: row.validUntil?.getTime() ?? null,
    minimumBasket: row.minimumBasket,
    products: row.products,
    categories: row.categories,
    limitTotal: row.limitTotal,
    limitPerUser: row.limitPerUser,
    stackClass: row.stackClass,
    exclusive: row.exclusive,
    stackableWith: row.stackableWith,
    stackOrder: row.stackOrder,
    stackCapBasisPoints: row.stackCap,
  };
  const restriction = restrictionOf(row);
  return { couponId, campaignId, code, shop, terms, restriction, createdAt, revision, used };
}

function restrictionOf(row: CouponRow): Restriction | null {
  const { disabled, endsAt, capTotal: limitTotal, capPerUser: limitPerUser, restrictReason: reason } = row;
  return reason === null
    ? null
    : { disabled, endsAtMs: endsAt?.getTime() ?? null, limitTotal, limitPerUser, reason };
}

/** Only one transaction at a time creates or changes terms: those that they are checked against must not change meanwhile. */
export async function lockStacking(db: Queryable): Promise<void> {
  await db.query(`select pg_advisory_xact_lock(hashtext('fairline coupons'))`);
}

/**
 * Every coupon except `except` that refers to one of these classes, or belongs to one. For checks of stacking rules under
 * lockStacking.
 */
export async function readStackingNeighbours(
  db: Queryable,
  { stackClass, stackableWith }: Pick<Terms, 'stackClass' | 'stackableWith'>,
  except: number | null,
): Promise<readonly Coupon[]> {
  const { rows } = await db.query<CouponRow>(
    `select ${COUPON_COLUMNS} from coupons
      where (stack_class = any($1) or $2 = any(stackable_with)) and coupon_id is distinct from $3
      order by coupon_id`,
    [stackableWith ?? [], stackClass, except],
  );
  return rows.map(couponOf);
}

/** Creates a coupon. Rejects with a unique or check violation: see couponConstraint. */
export async function createCoupon(db: Queryable, of: CouponOf, terms: Terms): Promise<Coupon> {
  const { rows } = await db.query<CouponRow>(
    `insert into coupons (campaign_id, code, shop, ${TERM_COLUMNS})
     values ($1, $2, coalesce($3, (select shop from campaigns where campaign_id = $1)), ${termParameters(4)})
     returning ${COUPON_COLUMNS}`,
    [
      ...('campaignId' in of ? [of.campaignId, null, null] : [null, of.code, of.shop ?? null]),
      ...termValues(terms),
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('insert into coupons returned no row');
  return couponOf(row);
}

/** Whether a campaign has granted this code. */
export async function isGrantedCode(db: Queryable, code: string): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>(
    'select exists (select from grants where code = $1) as found',
    [code],
  );
  return rows[0]?.found === true;
}

/** Replaces a coupon's terms; undefined if there is no such coupon. Rejects like createCoupon. */
export async function changeCoupon(
  db: Queryable,
  couponId: number,
  terms: Terms,
): Promise<Coupon | undefined> {
  const { rows } = await db.query<CouponRow>(
    `update coupons set (${TERM_COLUMNS}) = row (${termParameters(2)}) where coupon_id = $1
     returning ${COUPON_COLUMNS}`,
    [couponId, ...termValues(terms)],
  );
  return rows[0] && couponOf(rows[0]);
}

/** Replaces what an operator allows of a coupon, null for no restriction; undefined if there is no such coupon. */
export async function restrictCoupon(
  db: Queryable,
  couponId: number,
  restriction: Restriction | null,
): Promise<Coupon | undefined> {
  const { rows } = await db.query<CouponRow>(
    `update coupons set (disabled, ends_at, cap_total, cap_per_user, restrict_reason) = row ($2, $3, $4, $5, $6)
      where coupon_id = $1 returning ${COUPON_COLUMNS}`,
    [
      couponId,
      restriction?.disabled ?? false,
      dateOf(restriction?.endsAtMs ?? null),
      restriction?.limitTotal ?? null,
      restriction?.limitPerUser ?? null,
      restriction?.reason ?? null,
    ],
  );
  return rows[0] && couponOf(rows[0]);
}

const GREATEST_ID = 2 ** 31 - 1;

export async function getCoupon(db: Queryable, couponId: number): Promise<Coupon | undefined> {
  if (couponId > GREATEST_ID) return undefined;
  const { rows } = await db.query<CouponRow>(`select ${COUPON_COLUMNS} from coupons where coupon_id = $1`, [
    couponId,
  ]);
  return rows[0] && couponOf(rows[0]);
}

/** The terms of the codes that a campaign grants; undefined if they have none. */
export async function getCouponOf(db: Queryable, campaignId: number): Promise<Coupon | undefined> {
  const { rows } = await db.query<CouponRow>(`select ${COUPON_COLUMNS} from coupons where campaign_id = $1`, [
    campaignId,
  ]);
  return rows[0] && couponOf(rows[0]);
}

/** Coupons with a greater id than `after`, by id, at most `limit`. */
export async function listCoupons(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly Coupon[]> {
  if (page.after > GREATEST_ID) return [];
  const { rows } = await db.query<CouponRow>(
    `select ${COUPON_COLUMNS} from coupons where coupon_id > $1 order by coupon_id limit $2`,
    [page.after, page.limit],
  );
  return rows.map(couponOf);
}

/** A code with its coupon. */
export interface CouponCode {
  readonly code: string;
  /** Its holder; null: anybody may use it. */
  readonly holder: string | null;
  readonly coupon: Coupon;
}

/**
 * Those of these codes that exist, and the database's clock. `used` includes lapsed holds: whether a use is left is decided
 * under the lock.
 */
export async function readCodes(
  db: Queryable,
  codes: readonly string[],
): Promise<{ readonly nowMs: number; readonly known: ReadonlyMap<string, CouponCode> }> {
  const { rows } = await db.query<
    CouponRow & { readonly nowMs: number; readonly ofCode: string | null; readonly holder: string | null }
  >(
    `select floor(extract(epoch from statement_timestamp()) * 1000)::bigint as "nowMs",
            known.code as "ofCode", known.holder, ${columnsWith('used_count')}
       from (select) as clock
       left join (coupon_codes known join coupons using (coupon_id)) on known.code = any($1::text[])`,
    [textArray(codes)],
  );
  const known = rows.flatMap(row => {
    const { ofCode: code, holder } = row;
    return code === null ? [] : [[code, { code, holder, coupon: couponOf(row) }] as const];
  });
  return { nowMs: rows[0]?.nowMs ?? 0, known: new Map(known) };
}

/** A code in its current state, to be shown. */
export interface CodeNow extends CouponCode {
  /** Uses of its holder that count now; 0 for a code that anybody may use. */
  readonly usedByHolder: number;
  /** The database's clock. */
  readonly now: Date;
  /** When the next hold lapses unless it ends before; null if there is none. */
  readonly nextLapse: Date | null;
}

export async function readCodeNow(db: Queryable, code: string): Promise<CodeNow | undefined> {
  const { rows } = await db.query<CouponRow & Pick<CodeNow, 'holder' | 'usedByHolder' | 'now' | 'nextLapse'>>(
    `select known.holder, statement_timestamp() as now,
            (select count(*)::integer from redemption_uses u
              where u.coupon_id = coupons.coupon_id and u.user_id = known.holder and u.given_back_at is null
                and (u.held_until is null or u.held_until > statement_timestamp())) as "usedByHolder",
            (select min(held_until) from redemption_uses u
              where u.coupon_id = coupons.coupon_id and u.held_until > statement_timestamp()) as "nextLapse",
            ${COUPON_COLUMNS}
       from coupon_codes known join coupons using (coupon_id) where known.code = $1`,
    [code],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const { holder, usedByHolder, now, nextLapse } = row;
  return { code, holder, coupon: couponOf(row), usedByHolder, now, nextLapse };
}

/** The constraint that an error names, if it is one of those that guard coupons. */
export function couponConstraint(error: unknown): string | undefined {
  const constraint = violatedConstraint(error);
  return constraint?.startsWith('coupons_') ? constraint : undefined;
}
