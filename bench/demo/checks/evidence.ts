/**
 * What is known of a campaign when all is over, from those who do not know of each other: what its clients sent and
 * were told, what they were shown, what the log holds, what Redis ranks, and what the ledger says.
 */
import type { Shown, WatchedUser } from '../../watch/record.ts';

/**
 * What one client asked for one user. Times are microseconds on one clock. Where it asked several times, `sentUs` is
 * the first of them, and `answeredUs`, `status` and `stamp` are those of the last answer.
 */
export interface Ask {
  readonly user: string;
  readonly sentUs: number;
  readonly answeredUs: number | undefined;
  /** 0: no answer at all. */
  readonly status: number;
  readonly stamp: number | undefined;
  /** Whether it was told that nothing is left. */
  readonly soldOut: boolean;
  /** Whether a request of it had no answer, or a 5xx: then the entry may exist though nobody was told. */
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
  /** A coupon's stock, a raffle's winners to be drawn. */
  readonly places: number;
  readonly asks: readonly Ask[];
  readonly watched: readonly Watched[];
  /** Every entry in the log, in its order, repeated ones included. */
  readonly logged: readonly Entry[];
  /** As Redis ranks them. */
  readonly ranks: readonly Entry[];
  readonly entries: readonly Entry[];
  readonly grants: readonly Grant[];
  /** Everything in the ledger up to this stamp is decided. */
  readonly settledStamp: number;
}
