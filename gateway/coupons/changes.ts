/**
 * Which copies of coupons are outdated, by what this gateway has heard from Redis and by its own changes. It forgets: a copy from
 * before what it has forgotten counts as outdated, so forgetting costs a read and never shows an old state.
 */
import { CHANGES_KEPT_US, type CouponNews } from '../../engine/contract/redis/coupons/copies.ts';

/** Own changes that are remembered, some 50 bytes each. At the maximum all are forgotten, and all copies are loaded again. */
const MOST_OWN_CHANGES = 20_000;

/** From when a copy is. */
export interface CopyAge {
  readonly couponId: number;
  /** The greatest version of Redis before the ledger was read. */
  readonly version: number;
  /** The value of `generation` when the ledger was asked. */
  readonly generation: number;
}

export class CouponChanges {
  /** By coupon, in the order of versions: the version of the last change that Redis reported. */
  readonly #heard = new Map<number, number>();
  /** By coupon: the generation of the last change by this gateway. */
  readonly #own = new Map<number, number>();
  #generation = 0;
  /** Own changes up to this generation are forgotten. */
  #forgotten = 0;
  #version = 0;

  /** Increases with each change by this gateway. */
  get generation(): number {
    return this.#generation;
  }

  /** The greatest version that Redis reported; 0 at the beginning, and after `clear`. */
  get version(): number {
    return this.#version;
  }

  /** How many changes are remembered. */
  get size(): number {
    return this.#heard.size + this.#own.size;
  }

  /** This gateway has changed the coupons. */
  changed(couponIds: readonly number[]): void {
    this.#generation += 1;
    for (const couponId of couponIds) this.#own.set(couponId, this.#generation);
    if (this.#own.size <= MOST_OWN_CHANGES) return;
    this.#own.clear();
    this.#forgotten = this.#generation;
  }

  /** Takes news since `version`, in their order. */
  heard({ version, changes }: Pick<CouponNews, 'version' | 'changes'>): void {
    this.#version = version;
    for (const [couponId, at] of changes) {
      this.#heard.delete(couponId);
      this.#heard.set(couponId, at);
    }
    for (const [couponId, at] of this.#heard) {
      if (at > this.#version - CHANGES_KEPT_US) break;
      this.#heard.delete(couponId);
    }
  }

  /** What another server, or one that lost its data, has reported says nothing any more. */
  clear(): void {
    this.#version = 0;
    this.#heard.clear();
  }

  isOutdated({ couponId, version, generation }: CopyAge): boolean {
    if (generation < this.#forgotten || version < this.#version - CHANGES_KEPT_US) return true;
    return (this.#own.get(couponId) ?? 0) > generation || (this.#heard.get(couponId) ?? 0) > version;
  }
}
