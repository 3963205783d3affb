/** What a shop's token may act on. A campaign and a coupon belong to at most one shop, for good. */

export interface ShopCaller {
  /** Null: every campaign and coupon, also those without a shop. */
  readonly shop: string | null;
}

/** SHOP_TOKEN, and named tokens without a shop. */
export const EVERYTHING: ShopCaller = { shop: null };

/** `owner`: the shop of a campaign or a coupon; null if it has none. */
export function mayUse({ shop }: ShopCaller, owner: string | null): boolean {
  return shop === null || shop === owner;
}

/** An idempotency key as the ledger has it. Two shops may choose the same key; neither keys nor shops have spaces. */
export function scopedKey({ shop }: ShopCaller, key: string): string {
  return shop === null ? key : `${shop} ${key}`;
}

/** The key as the shop has sent it. */
export function sentKey(scoped: string): string {
  return scoped.slice(scoped.indexOf(' ') + 1);
}
