/** What steps of settling have in common, whatever the kind of campaign. */
import { type Campaign, opensAtUs } from '../sql/campaigns.ts';
import { lastStampAt } from './contract/stamp.ts';

export interface StepResult {
  readonly decided: number;
  /** Whether another step may find more to do at the same watermark. */
  readonly more: boolean;
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
