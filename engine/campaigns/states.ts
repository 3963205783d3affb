/**
 * The transitions between the states of a campaign: one state machine, which README.md in this folder describes and the
 * constraints of 0005_schedule.sql enforce. contract/campaign/campaign-state.ts derives the state.
 */

import type { VersionAction } from '../../sql/statements/campaigns/campaign-versions.ts';
import { admissionEndsAtUs, type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { CAMPAIGN_STATES, type CampaignState, campaignStateAt } from '../contract/campaign/campaign-state.ts';

/** What operators can do; the other transitions come with time. */
export type Action = Exclude<VersionAction, 'make'>;

/** Each transition, with its cause: an action, the passing of `time`, or `settling`. */
export const TRANSITIONS: readonly (readonly [
  from: CampaignState,
  to: CampaignState,
  by: Action | 'time' | 'settling',
])[] = [
  ['draft', 'scheduled', 'announce'],
  ['draft', 'cancelled', 'cancel'],
  ['scheduled', 'open', 'time'],
  ['scheduled', 'paused', 'pause'],
  ['scheduled', 'cancelled', 'cancel'],
  ['open', 'paused', 'pause'],
  ['open', 'closed', 'time'],
  ['open', 'closed', 'close'],
  ['open', 'cancelled', 'cancel'],
  ['paused', 'scheduled', 'resume'],
  ['paused', 'open', 'resume'],
  ['paused', 'closed', 'time'],
  ['paused', 'closed', 'close'],
  ['paused', 'cancelled', 'cancel'],
  ['closed', 'settled', 'settling'],
  ['closed', 'cancelled', 'cancel'],
  ['settled', 'archived', 'archive'],
  ['cancelled', 'archived', 'archive'],
];

/** States in which times, title or stock can be edited; plan.ts says which of them, depending on what has passed. */
const EDITABLE: readonly CampaignState[] = ['draft', 'scheduled', 'open', 'paused', 'closed'];

type Described = Pick<Campaign, 'stage' | 'finishedAt' | 'opensAt' | 'closesAt' | 'closingAt' | 'pausedAt'>;

/** The state at an instant, milliseconds since the epoch. */
export function stateOf(campaign: Described, nowMs: number): CampaignState {
  const facts = {
    stage: campaign.stage,
    isFinished: campaign.finishedAt !== null,
    isPaused: campaign.pausedAt !== null,
    opensAtUs: opensAtUs(campaign),
    closesAtUs: admissionEndsAtUs(campaign),
  };
  return campaignStateAt(facts, nowMs * 1000);
}

/** States in which a stock can be raised: until every outcome is final. plan.ts has the other conditions. */
const RAISABLE: readonly CampaignState[] = ['open', 'paused', 'closed'];

/** Whether an action is allowed in a state. */
export function allows(state: CampaignState, action: Action): boolean {
  if (action === 'edit') return EDITABLE.includes(state);
  if (action === 'raise') return RAISABLE.includes(state);
  return TRANSITIONS.some(([from, , by]) => from === state && by === action);
}

/** The states in which an action is allowed. */
export function statesFor(action: Action): readonly CampaignState[] {
  return CAMPAIGN_STATES.filter(state => allows(state, action));
}
