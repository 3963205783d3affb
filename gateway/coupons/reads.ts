/**
 * What is shown of codes, from copies: a hot one costs neither Postgres nor Redis. This process keeps copies as Redis does
 * (see engine/contract/redis/coupons/copies.ts), and asks a few tens of times a second which coupons have changed, for all
 * of its copies at once.
 *
 * So a read is at most `pollMs` and a round trip to Redis behind the ledger, and while Redis does not answer, or whoever
 * changed the coupon ended before it could say so, at most COPY_MS. What this gateway has told a shop it shows at once. When
 * Redis was started again, or another node of a Cluster has taken over, changes may be lost that were told: then no copy of
 * before is shown any more.
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
import { couponView, shownUntilMs } from './views.ts';

/** Copies a gateway has at most, of some 500 bytes each; with more, all are let go and the hot ones come again. */
const MOST_COPIES = 20_000;

export interface ReadsOptions {
  readonly redis: RedisClient;
  readonly keys: Keys;
  /** Asks the ledger; rejects with LedgerUnavailable. */
  readonly readCode: (code: string) => Promise<CodeNow | undefined>;
  readonly pollMs: number;
}

interface HeldCopy {
  readonly couponId: number;
  readonly version: number;
  /** Of the server that told the version. */
  readonly run: string;
  /** Of this gateway's own changes, when the ledger was asked. */
  readonly generation: number;
  readonly body: string;
  /** On the monotonic clock. */
  readonly untilMs: number;
}

export class CouponReads {
  readonly #options: ReadsOptions;
  readonly #copies = new Map<string, HeldCopy>();
  /** Reads under way, so that many who ask for the same code at once cost one. */
  readonly #loading = new Map<string, Promise<string | undefined>>();
  /** By coupon: changes that this gateway has heard of. */
  readonly #changes = new Map<number, number>();
  /** Grows with each change that this gateway made; and by coupon, what it was at the last one. */
  #generation = 0;
  readonly #ownChanges = new Map<number, number>();
  #version = 0;
  /** The server that was heard last, in its run. */
  #run: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  /** What is shown of a code, as JSON, where it is at hand. */
  held(code: string): string | undefined {
    const copy = this.#copies.get(code);
    if (copy === undefined || performance.now() >= copy.untilMs) return undefined;
    return this.#isOutdated(copy) ? undefined : copy.body;
  }

  /** What is shown of a code, as JSON; undefined when there is none. Rejects with LedgerUnavailable. */
  read(code: string): Promise<string | undefined> {
    const body = this.held(code);
    if (body !== undefined) return Promise.resolve(body);
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
   * To be called before this gateway tells of uses of coupons: nobody who asks from now on is shown what was before, also
   * where another gateway has decided it and could not say so.
   */
  changed(couponIds: readonly number[]): Promise<void> {
    this.#generation += 1;
    this.#loading.clear();
    for (const couponId of couponIds) this.#ownChanges.set(couponId, this.#generation);
    return tellCouponsChanged(this.#options.redis, this.#options.keys, couponIds);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#copies.clear();
  }

  async #load(code: string): Promise<string | undefined> {
    const { redis, keys, readCode } = this.#options;
    const askedMs = performance.now();
    const generation = this.#generation;
    // Without Redis the ledger is asked for each read that this gateway has no copy for.
    const known = await getCouponCopy(redis, keys, code).catch(() => undefined);
    if (known !== undefined) this.#hear(known.run);
    if (known?.copy !== undefined) {
      this.#keep(code, known.copy, askedMs, generation);
      return known.copy.body;
    }
    const beganMs = performance.now();
    const now = await readCode(code);
    if (now === undefined) return undefined;
    const body = JSON.stringify(couponView(now));
    const keepMs = Math.min(COPY_MS, shownUntilMs(now)) - (performance.now() - beganMs);
    if (known === undefined || keepMs < 1) return body;
    const { version, run } = known;
    const copy = { couponId: now.coupon.couponId, version, run, body, keepMs };
    this.#keep(code, copy, performance.now(), generation);
    // It is only there to save work.
    putCouponCopy(redis, keys, code, copy).catch(() => undefined);
    return body;
  }

  #keep(code: string, copy: CouponCopy, atMs: number, generation: number): void {
    const { couponId, version, run, body, keepMs } = copy;
    const held = { couponId, version, run, generation, body, untilMs: atMs + keepMs };
    if (this.#isOutdated(held)) return;
    if (this.#copies.size >= MOST_COPIES) this.#copies.clear();
    this.#copies.set(code, held);
    this.#timer ??= setTimeout(() => this.#poll(), this.#options.pollMs);
  }

  #isOutdated({ couponId, version, run, generation }: HeldCopy): boolean {
    if (run !== this.#run || (this.#ownChanges.get(couponId) ?? 0) > generation) return true;
    return (this.#changes.get(couponId) ?? 0) > version;
  }

  /** What another server has told says nothing of what is held, nor how far this one has told before. */
  #hear(run: string): void {
    if (run === this.#run) return;
    this.#run = run;
    this.#version = 0;
    this.#copies.clear();
    this.#changes.clear();
  }

  async #poll(): Promise<void> {
    const { redis, keys, pollMs } = this.#options;
    try {
      const { version, run, changes } = await readCouponNews(redis, keys, this.#version);
      this.#hear(run);
      // Redis has lost versions: what changed since is not known.
      if (version < this.#version) this.#copies.clear();
      this.#version = version;
      for (const [couponId, at] of changes) this.#changes.set(couponId, at);
    } catch {
      // Copies end by themselves.
    }
    const nowMs = performance.now();
    for (const [code, copy] of this.#copies) {
      if (copy.untilMs <= nowMs || this.#isOutdated(copy)) this.#copies.delete(code);
    }
    this.#timer = this.#copies.size === 0 ? undefined : setTimeout(() => this.#poll(), pollMs);
  }
}
