/**
 * Decides shops' requests in batches: requests that arrive during one transaction form the next one, as entries form slices.
 * A hundred baskets with one coupon then wait for its row and for the disk once, not a hundred times.
 */
import { LAPSED_AT_ONCE } from '../../sql/statements/coupons/redemptions.ts';
import { type Ledger, LedgerUnavailable } from '../cold/ledger.ts';
import type { Decision } from './decision.ts';
import { decideBatch, KeyTaken, type RedemptionRequest } from './transaction.ts';

/** A decision, with the ledger's clock in `nowMs`. */
export type RedemptionAnswer = Exclude<Decision, { state: 'stale' }> & { readonly nowMs: number };

/** As many as the ledger can decide in a second or two: more would only wait longer than their clients do. */
const MOST_WAITING = 5_000;
/** A larger batch holds the coupons' rows for longer, and other gateways wait for those. */
const MOST_AT_ONCE = 250;
/** Terms change only while nobody holds the coupon, and two gateways rarely get the same key at once. */
const MOST_ATTEMPTS = 5;

/** Too many requests wait. */
export class BatcherOverloaded extends Error {}

interface Waiting extends RedemptionRequest {
  attempts: number;
  resolve(answer: RedemptionAnswer): void;
  reject(error: unknown): void;
}

export interface RedemptionBatcherOptions {
  readonly ledger: Ledger;
  /** Called with coupons before shops learn of their uses: of new ones, and again of those that another gateway has decided. */
  readonly onTold: (couponIds: readonly number[]) => void;
  /** Lower than the default in the simulator. */
  readonly lapsedAtOnce?: number | undefined;
}

export class RedemptionBatcher {
  readonly #options: RedemptionBatcherOptions;
  #waiting: Waiting[] = [];
  #isBusy = false;

  constructor(options: RedemptionBatcherOptions) {
    this.#options = options;
  }

  /** Rejects with LedgerUnavailable, after which a retry under the same key is safe, or with BatcherOverloaded. */
  ask(request: RedemptionRequest): Promise<RedemptionAnswer> {
    if (this.#waiting.length >= MOST_WAITING) return Promise.reject(new BatcherOverloaded());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...request, attempts: 0, resolve, reject });
      if (!this.#isBusy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST_AT_ONCE);
      try {
        await this.#decide(batch);
      } catch (error) {
        if (error instanceof KeyTaken) this.#again(batch);
        else for (const each of batch) each.reject(error);
      }
    }
    this.#isBusy = false;
  }

  #again(batch: readonly Waiting[]): void {
    const [tired, others] = partition(batch, each => ++each.attempts >= MOST_ATTEMPTS);
    for (const each of tired)
      each.reject(new LedgerUnavailable('terms or keys kept changing during the decision'));
    this.#waiting.unshift(...others);
  }

  async #decide(batch: readonly Waiting[]): Promise<void> {
    const { ledger, onTold, lapsedAtOnce = LAPSED_AT_ONCE } = this.#options;
    const result = await ledger.change(db => decideBatch(db, batch, lapsedAtOnce));
    if (result === undefined) {
      this.#waiting.unshift(...batch);
      return;
    }
    const { nowMs, decisions } = result;
    const told = new Set(decisions.flatMap(couponsOf));
    if (told.size > 0) onTold([...told]);
    const stale: Waiting[] = [];
    for (const [index, each] of batch.entries()) {
      const decision = decisions[index];
      if (decision === undefined || decision.state === 'stale') stale.push(each);
      else each.resolve({ ...decision, nowMs });
    }
    this.#again(stale);
  }
}

function couponsOf(decision: Decision): readonly number[] {
  return decision.state === 'done' ? decision.redemption.uses.map(({ couponId }) => couponId) : [];
}

function partition<T>(items: readonly T[], belongs: (item: T) => boolean): readonly [T[], T[]] {
  const [inside, outside]: [T[], T[]] = [[], []];
  for (const item of items) (belongs(item) ? inside : outside).push(item);
  return [inside, outside];
}
