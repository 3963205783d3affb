/** What those who check a part of what happened are given of the whole (checker.ts). */
import type { Outages } from './checker-outages.ts';
import type { KnownAbsences, Streams } from './checker-presence.ts';

export interface Checks {
  /** Tells of a broken invariant. */
  breaks(invariant: number, what: string): void;
  readonly outages: Outages;
  /** When no engine could take in reports of streams, those among them when nobody could be heard. */
  readonly reports: Outages;
  readonly streams: Streams;
  readonly absences: KnownAbsences;
  /** By how much a clock that is set may go unnoticed: CLOCK_STOP_MS, where one is. */
  readonly clockOffUs: number;
  /** How long before it is made an offer may begin: of much that is to be decided the last is no later than the first. */
  readonly offeredBeforeUs: number;
  readonly claimed: readonly {
    readonly campaignId: number;
    readonly userId: string;
    readonly serial: number;
  }[];
  /** Before when an offer that the operator ends may not end, unless its time is over; undefined of any other. */
  readonly ends: { dueUs(campaignId: number, userId: string): number | undefined };
  readonly shop: { readonly clockSetByUs: number };
}
