/**
 * Cached copies of shown coupons in Redis, so that a read costs Postgres nothing. A copy is shown only if its coupon has not
 * changed since the copy was read from the ledger, and for COPY_MS at most: the code that changes a coupon announces it here
 * after the commit, and if that fails, or the process ends before, a copy is still no older than that.
 */
import type { Keys } from '../keys.ts';
import { arrayOf, type RedisClient, scriptFrom } from '../redis.ts';

/** The maximum age of a copy that is shown, counted from before the ledger was read. */
export const COPY_MS = 1_000;
/**
 * How far the version of a change may be behind the greatest one; what is further behind is forgotten. Versions are microseconds or
 * less, so this is a minute or more. A copy that is further behind is neither stored nor shown, whatever any clock says: a change
 * since then may be forgotten. Shorter than a slow read of the ledger: that read keeps no copy.
 */
export const CHANGES_KEPT_US = 60_000_000;

const changedScript = scriptFrom(new URL('./changed.lua', import.meta.url));
const newsScript = scriptFrom(new URL('./news.lua', import.meta.url));
const getScript = scriptFrom(new URL('./copy-get.lua', import.meta.url));
const putScript = scriptFrom(new URL('./copy-put.lua', import.meta.url));

/** Call it after the commit of a change to what is shown of these coupons. */
export async function tellCouponsChanged(
  redis: RedisClient,
  keys: Keys,
  couponIds: readonly number[],
): Promise<void> {
  if (couponIds.length === 0) return;
  await changedScript(redis, [keys.couponVersion, keys.couponChanges], [CHANGES_KEPT_US, ...couponIds]);
}

export interface CouponNews {
  /** 0 if nothing ever changed, or Redis has lost it. */
  readonly version: number;
  /** The server that answered. If it differs from the previous one, any change may have been lost with that one. */
  readonly run: string;
  /** The version at which each coupon last changed, by coupon, in the order of versions. Without those of CHANGES_KEPT_US before the greatest. */
  readonly changes: ReadonlyMap<number, number>;
}

export async function readCouponNews(redis: RedisClient, keys: Keys, since: number): Promise<CouponNews> {
  const [version, run = '', ...rest] = textsOf(
    await newsScript(redis, [keys.couponVersion, keys.couponChanges], [since]),
  );
  const changes = new Map<number, number>();
  for (let at = 0; at + 1 < rest.length; at += 2) changes.set(Number(rest[at]), Number(rest[at + 1]));
  return { version: Number(version), run, changes };
}

export interface CouponCopy {
  readonly couponId: number;
  /** The greatest version before the ledger was read. */
  readonly version: number;
  /** The server that reported the version. */
  readonly run: string;
  /** Of the coupon; null if it has none. */
  readonly shop: string | null;
  /** JSON. */
  readonly body: string;
  readonly keepMs: number;
}

/** The copy, if there is one that may be shown; and the greatest version and its server, for reading the ledger. */
export async function getCouponCopy(
  redis: RedisClient,
  keys: Keys,
  code: string,
): Promise<{ readonly version: number; readonly run: string; readonly copy: CouponCopy | undefined }> {
  const [version, run = '', couponId, copyVersion, shop, body, keepMs] = textsOf(
    await getScript(
      redis,
      [keys.couponCopy(code), keys.couponVersion, keys.couponChanges],
      [CHANGES_KEPT_US],
    ),
  );
  const copy =
    body === undefined
      ? undefined
      : {
          ...{ couponId: Number(couponId), version: Number(copyVersion), run },
          ...{ shop: shop === '' ? null : (shop ?? null), body, keepMs: Number(keepMs) },
        };
  return { version: Number(version), run, copy };
}

/** Stores a copy, unless its coupon has changed since `version`, or that is from another server; `keepMs` is at least 1. */
export async function putCouponCopy(
  redis: RedisClient,
  keys: Keys,
  code: string,
  { couponId, version, run, shop, body, keepMs }: CouponCopy,
): Promise<void> {
  await putScript(
    redis,
    [keys.couponCopy(code), keys.couponVersion, keys.couponChanges],
    [couponId, version, run, shop ?? '', body, Math.floor(keepMs), CHANGES_KEPT_US],
  );
}

function textsOf(answer: unknown): string[] {
  return arrayOf('a script on coupons', answer).map(String);
}
