/** An attempt that several limits count: it takes a token from the bucket of each, or from none. */
import type { Buckets } from './buckets.ts';
import { siteOf } from './sites.ts';

export interface Taken {
  readonly buckets: Buckets;
  readonly key: string;
  /** For what an attempt costs: it counts even if it succeeds. */
  readonly isForCost?: boolean;
}

/** An attempt may be made. */
export interface Permitted {
  /** Uncounts it, since it succeeded, but for what it has cost. */
  readonly forgive: () => void;
  /** Uncounts it, since nothing was done. */
  readonly undo: () => void;
}

/** How long to wait, in ms. */
export interface Delayed {
  readonly waitMs: number;
}

/** The attempt that was asked for; throws `refusal` if it may not be made now. */
export function permit(asked: Permitted | Delayed, refusal: (waitMs: number) => Error): Permitted {
  if ('waitMs' in asked) throw refusal(asked.waitMs);
  return asked;
}

/** Takes from all buckets, in this order, or from none. */
export function takeAll(wanted: readonly Taken[], nowMs: number): Permitted | Delayed {
  const taken: Taken[] = [];
  const giveBack = (isOne: (each: Taken) => boolean): void => {
    // At most once, whoever asks.
    for (const each of taken.splice(0).filter(isOne)) each.buckets.giveBack(each.key, nowMs);
  };
  for (const each of wanted) {
    const waitMs = each.buckets.take(each.key, nowMs);
    if (waitMs > 0) {
      giveBack(() => true);
      return { waitMs };
    }
    taken.push(each);
  }
  return {
    forgive: () => giveBack(({ isForCost }) => isForCost !== true),
    undo: () => giveBack(() => true),
  };
}

/**
 * What a request costs its network (the first address, '' if unknown) and, if that is one of many of a customer or is unknown, the wider
 * one. `lane`: requests of another lane have a share of their own.
 */
export function ofNetwork(network: string, near: Buckets, wide: Buckets, lane = ''): Taken[] {
  const site = siteOf(network);
  const taken: Taken[] = [];
  if (network !== '') taken.push({ buckets: near, key: lane + network, isForCost: true });
  if (network === '' || site !== network) taken.push({ buckets: wide, key: lane + site, isForCost: true });
  return taken;
}
