/**
 * The statements of sql/statements/coupons/redemptions.ts, and those of sql/statements/coupons/coupons.ts that a basket needs;
 * terms.ts has the others.
 */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { RedemptionRow, UseRow } from '../../rows.ts';
import {
  CHECK_VIOLATION,
  ConstraintError,
  changed,
  FOREIGN_KEY_VIOLATION,
  NOTHING,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
  type Values,
} from '../../statement.ts';
import { Blocked, type Transaction } from '../../table.ts';

/** Stands for null in an array that has none. */
const NONE = 0;

/** Every code with its terms, and with its holder if it was granted: the view coupon_codes. */
export function codesOf(tables: LedgerTables, by: Transaction) {
  const coupons = tables.coupons.rows(by);
  const ofAnybody = coupons.flatMap(coupon =>
    coupon.code === null ? [] : [{ ofCode: coupon.code, holder: null, coupon }],
  );
  const granted = tables.grants.rows(by).flatMap(({ campaignId, userId, code }) => {
    const coupon = coupons.find(each => each.campaignId === campaignId);
    return coupon === undefined ? [] : [{ ofCode: code, holder: userId, coupon }];
  });
  return [...ofAnybody, ...granted];
}

const readCodes: Statement = (tables, by, values) => {
  const wanted = new Set(values.texts(1));
  const nowMs = tables.now().getTime();
  const found = codesOf(tables, by).filter(({ ofCode }) => wanted.has(ofCode));
  if (found.length === 0) return rowsOf([{ nowMs, ofCode: null, holder: null }]);
  return rowsOf(found.map(({ ofCode, holder, coupon }) => ({ ...coupon, nowMs, ofCode, holder })));
};

const lockCoupons: Statement = (tables, by, values) => {
  for (const couponId of values.numbers(1).toSorted((a, b) => a - b)) {
    if (tables.coupons.get(String(couponId), by) !== undefined) tables.coupons.lock(String(couponId), by);
  }
  return NOTHING;
};

export function usesOf(tables: LedgerTables, by: Transaction, couponId: number): UseRow[] {
  return tables.uses.rows(by).filter(use => use.couponId === couponId);
}

function writeUse(tables: LedgerTables, by: Transaction, use: UseRow): void {
  tables.uses.write(`${use.redemptionId}/${use.couponId}`, use, by);
}

/** Changes how often a coupon is used, with the table's check. */
function countUses(tables: LedgerTables, by: Transaction, couponId: number, change: number): void {
  const key = String(couponId);
  tables.coupons.lock(key, by);
  const old = tables.coupons.get(key, by);
  if (old === undefined) return;
  const used = old.used + change;
  if (used < 0 || used > (old.limitTotal ?? Number.POSITIVE_INFINITY))
    throw new ConstraintError(CHECK_VIOLATION, 'coupons', 'coupons_used');
  tables.coupons.write(key, { ...old, used }, by);
}

const giveBackLapsed: Statement = (tables, by, values) => {
  const now = tables.now();
  const couponIds = values.numbers(1);
  let lapsed = 0;
  for (const couponId of new Set(couponIds.toSorted((a, b) => a - b))) {
    const due = usesOf(tables, by, couponId)
      .filter(({ heldUntil }) => heldUntil !== null && heldUntil <= now)
      .sort((a, b) => Number(a.heldUntil) - Number(b.heldUntil) || a.redemptionId - b.redemptionId)
      .slice(0, values.number(3) - lapsed);
    for (const use of due) writeUse(tables, by, { ...use, heldUntil: null, givenBackAt: now });
    if (due.length > 0) countUses(tables, by, couponId, -due.length);
    lapsed += due.length;
  }
  const freshIds = Array.from({ length: values.number(2) }, () => ++tables.redemptionSequence);
  const nowMs = now.getTime();
  const coupons = couponIds.flatMap(couponId => tables.coupons.get(String(couponId), by) ?? []);
  const clock = { nowMs, freshIds, lapsed };
  if (coupons.length === 0)
    return rowsOf([{ ...clock, couponId: null, revision: null, disabled: null, used: null }]);
  return rowsOf(
    coupons.map(({ couponId, revision, disabled, used }) => ({
      ...clock,
      couponId,
      revision,
      disabled,
      used,
    })),
  );
};

const readUserUses: Statement = (tables, by, values) => {
  const users = values.texts(2);
  const pairs = new Map(
    values
      .numbers(1)
      .map((couponId, index) => [`${couponId}/${users[index]}`, { couponId, userId: users[index] }]),
  );
  const counted = [...pairs.values()].map(pair => {
    const uses = tables.uses
      .rows(by)
      .filter(use => use.couponId === pair.couponId && use.userId === pair.userId);
    return { ...pair, used: uses.filter(({ givenBackAt }) => givenBackAt === null).length };
  });
  return rowsOf(counted.filter(({ used }) => used > 0));
};

/** Locks more than PostgreSQL does, without effect: uses of one campaign's codes already wait for their coupon's row. */
const lockGrantCodes: Statement = (tables, by, values) => {
  const codes = new Set(values.texts(1));
  const found = tables.grants.rows(by).filter(({ code }) => codes.has(code));
  for (const { campaignId, serial } of found) tables.grants.lock(`${campaignId}/${serial}`, by);
  return rowsOf(found.map(({ code, userId }) => ({ code, userId })));
};

const readShopRequests: Statement = (tables, by, values) =>
  rowsOf(values.texts(1).flatMap(key => tables.shopRequests.get(key, by) ?? []));

function dateOf(ms: number | undefined): Date | null {
  return ms === undefined || ms === NONE ? null : new Date(ms);
}

const insertRedemptions: Statement = (tables, by, values) => {
  const [userIds, baskets, pricings, expires] = [
    values.texts(2),
    values.texts(3),
    values.texts(4),
    values.numbers(5),
  ];
  const createdAt = new Date(values.number(6));
  for (const [index, redemptionId] of values.numbers(1).entries()) {
    const expiresAt = dateOf(expires[index]);
    const row: RedemptionRow = {
      redemptionId,
      userId: userIds[index] ?? '',
      state: expiresAt === null ? 'redeemed' : 'held',
      ...{ basket: baskets[index] ?? '', pricing: pricings[index] ?? '', createdAt, expiresAt },
      ...{ redeemedAt: expiresAt === null ? createdAt : null, releasedAt: null },
    };
    tables.redemptions.write(String(redemptionId), row, by);
  }
  const [couponIds, codes, users, until] = [
    values.numbers(8),
    values.texts(9),
    values.texts(10),
    values.numbers(11),
  ];
  for (const [index, redemptionId] of values.numbers(7).entries()) {
    const use = { couponId: couponIds[index] ?? 0, code: codes[index] ?? '', userId: users[index] ?? '' };
    writeUse(tables, by, { ...use, redemptionId, heldUntil: dateOf(until[index]), givenBackAt: null });
  }
  return changed(userIds.length);
};

const addUses: Statement = (tables, by, values) => {
  const changes = values.raw(2);
  if (!Array.isArray(changes)) throw new TypeError('$2 is no list of changes');
  for (const [index, couponId] of values.numbers(1).entries())
    countUses(tables, by, couponId, Number(changes[index]));
  return changed(changes.length);
};

function checked(row: RedemptionRow): RedemptionRow {
  const { state, redeemedAt, releasedAt } = row;
  if ((state === 'redeemed') !== (redeemedAt !== null))
    throw new ConstraintError(CHECK_VIOLATION, 'redemptions', 'redemptions_redeemed');
  if ((state === 'released') !== (releasedAt !== null))
    throw new ConstraintError(CHECK_VIOLATION, 'redemptions', 'redemptions_released');
  return row;
}

/** Changes the redemptions that $1 names. */
const changing =
  (change: (values: Values) => Partial<RedemptionRow>): Statement =>
  (tables, by, values) => {
    for (const redemptionId of values.numbers(1)) {
      const key = String(redemptionId);
      const old = tables.redemptions.get(key, by);
      if (old !== undefined) tables.redemptions.write(key, checked({ ...old, ...change(values) }), by);
    }
    return changed(values.numbers(1).length);
  };

const commit = changing(values => ({ state: 'redeemed', redeemedAt: new Date(values.number(2)) }));
const release = changing(values => ({ state: 'released', releasedAt: new Date(values.number(2)) }));

/** Changes the uses of the redemptions that $1 names. */
const changingUses =
  (change: (use: UseRow, values: Values) => UseRow): Statement =>
  (tables, by, values) => {
    const ids = new Set(values.numbers(1));
    const uses = tables.uses.rows(by).filter(({ redemptionId }) => ids.has(redemptionId));
    for (const use of uses) writeUse(tables, by, change(use, values));
    return changed(uses.length);
  };

const commitUses = changingUses(use => ({ ...use, heldUntil: null }));
const releaseUses = changingUses((use, values) =>
  use.givenBackAt === null ? { ...use, heldUntil: null, givenBackAt: new Date(values.number(2)) } : use,
);

const readRedemptions: Statement = (tables, by, values) => {
  const nowMs = tables.now().getTime();
  return rowsOf(
    values.numbers(1).flatMap(id => {
      const row = tables.redemptions.get(String(id), by);
      if (row === undefined) return [];
      const uses = tables.uses
        .rows(by)
        .filter(({ redemptionId }) => redemptionId === id)
        .sort((a, b) => a.couponId - b.couponId)
        .map(({ couponId, code, givenBackAt }) => {
          const shop = tables.coupons.get(String(couponId), by)?.shop ?? null;
          return { couponId, shop, code, givenBack: givenBackAt !== null };
        });
      const refunds = tables.refunds
        .rows(by)
        .filter(({ redemptionId }) => redemptionId === id)
        .sort((a, b) => a.refundNumber - b.refundNumber)
        .map(({ refund, refundedAt }) => ({ refund, refundedAt: refundedAt.toISOString() }));
      return [{ ...row, nowMs, uses, refunds }];
    }),
  );
};

const insertRefunds: Statement = (tables, by, values) => {
  const [numbers, refunds] = [values.numbers(2), values.texts(3)];
  const refundedAt = new Date(values.number(4));
  for (const [index, redemptionId] of values.numbers(1).entries()) {
    const key = `${redemptionId}/${numbers[index]}`;
    const holder = tables.refunds.heldBy(key, by);
    if (holder !== undefined) throw new Blocked(holder);
    if (tables.redemptions.get(String(redemptionId), by) === undefined)
      throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'refunds', 'refunds_redemption_id_fkey');
    if (tables.refunds.get(key, by) !== undefined)
      throw new ConstraintError(UNIQUE_VIOLATION, 'refunds', 'refunds_pkey');
    const row = { redemptionId, refundNumber: numbers[index] ?? 0, refund: refunds[index] ?? '', refundedAt };
    tables.refunds.write(key, row, by);
  }
  return changed(refunds.length);
};

const refundUses: Statement = (tables, by, values) => {
  const couponIds = values.numbers(2);
  const givenBackAt = new Date(values.number(3));
  for (const [index, redemptionId] of values.numbers(1).entries()) {
    const use = tables.uses.get(`${redemptionId}/${couponIds[index]}`, by);
    if (use === undefined) continue;
    if (use.heldUntil !== null)
      throw new ConstraintError(CHECK_VIOLATION, 'redemption_uses', 'redemption_uses_held');
    writeUse(tables, by, { ...use, givenBackAt });
  }
  return changed(couponIds.length);
};

const insertShopRequests: Statement = (tables, by, values) => {
  const [hashes, ids, numbers] = [values.buffers(2), values.numbers(3), values.numbers(4)];
  let inserted = 0;
  for (const [index, key] of values.texts(1).entries()) {
    // Whether the row exists is known only when the other transaction is over.
    const holder = tables.shopRequests.heldBy(key, by);
    if (holder !== undefined) throw new Blocked(holder);
    if (tables.shopRequests.get(key, by) !== undefined) continue;
    const [hash = Buffer.alloc(0), redemptionId = 0] = [hashes[index], ids[index]];
    tables.shopRequests.write(key, { key, hash, redemptionId, refundNumber: numbers[index] || null }, by);
    inserted += 1;
  }
  return changed(inserted);
};

export const COUPON_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/ left join \(coupon_codes known join coupons using \(coupon_id\)\) on /, readCodes],
  [
    /^select from coupons where coupon_id = any\(\$1::bigint\[\]\) order by coupon_id for no key update$/,
    lockCoupons,
  ],
  [/^with due as \( select redemption_id, coupon_id from redemption_uses /, giveBackLapsed],
  [
    /^select coupon_id as "couponId", user_id as "userId", count\(\*\)::integer as used from redemption_uses /,
    readUserUses,
  ],
  [/^select code, user_id as "userId" from grants where code = any\(\$1::text\[\]\) /, lockGrantCodes],
  [/ from shop_requests where idempotency_key = any\(\$1::text\[\]\)$/, readShopRequests],
  [/^with redeemed as \( insert into redemptions /, insertRedemptions],
  [/^update coupons set used_count = used_count \+ change /, addUses],
  [/^update redemptions set state = 'redeemed'/, commit],
  [/^update redemptions set state = 'released'/, release],
  [/^update redemption_uses set held_until = null where redemption_id = any\(\$1::bigint\[\]\)$/, commitUses],
  [/^update redemption_uses set held_until = null, given_back_at = /, releaseUses],
  [/ from redemptions where redemption_id = any\(\$1::bigint\[\]\)$/, readRedemptions],
  [/^insert into refunds /, insertRefunds],
  [/^update redemption_uses set given_back_at = /, refundUses],
  [/^insert into shop_requests /, insertShopRequests],
];
