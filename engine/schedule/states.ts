/**
 * The state of a campaign: one machine, written out in README.md beside this file, and kept by the constraints of
 * 0005_schedule.sql.
 *
 * Stored is what people decide: `stage` (draft, scheduled, cancelled, archived) and `paused_at`. Everything else follows
 * from the campaign's times and from what settling recorded, so no process has to be there at an instant for a campaign to
 * open or close, and none can forget it.
 */

import type { VersionAction } from '../../sql/campaign-versions.ts';
import { type Campaign, doorClosesAtUs } from '../../sql/campaigns.ts';

export const STATES = [
  'draft',
  'scheduled',
  'open',
  'paused',
  'closed',
  'settled',
  'cancelled',
  'archived',
] as const;
export type State = (typeof STATES)[number];

/** What people can do; the rest comes with time. */
export type Action = Exclude<VersionAction, 'make'>;

/** Each transition, with what brings it: an action, `time` that passes, or `settling`. */
export const TRANSITIONS: readonly (readonly [from: State, to: State, by: Action | 'time' | 'settling'])[] = [
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

/** States in which times, title or stock can be edited; which of them, depends on what has passed (see plan.ts). */
const EDITABLE: readonly State[] = ['draft', 'scheduled', 'open', 'paused', 'closed'];

type Described = Pick<Campaign, 'stage' | 'finishedAt' | 'opensAt' | 'closesAt' | 'closingAt' | 'pausedAt'>;

/** The state at an instant, milliseconds since the epoch. */
export function stateOf(campaign: Described, nowMs: number): State {
  if (campaign.stage !== 'scheduled') return campaign.stage;
  if (campaign.finishedAt !== null) return 'settled';
  if (nowMs >= doorClosesAtUs(campaign) / 1000) return 'closed';
  if (campaign.pausedAt !== null) return 'paused';
  return nowMs < campaign.opensAt.getTime() ? 'scheduled' : 'open';
}

/** Whether an action is known in a state. */
export function allows(state: State, action: Action): boolean {
  if (action === 'edit') return EDITABLE.includes(state);
  return TRANSITIONS.some(([from, , by]) => from === state && by === action);
}

/** The states in which an action is known. */
export function statesFor(action: Action): readonly State[] {
  return STATES.filter(state => allows(state, action));
}
