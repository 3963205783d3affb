/** The checker's view of the ledger's rows, and the announcements that it compares them with. */
import type { LoggedCampaign } from './checker-log.ts';

/** The announced rules of a campaign. */
export interface Announced {
  readonly campaignId: number;
  readonly kind: 'coupon' | 'raffle' | 'room';
  readonly stock: number;
  readonly opensAtUs: number;
  readonly closesAtUs: number;
  /** Raffles only; undefined for a draw at the close. */
  readonly drawsAtUs: number | undefined;
  /** If grants and wins must be claimed: within how long, and the length of a coupon's waitlist. */
  readonly claims: { readonly withinS: number; readonly waitlist: number } | undefined;
  /** Rooms only: the rate, the capacity, and how long a user may be absent. */
  readonly room:
    | { readonly perSecond: number; readonly capacity: number | null; readonly graceMs: number }
    | undefined;
}

/** The terms of a room that an operator may change at any time. */
export interface RoomTerms {
  readonly perSecond: number;
  readonly capacity: number | null;
  readonly paused: boolean;
}

/** The checked columns of a campaign's row. */
export interface SeenCampaign {
  readonly campaignId: number;
  readonly kind: string;
  readonly stock: number;
  readonly opensAt: Date;
  readonly closesAt: Date;
  /** The early close, if there is one. */
  readonly closingAt: Date | null;
  readonly drawsAt: Date | null;
  readonly revision: number;
  readonly settledStamp: number;
  /** Entries behind it that had lost are decided anew, because the stock was raised; null if none are. */
  readonly raisedStamp: number | null;
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

/** The checked columns of the row of a user in a room. */
export interface SeenPerson {
  readonly campaignId: number;
  readonly userId: string;
  readonly stamp: number | null;
  readonly state: string;
  readonly serial: number | null;
  readonly admittedUs: number | null;
  /** The incarnations of gateways where the user has a stream, as the ledger knows. */
  readonly incarnations: readonly number[];
}

/** The checked columns of a row of the operator log. */
export interface SeenAct {
  readonly seq: number;
  readonly action: string;
  readonly target: string;
  /** JSON. */
  readonly details: string;
}

/** The checked columns of a claimant's row. */
export interface SeenClaimant {
  readonly campaignId: number;
  readonly number: number;
  readonly userId: string;
  readonly waitlistPosition: number | null;
  readonly state: string;
  readonly serial: number | null;
  readonly offeredUs: number | null;
  readonly claimByUs: number | null;
  /** When the operator ends the offer; it is shown as the deadline before it is one. */
  readonly endingUs: number | null;
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
  /** Users, in order of their number. */
  readonly alternates: readonly string[];
  readonly gone: ReadonlySet<string>;
  /** By number. */
  readonly claimants: readonly SeenClaimant[];
  /** Rooms only. */
  readonly people: readonly SeenPerson[];
  /** The room's terms. */
  readonly terms: RoomTerms | undefined;
}
