/**
 * Reads of codes, from copies: a hot code costs neither Postgres nor Redis. This process keeps copies, as Redis does (see
 * engine/contract/redis/coupons/copies.ts), and asks a few tens of times a second which coupons have changed, for all its
 * copies at once.
 *
 * So a read lags the ledger by at most `pollMs` and a round trip to Redis; while Redis does not answer, or if the process
 * that changed the coupon ended before it could announce that, by at most COPY_MS. A change that this gateway has reported
 * to a shop is shown here at once. After a restart of Redis, or a failover to another node of a Cluster, announced changes
 * may be lost: then all copies from before are dropped.
 */
import {
  COPY_MS,
  type CouponCopy,
  getCouponCopy,
  putCouponCopy,
  readCouponNews,
  tellCouponsChanged,
} from '../../engine/contract/redis/coupons/copies.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import type { CodeNow } from '../../sql/statements/coupons/coupons.ts';
import { type CopyAge, CouponChanges } from './changes.ts';
import { couponView, shownUntilMs } from './views.ts';

/** The maximum number of copies, of some 500 bytes each. At the maximum all are dropped, and hot ones are loaded again. */
const MOST_COPIES = 20_000;

export interface ReadsOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  /** Asks the ledger; rejects with LedgerUnavailable. */
  readonly readCode: (code: string) => Promise<CodeNow | undefined>;
  readonly pollMs: number;
}

/** What is shown of a code. */
export interface ShownCoupon {
  /** The shop whose tokens may see it; null: only tokens for everything may. */
  readonly shop: string | null;
  /** JSON. */
  readonly body: string;
}

interface HeldCopy extends ShownCoupon, CopyAge {
  /** The run of the server that reported the version. */
  readonly run: string;
  /** On the monotonic clock. */
  readonly untilMs: number;
}

export class CouponReads {
  readonly #options: ReadsOptions;
  readonly #copies = new Map<string, HeldCopy>();
  /** Reads under way: concurrent requests for one code share one read. */
  readonly #loading = new Map<string, Promise<ShownCoupon | undefined>>();
  readonly #changes = new CouponChanges();
  /** The run of the server that answered last. */
  #run: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  /** The view of a code, if there is a current copy. */
  held(code: string): ShownCoupon | undefined {
    const copy = this.#copies.get(code);
    if (copy === undefined || performance.now() >= copy.untilMs) return undefined;
    return this.#isOutdated(copy) ? undefined : copy;
  }

  /** The view of a code; undefined if the code does not exist. Rejects with LedgerUnavailable. */
  read(code: string): Promise<ShownCoupon | undefined> {
    const held = this.held(code);
    if (held !== undefined) return Promise.resolve(held);
    let loading = this.#loading.get(code);
    if (loading === undefined) {
      loading = this.#load(code).finally(() => {
        if (this.#loading.get(code) === loading) this.#loading.delete(code);
      });
      this.#loading.set(code, loading);
    }
    return loading;
  }

  /**
   * Call this before the gateway reports uses of coupons: later reads here do not show the state before them, even if
   * another gateway decided the use and could not announce it.
   */
  changed(couponIds: readonly number[]): Promise<void> {
    this.#loading.clear();
    this.#changes.changed(couponIds);
    return tellCouponsChanged(this.#options.redis, this.#options.keys, couponIds);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#copies.clear();
  }

  async #load(code: string): Promise<ShownCoupon | undefined> {
    const { redis, keys, readCode } = this.#options;
    const askedMs = performance.now();
    const { generation } = this.#changes;
    // Without Redis, each read without a copy here asks the ledger.
    const known = await getCouponCopy(redis, keys, code).catch(() => undefined);
    if (known !== undefined) this.#hear(known.run);
    if (known?.copy !== undefined) {
      this.#keep(code, known.copy, askedMs, generation);
      return known.copy;
    }
    const beganMs = performance.now();
    const now = await readCode(code);
    if (now === undefined) return undefined;
    const shown = { shop: now.coupon.shop, body: JSON.stringify(couponView(now)) };
    const keepMs = Math.min(COPY_MS, shownUntilMs(now)) - (performance.now() - beganMs);
    if (known === undefined || keepMs < 1) return shown;
    const { version, run } = known;
    const copy = { couponId: now.coupon.couponId, version, run, ...shown, keepMs };
    this.#keep(code, copy, performance.now(), generation);
    // A copy in Redis only saves work.
    putCouponCopy(redis, keys, code, copy).catch(() => undefined);
    return shown;
  }

  #keep(code: string, copy: CouponCopy, atMs: number, generation: number): void {
    const { couponId, version, run, shop, body, keepMs } = copy;
    const held = { couponId, version, run, generation, shop, body, untilMs: atMs + keepMs };
    if (this.#isOutdated(held)) return;
    if (this.#copies.size >= MOST_COPIES) this.#copies.clear();
    this.#copies.set(code, held);
    this.#timer ??= setTimeout(() => this.#poll(), this.#options.pollMs);
  }

  #isOutdated(copy: HeldCopy): boolean {
    return copy.run !== this.#run || this.#changes.isOutdated(copy);
  }

  /** Versions and changes of another server run say nothing about the copies here, so everything is dropped. */
  #hear(run: string): void {
    if (run === this.#run) return;
    this.#run = run;
    this.#copies.clear();
    this.#changes.clear();
  }

  async #poll(): Promise<void> {
    const { redis, keys, pollMs } = this.#options;
    try {
      const news = await readCouponNews(redis, keys, this.#changes.version);
      this.#hear(news.run);
      // Redis has lost versions: the changes since then are unknown.
      if (news.version < this.#changes.version) {
        this.#copies.clear();
        this.#changes.clear();
      }
      this.#changes.heard(news);
    } catch {
      // Copies expire by themselves.
    }
    const nowMs = performance.now();
    for (const [code, copy] of this.#copies) {
      if (copy.untilMs <= nowMs || this.#isOutdated(copy)) this.#copies.delete(code);
    }
    this.#timer = this.#copies.size === 0 ? undefined : setTimeout(() => this.#poll(), pollMs);
  }
}
