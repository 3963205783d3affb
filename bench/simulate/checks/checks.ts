/** What the partial checks need from the whole checker (checker.ts). */
import type { Outages } from './checker-outages.ts';
import type { KnownAbsences, Streams } from './checker-presence.ts';

export interface Checks {
  /** Reports a broken invariant. */
  breaks(invariant: number, what: string): void;
  readonly outages: Outages;
  /** When no engine could take in reports of streams, including the times of unavailability. */
  readonly reports: Outages;
  readonly streams: Streams;
  readonly absences: KnownAbsences;
  /** By how much a clock that is set may go unnoticed: CLOCK_STOP_MS, where one is set. */
  readonly clockOffUs: number;
  /** How long before it is made an offer may begin: when there is much to decide, the last is no later than the first. */
  readonly offeredBeforeUs: number;
  /** Until then a gateway was further behind without knowing it, because its machine had stood still. */
  readonly behindUntilUs: () => number;
  readonly claimed: readonly {
    readonly campaignId: number;
    readonly userId: string;
    readonly serial: number;
  }[];
  /** An offer that the operator ends may not end before this, unless its time is over; undefined for other offers. */
  readonly ends: { dueUs(campaignId: number, userId: string): number | undefined };
}
