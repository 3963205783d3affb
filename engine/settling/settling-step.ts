/** What settling steps of all kinds of campaigns share. */
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { lastStampAt } from '../contract/record/stamp.ts';

/** The instants that a step works with, microseconds since the epoch. */
export interface Instants {
  /** Every request stamped up to this instant is in the ledger. */
  readonly watermarkUs: number;
  /** The shared clock, as far as it is known; never before the watermark. */
  readonly nowUs: number;
  /** The shared clock when the step begins, milliseconds since the epoch; estimated, and never behind an instant that is over. */
  readonly clockMs: number;
  /** Undefined until the service was available once: until then nothing is offered and nothing lapses. */
  readonly availability: AvailableInstants | undefined;
  /**
   * The available time (availability.available_ms) up to which the ledger knows who is present in a room. No absence counts
   * beyond it: a user who came back may have been reported since. Undefined while unknown.
   */
  readonly presentMs: number | undefined;
}

/** Available time (engine/settling/availability-clock.ts), given by the time missing from it. */
export interface AvailableInstants {
  /** Deadlines lapse only up to here: the time after it may turn out to be an outage. */
  readonly throughUs: number;
  /** The total time up to there of outages, since counting began. */
  readonly outageUs: number;
}

/**
 * How many users leave, return or expire in one transaction. More would lock the campaign's row for longer and keep other
 * campaigns from their step of the cycle; fewer cost more commits.
 */
export const MOVES_LIMIT = 5_000;

/**
 * Entries counted in one transaction if all of them have lost or were cancelled. Counting a million took 160 to 550 ms on a
 * busy machine, depending on how much of the table was vacuumed.
 */
export const COUNT_LIMIT = 200_000;

export interface StepResult {
  readonly decided: number;
  /** Whether another step may find more to do at the same watermark. */
  readonly more: boolean;
  /** Nothing was done: another engine has the campaign, or has done it before. */
  readonly isIdle?: boolean;
  /** The moves of claimants, with claims. */
  readonly moved?: readonly string[];
  /** What the next step needs and must not wait for inside a transaction: for a raffle, see raffle-settling.ts. */
  readonly awaits?: 'pool' | 'randomness' | 'drawing';
  /** It has done part of what was prepared for it: the next step takes the same, and nothing is prepared again. */
  readonly isPart?: boolean;
}

export const DONE: StepResult = { decided: 0, more: false, isIdle: true };

/** No stamp is given at or after this instant (us since the epoch). */
export function closesAtUs(campaign: Campaign): number {
  return campaign.closesAt.getTime() * 1000;
}

/** The greatest due stamp of a campaign: at or before the watermark, and before the close. */
export function dueStamp(campaign: Campaign, watermarkUs: number): number {
  return lastStampAt(Math.min(watermarkUs, closesAtUs(campaign) - 1), opensAtUs(campaign));
}
