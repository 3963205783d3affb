/** The statements of sql/statements/coupons/coupons.ts that create and change terms, and that look codes up. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CouponRow } from '../../rows.ts';
import {
  CHECK_VIOLATION,
  ConstraintError,
  changed,
  NOTHING,
  rowsOf,
  type Statement,
  type Values,
} from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { codesOf, usesOf } from './redemptions.ts';

/** A lock that serializes the creation of terms: in a run the operator creates them one after another anyway. */
const lockStacking: Statement = () => changed(1);
/** No simulated coupon names others. */
const readNeighbours: Statement = () => NOTHING;

const isGrantedCode: Statement = (tables, by, values) =>
  rowsOf([{ found: tables.grants.rows(by).some(({ code }) => code === values.text(1)) }]);

/** Null, or a text[] as pg parses it. */
function texts(value: unknown): readonly string[] | null {
  return Array.isArray(value) ? value.map(String) : null;
}

/** Terms as they are sent, beginning with parameter `first`. */
function termsFrom(values: Values, first: number) {
  return {
    ...{ discount: values.text(first), basisPoints: values.optional(first + 1) },
    ...{ amount: values.optional(first + 2), currency: values.optionalText(first + 3) },
    ...{ validFrom: values.optionalDate(first + 4), validUntil: values.optionalDate(first + 5) },
    ...{ minimumBasket: values.optional(first + 6), products: texts(values.raw(first + 7)) },
    ...{ categories: texts(values.raw(first + 8)), limitTotal: values.optional(first + 9) },
    ...{ limitPerUser: values.optional(first + 10), stackClass: values.optionalText(first + 11) },
    ...{ exclusive: values.flag(first + 12), stackableWith: texts(values.raw(first + 13)) },
    ...{ stackOrder: values.number(first + 14), stackCap: values.optional(first + 15) },
  };
}

const createCoupon: Statement = (tables, by, values) => {
  tables.couponSequence += 1;
  const campaignId = values.optional(1);
  const campaign = campaignId === null ? undefined : tables.campaigns.get(String(campaignId), by);
  const row: CouponRow = {
    ...{ couponId: tables.couponSequence, campaignId, code: values.optionalText(2) },
    shop: values.optionalText(3) ?? campaign?.shop ?? null,
    ...termsFrom(values, 4),
    ...{ disabled: false, endsAt: null, capTotal: null, capPerUser: null, restrictReason: null },
    ...{ createdAt: tables.now(), revision: 1, used: 0 },
  };
  tables.coupons.write(String(row.couponId), checked(row), by);
  return rowsOf([row]);
};

/** The table's checks of limits. */
function checked(row: CouponRow): CouponRow {
  const { limitTotal, limitPerUser, used } = row;
  if (limitTotal !== null && limitPerUser !== null && limitPerUser > limitTotal)
    throw new ConstraintError(CHECK_VIOLATION, 'coupons', 'coupons_limits');
  if (used < 0 || used > (limitTotal ?? Number.POSITIVE_INFINITY))
    throw new ConstraintError(CHECK_VIOLATION, 'coupons', 'coupons_used');
  return row;
}

/** With the trigger coupons_guard: terms stay once somebody holds the coupon. */
const changeCoupon: Statement = (tables, by, values) => {
  const key = String(values.number(1));
  if (tables.coupons.get(key, by) === undefined) return NOTHING;
  tables.coupons.lock(key, by);
  const old = tables.coupons.get(key, by);
  if (old === undefined) return NOTHING;
  if (isHeld(tables, by, old)) throw new ConstraintError(CHECK_VIOLATION, 'coupons', 'coupons_unheld');
  const row = checked({ ...old, ...termsFrom(values, 2), revision: old.revision + 1 });
  tables.coupons.write(key, row, by);
  return rowsOf([shown(tables, by, row)]);
};

function isHeld(tables: LedgerTables, by: Transaction, { couponId, campaignId }: CouponRow): boolean {
  if (campaignId !== null) {
    tables.campaigns.lock(String(campaignId), by);
    if ((tables.campaigns.get(String(campaignId), by)?.grantedCount ?? 0) > 0) return true;
  }
  const now = tables.now();
  return usesOf(tables, by, couponId).some(
    ({ givenBackAt, heldUntil }) => givenBackAt === null && (heldUntil === null || heldUntil > now),
  );
}

/** As statements select it: without lapsed holds. */
function shown(tables: LedgerTables, by: Transaction, row: CouponRow): CouponRow {
  const now = tables.now();
  const lapsed = usesOf(tables, by, row.couponId).filter(
    ({ heldUntil }) => heldUntil !== null && heldUntil <= now,
  );
  return { ...row, used: row.used - lapsed.length };
}

const getCoupon: Statement = (tables, by, values) => {
  const row = tables.coupons.get(String(values.number(1)), by);
  return row === undefined ? NOTHING : rowsOf([shown(tables, by, row)]);
};

const readCodeNow: Statement = (tables, by, values) => {
  const now = tables.now();
  const found = codesOf(tables, by).filter(({ ofCode }) => ofCode === values.text(1));
  return rowsOf(
    found.map(({ holder, coupon }) => {
      const uses = usesOf(tables, by, coupon.couponId);
      const isCounting = ({ heldUntil, givenBackAt }: (typeof uses)[number]): boolean =>
        givenBackAt === null && (heldUntil === null || heldUntil > now);
      const lapses = uses.flatMap(({ heldUntil }) =>
        heldUntil !== null && heldUntil > now ? [heldUntil.getTime()] : [],
      );
      return {
        ...shown(tables, by, coupon),
        ...{ holder, now },
        usedByHolder: uses.filter(use => use.userId === holder && isCounting(use)).length,
        nextLapse: lapses.length === 0 ? null : new Date(Math.min(...lapses)),
      };
    }),
  );
};

export const TERMS_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select pg_advisory_xact_lock\(hashtext\('fairline coupons'\)\)$/, lockStacking],
  [/ from coupons where \(stack_class = any\(\$1\) or /, readNeighbours],
  [/^select exists \(select from grants where code = \$1\) as found$/, isGrantedCode],
  [/^insert into coupons /, createCoupon],
  [/^update coupons set \(discount, /, changeCoupon],
  [/ from coupons where coupon_id = \$1$/, getCoupon],
  [/ from coupon_codes known join coupons using \(coupon_id\) where known\.code = \$1$/, readCodeNow],
];
