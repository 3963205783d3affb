/**
 * The state of a campaign at an instant: operators, fans and pages all get it from this one function.
 *
 * Stored are the decisions of people (the stage, a pause) and the results of settlement. Everything else follows from the
 * campaign's times, so no process has to run at an instant for a campaign to open or close. engine/campaigns/README.md draws
 * the states and the transitions between them.
 */
export const CAMPAIGN_STATES = [
  'draft',
  'scheduled',
  'open',
  'paused',
  'closed',
  'settled',
  'cancelled',
  'archived',
] as const;
export type CampaignState = (typeof CAMPAIGN_STATES)[number];

/** The decisions of people. While a campaign is scheduled, its other facts determine the state. */
export type CampaignStage = 'draft' | 'scheduled' | 'cancelled' | 'archived';
type ScheduledState = 'scheduled' | 'open' | 'paused' | 'closed' | 'settled';

/** Instants in microseconds since the epoch. */
export interface CampaignFacts<Stage extends CampaignStage = CampaignStage> {
  readonly stage: Stage;
  readonly isFinished: boolean;
  readonly isPaused: boolean;
  readonly opensAtUs: number;
  /** From here on nobody can enter: the close, or the earlier one that an operator has begun. */
  readonly closesAtUs: number;
}

/** The state at `nowUs`, microseconds since the epoch. A pause before the opening shows at once, because fans plan by it. */
export function campaignStateAt<Stage extends CampaignStage>(
  facts: CampaignFacts<Stage>,
  nowUs: number,
): ScheduledState | Stage {
  if (facts.stage !== 'scheduled') return facts.stage;
  if (facts.isFinished) return 'settled';
  if (nowUs >= facts.closesAtUs) return 'closed';
  if (facts.isPaused) return 'paused';
  return nowUs < facts.opensAtUs ? 'scheduled' : 'open';
}
