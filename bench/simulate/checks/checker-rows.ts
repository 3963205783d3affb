/** The ledger's rows as the checker sees them, and what was announced, which it compares them with. */
import type { LoggedCampaign } from './checker-log.ts';

/** The rules of a campaign, as they were announced. */
export interface Announced {
  readonly campaignId: number;
  readonly kind: 'coupon' | 'raffle' | 'room';
  readonly places: number;
  readonly opensAtUs: number;
  readonly closesAtUs: number;
  /** Of a raffle; undefined for a draw at the close. */
  readonly drawsAtUs: number | undefined;
  /** Where grants and wins have to be claimed: within how long, and how many wait for a coupon. */
  readonly claims: { readonly withinS: number; readonly waitlist: number } | undefined;
  /** Of a room: its rate, its capacity, and how long somebody may be absent. */
  readonly room:
    | { readonly perSecond: number; readonly capacity: number | null; readonly graceMs: number }
    | undefined;
}

/** What the operator may set of a room at any time. */
export interface RoomTerms {
  readonly perSecond: number;
  readonly capacity: number | null;
  readonly paused: boolean;
}

/** The ledger's row of a campaign, as far as it is checked. */
export interface SeenCampaign {
  readonly campaignId: number;
  readonly kind: string;
  readonly places: number;
  readonly opensAt: Date;
  readonly closesAt: Date;
  /** Where it was told to close ahead of time. */
  readonly closingAt: Date | null;
  readonly drawsAt: Date | null;
  readonly revision: number;
  readonly settledStamp: number;
  readonly grantedCount: number;
  readonly rules: string | null;
  readonly randomness: Buffer | null;
  readonly seed: Buffer | null;
  readonly finishedAt: Date | null;
  readonly shelvedAt: Date | null;
  readonly version: number;
  readonly stage: string;
  readonly pausedAt: Date | null;
  readonly cancelledStamp: number | null;
  /** By how much outages have extended the claimants' stored deadlines. */
  readonly outageUs: number;
}

/** The ledger's row of somebody in a room, as far as it is checked. */
export interface SeenPerson {
  readonly campaignId: number;
  readonly userId: string;
  readonly stamp: number | null;
  readonly state: string;
  readonly serial: number | null;
  readonly admittedUs: number | null;
  /** The gateways' incarnations at which they have a stream, as the ledger knows it. */
  readonly incarnations: readonly number[];
}

/** A row of the operator log, as far as it is checked. */
export interface SeenAct {
  readonly seq: number;
  readonly action: string;
  readonly target: string;
  /** JSON. */
  readonly details: string;
}

/** The ledger's row of somebody who has a place, as far as it is checked. */
export interface SeenClaimant {
  readonly campaignId: number;
  readonly number: number;
  readonly userId: string;
  readonly waitlistPosition: number | null;
  readonly state: string;
  readonly serial: number | null;
  readonly offeredUs: number | null;
  readonly claimByUs: number | null;
  readonly endedUs: number | null;
}

/** One campaign's committed rows, in order. */
export interface SeenRows {
  readonly campaign: SeenCampaign;
  readonly announced: Announced;
  readonly logged: LoggedCampaign;
  /** User to stamp, in stamp order. */
  readonly entries: ReadonlyMap<string, number>;
  /** By serial. */
  readonly winners: readonly { readonly serial: number; readonly userId: string }[];
  /** Users, in order of place. */
  readonly alternates: readonly string[];
  readonly gone: ReadonlySet<string>;
  /** By number. */
  readonly claimants: readonly SeenClaimant[];
  /** Of a room. */
  readonly people: readonly SeenPerson[];
  /** The room's terms. */
  readonly terms: RoomTerms | undefined;
}
