/**
 * The evidence about a finished campaign from independent sources: what its clients sent and were answered, what watchers
 * were shown, what the log holds, what Redis ranks, and what the ledger says.
 */
import type { Shown, WatchedUser } from '../../watch/record.ts';

/**
 * One client's requests for one user. Times are microseconds on one clock. If it repeated the request, `sentUs` is the
 * first sending, and `answeredUs`, `status` and `stamp` are those of the last answer.
 */
export interface Ask {
  readonly user: string;
  readonly sentUs: number;
  readonly answeredUs: number | undefined;
  /** 0: no answer at all. */
  readonly status: number;
  readonly stamp: number | undefined;
  /** Whether an answer said that nothing is left. */
  readonly soldOut: boolean;
  /** Whether one of its requests had no answer, or a 5xx: the entry may then exist without the client knowing. */
  readonly unsure: boolean;
}

export interface Entry {
  readonly user: string;
  readonly stamp: number;
}

export interface Grant {
  readonly user: string;
  readonly serial: number;
  readonly code: string;
}

/** A watcher and what they were shown, in the order of time. */
export interface Watched {
  readonly who: WatchedUser;
  readonly shown: readonly Shown[];
}

export interface CampaignEvidence {
  readonly campaign: number;
  readonly kind: 'coupon' | 'raffle';
  /** A coupon's stock; a raffle's number of winners. */
  readonly stock: number;
  readonly asks: readonly Ask[];
  readonly watched: readonly Watched[];
  /** Every entry in the log, in log order, repeated ones included. */
  readonly logged: readonly Entry[];
  /** The ranks in Redis. */
  readonly ranks: readonly Entry[];
  readonly entries: readonly Entry[];
  readonly grants: readonly Grant[];
  /** Everything in the ledger up to this stamp is decided. */
  readonly settledStamp: number;
}
