/** What steps of settling have in common, whatever the kind of campaign. */
import { type Campaign, opensAtUs } from '../sql/campaigns.ts';
import { lastStampAt } from './contract/stamp.ts';

/** What a step goes by, microseconds since the epoch. */
export interface Instants {
  /** Every request stamped up to it is in the ledger. */
  readonly watermarkUs: number;
  /** Of the shared clock, as far as it is known; never before the watermark. */
  readonly nowUs: number;
  /** Undefined while nobody was heard yet: then nothing is offered, and nothing lapses. */
  readonly heard: HeardInstants | undefined;
  /**
   * The heard time (hearing.heard_ms) as of which the ledger knows who is in a room: nobody's absence counts beyond it, as
   * who came back may have told so since. Undefined while that is not known.
   */
  readonly presentMs: number | undefined;
}

/** Heard time (engine/hearing.ts), told by what is missing of it. */
export interface HeardInstants {
  /** What has a deadline lapses up to here: what came behind it may turn out to be an outage. */
  readonly throughUs: number;
  /** All the time up to there in which nobody could be heard, from whenever it is counted. */
  readonly unheardUs: number;
}

/**
 * How many people leave, come back or are over in one transaction. More would hold the campaign's row for longer, and keep other
 * campaigns from their step of the pass; fewer cost more commits.
 */
export const MOVES_LIMIT = 5_000;

export interface StepResult {
  readonly decided: number;
  /** Whether another step may find more to do at the same watermark. */
  readonly more: boolean;
  /** What became of offers, where there are claims. */
  readonly moved?: readonly string[];
  /** What the next step needs, and what is not to be waited for inside of a transaction. */
  readonly awaits?: 'randomness';
}

export const DONE: StepResult = { decided: 0, more: false };

/** Nobody stamps at or after this instant (us since the epoch). */
export function closesAtUs(campaign: Campaign): number {
  return campaign.closesAt.getTime() * 1000;
}

/** The greatest stamp of a campaign that is due: at or before the watermark, and before the close. */
export function dueStamp(campaign: Campaign, watermarkUs: number): number {
  return lastStampAt(Math.min(watermarkUs, closesAtUs(campaign) - 1), opensAtUs(campaign));
}
