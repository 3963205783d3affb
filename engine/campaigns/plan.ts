/**
 * The result of a requested change of a campaign, and whether it is allowed: pure, at an instant of the shared clock.
 *
 * A time can be changed until it has passed, as long as all gateways can be told before: an edit closer than `leadMs` to the
 * old or the new time is refused as too near. Announcements bind:
 *
 * - Before the opening everything can change; the rules are announced anew, and each version keeps their hash.
 * - From the opening on there may be entries. Title, stock and opening stay: stamps count from the opening.
 * - The close of a coupon moves freely until it has passed; its rules are announced with the new close.
 * - The close of a raffle moves at most up to the announced one. The seed binds its rules, which name that close: a later
 *   close would change the rules, and with them who is drawn.
 * - A raffle is drawn no earlier than its close, which freezes its pool.
 * - The stock of a coupon can be raised until it is settled: RAISING.md.
 */

import {
  type RefusalReason,
  type Target,
  targetOf,
} from '../../sql/statements/campaigns/campaign-versions.ts';
import type { Campaign, Notice } from '../../sql/statements/campaigns/campaigns.ts';
import { isoOfMs } from '../contract/api/instants.ts';
import { type FieldFault, fieldFault } from '../contract/api/problem.ts';
import { LAST_STAMP_US, MAX_WINDOW_DAYS } from '../contract/record/stamp.ts';
import { type Action, allows, stateOf, statesFor } from './states.ts';
import { raiseFault } from './telling/raising.ts';

export interface Change {
  readonly title?: string;
  readonly stock?: number;
  readonly opensAt?: Date;
  readonly closesAt?: Date;
  /** null: at the close. */
  readonly drawsAt?: Date | null;
  readonly timeZone?: string;
  /** Of a pause or a cancellation. */
  readonly notice?: Notice;
}

export interface PlanTerms {
  readonly nowMs: number;
  /** How long it takes until every gateway has learned of something or is known to be silent. */
  readonly leadMs: number;
  /** More than the clock of a gateway may be off. */
  readonly marginMs: number;
  /** The close named in the rules; null if none are announced. */
  readonly announcedClosesAt: Date | null;
  /** The time to claim in seconds, from rules or draft; null if grants and wins are final at once. */
  readonly claimWithinS: number | null;
  /** How often the stock was raised. */
  readonly raises: number;
}

export type Plan =
  | {
      readonly is: 'allowed';
      readonly target: Target;
      /** Whether gateways must confirm it. */
      readonly confirms: boolean;
      /** It takes effect before this or not at all. */
      readonly decideBy: Date | null;
      /** Whether the rules are announced anew. */
      readonly announces: boolean;
    }
  | { readonly is: 'state'; readonly detail: string }
  | { readonly is: 'wrong'; readonly errors: readonly FieldFault[] }
  | { readonly is: 'refused'; readonly reason: RefusalReason; readonly errors: readonly FieldFault[] };

const DAY_MS = 86_400_000;
/** The limit of the ledger: later instants would not be exact. */
const END_MS = Date.UTC(2200);

type TimeField = 'opens_at' | 'closes_at' | 'draws_at';

export function planChange(campaign: Campaign, action: Action, change: Change, terms: PlanTerms): Plan {
  const why = action === 'raise' ? raiseFault(campaign, terms) : undefined;
  if (why !== undefined) return { is: 'state', detail: why };
  const state = stateOf(campaign, terms.nowMs);
  if (!allows(state, action)) {
    const known = statesFor(action).join(', ');
    return {
      is: 'state',
      detail: `Campaign ${campaign.campaignId} is ${state}; ${action} needs a campaign that is ${known}.`,
    };
  }
  switch (action) {
    case 'edit':
      return campaign.stage === 'draft'
        ? planDraft(campaign, change, terms)
        : planEdit(campaign, changedTarget(campaign, change), change, terms);
    case 'announce':
      return planAnnounce(campaign, terms);
    case 'pause':
      return told({ ...targetOf(campaign), paused: true, notice: change.notice ?? null });
    case 'resume':
      return told({ ...targetOf(campaign), paused: false, notice: null });
    case 'cancel':
      return planCancel(campaign, change);
    case 'archive':
      return campaign.finishedAt === null
        ? { is: 'state', detail: `Campaign ${campaign.campaignId} was cancelled and has not finished yet.` }
        : atOnce({ ...targetOf(campaign), stage: 'archived' });
    case 'raise':
      return planRaise(campaign, change);
    case 'close':
      return { is: 'state', detail: 'An early close cannot be planned.' };
  }
}

function told(target: Target): Plan {
  return { is: 'allowed', target, confirms: true, decideBy: null, announces: false };
}

function atOnce(target: Target, announces = false): Plan {
  return { is: 'allowed', target, confirms: false, decideBy: null, announces };
}

function changedTarget(campaign: Campaign, change: Change): Target {
  const { title, stock, opensAt, closesAt, drawsAt, timeZone } = change;
  return {
    ...targetOf(campaign),
    ...(title === undefined ? {} : { title }),
    ...(stock === undefined ? {} : { stock }),
    ...(opensAt === undefined ? {} : { opensAt }),
    ...(closesAt === undefined ? {} : { closesAt }),
    ...(drawsAt === undefined ? {} : { drawsAt }),
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}

function planDraft(campaign: Campaign, change: Change, { claimWithinS }: PlanTerms): Plan {
  const target = changedTarget(campaign, change);
  const errors = [
    ...kindFaults(campaign, change),
    ...windowFaults(target),
    ...claimFaults(target, claimWithinS),
  ];
  return errors.length > 0 ? { is: 'wrong', errors } : atOnce(target);
}

function planAnnounce(campaign: Campaign, { nowMs }: PlanTerms): Plan {
  const target: Target = { ...targetOf(campaign), stage: 'scheduled' };
  const errors = windowFaults(target);
  if (target.opensAt.getTime() <= nowMs) {
    errors.push(fieldFault('opens_at', target.opensAt, `a time after now, ${isoOfMs(nowMs)}: edit it first`));
  }
  return errors.length > 0 ? { is: 'refused', reason: 'passed', errors } : atOnce(target, true);
}

function planCancel(campaign: Campaign, { notice }: Change): Plan {
  if (campaign.seed !== null) {
    return { is: 'state', detail: `Campaign ${campaign.campaignId} is being drawn.` };
  }
  const target: Target = { ...targetOf(campaign), stage: 'cancelled', notice: notice ?? null };
  return campaign.stage === 'draft' ? atOnce(target) : told(target);
}

function planRaise(campaign: Campaign, { stock }: Change): Plan {
  if (stock === undefined || stock <= campaign.stock) {
    const right = `more than ${campaign.stock}, the announced stock: it can only be raised`;
    return { is: 'wrong', errors: [fieldFault('stock', stock, right)] };
  }
  return atOnce({ ...targetOf(campaign), stock }, true);
}

function planEdit(campaign: Campaign, target: Target, change: Change, terms: PlanTerms): Plan {
  const errors = [
    ...kindFaults(campaign, change),
    ...windowFaults(target),
    ...claimFaults(target, terms.claimWithinS),
  ];
  const granted = campaign.grantedCount;
  if (change.stock !== undefined && change.stock < granted) {
    errors.push(fieldFault('stock', change.stock, `at least ${granted}, as that many are granted`));
  }
  if (errors.length > 0) return { is: 'wrong', errors };
  const moved = movedTimes(campaign, target);
  const passed = moved.filter(({ from }) => from.getTime() <= terms.nowMs);
  if (passed.length > 0) {
    return {
      is: 'refused',
      reason: 'passed',
      errors: passed.map(({ field, from, to }) =>
        fieldFault(field, to, `no change: it passed at ${from.toISOString()}`),
      ),
    };
  }
  const hasOpened = campaign.opensAt.getTime() <= terms.nowMs;
  const bound = hasOpened ? boundFaults(campaign, target, change, terms.announcedClosesAt) : [];
  if (bound.length > 0) return { is: 'refused', reason: 'passed', errors: bound };
  return planTimes(campaign, target, moved, hasOpened, terms);
}

interface Moved {
  readonly field: TimeField;
  readonly from: Date;
  readonly to: Date;
}

function movedTimes(campaign: Campaign, target: Target): readonly Moved[] {
  // An early close that was requested stays.
  const closes = campaign.closingAt ?? campaign.closesAt;
  const all: readonly Moved[] = [
    { field: 'opens_at', from: campaign.opensAt, to: target.opensAt },
    { field: 'closes_at', from: closes, to: target.closesAt },
    { field: 'draws_at', from: campaign.drawsAt ?? closes, to: target.drawsAt ?? target.closesAt },
  ];
  const isDrawMoved = (target.drawsAt?.getTime() ?? null) !== (campaign.drawsAt?.getTime() ?? null);
  return all.filter(({ field, from, to }) =>
    field === 'draws_at'
      ? isDrawMoved
      : from.getTime() !== to.getTime() && !(field === 'closes_at' && target.closesAt === campaign.closesAt),
  );
}

/** Faults of a change to what users have entered under. */
function boundFaults(
  campaign: Campaign,
  target: Target,
  change: Change,
  announcedClosesAt: Date | null,
): readonly FieldFault[] {
  const opened = campaign.opensAt.toISOString();
  const errors: FieldFault[] = [];
  for (const [field, before, after] of [
    ['title', campaign.title, change.title],
    ['stock', campaign.stock, change.stock],
  ] as const) {
    if (after !== undefined && after !== before) {
      errors.push(
        fieldFault(field, after, `no change: the campaign opened at ${opened}, and its rules are fixed`),
      );
    }
  }
  const announced = announcedClosesAt ?? campaign.closesAt;
  if (campaign.kind === 'raffle' && target.closesAt > announced) {
    errors.push(
      fieldFault(
        'closes_at',
        target.closesAt,
        `${announced.toISOString()}, as announced, or earlier: the seed of the draw binds it, and a later close would change who is drawn`,
      ),
    );
  }
  return errors;
}

function planTimes(
  campaign: Campaign,
  target: Target,
  moved: readonly Moved[],
  hasOpened: boolean,
  { nowMs, leadMs, marginMs }: PlanTerms,
): Plan {
  const earliest = isoOfMs(nowMs + leadMs);
  const isNear = (at: Date): boolean => at.getTime() < nowMs + leadMs;
  const near = moved.flatMap(({ field, from, to }) => {
    if (isNear(to))
      return [fieldFault(field, to, `${earliest} or later, so that all gateways learn of it before`)];
    if (isNear(from)) {
      return [
        fieldFault(
          field,
          to,
          `no change: it comes at ${from.toISOString()}, before all gateways can learn of a change`,
        ),
      ];
    }
    return [];
  });
  const announces =
    !hasOpened || (campaign.kind === 'coupon' && moved.some(({ field }) => field === 'closes_at'));
  if (near.length === 0 && !hasOpened && isNear(campaign.opensAt)) {
    near.push(
      fieldFault(
        'opens_at',
        campaign.opensAt,
        `an edit before ${isoOfMs(campaign.opensAt.getTime() - leadMs)}, or after it`,
      ),
    );
  }
  if (near.length > 0) return { is: 'refused', reason: 'too_near', errors: near };
  const bounds = moved.flatMap(({ from, to }) => [from.getTime(), to.getTime()]);
  // Before the opening the rules change as well, and nobody may have entered under the old ones.
  if (!hasOpened) bounds.push(campaign.opensAt.getTime());
  const decideBy = bounds.length === 0 ? null : new Date(Math.min(...bounds) - marginMs);
  return { is: 'allowed', target, confirms: true, decideBy, announces };
}

function kindFaults(campaign: Campaign, change: Change): FieldFault[] {
  const errors: FieldFault[] = [];
  if (campaign.kind !== 'coupon' && change.stock !== undefined) {
    errors.push(fieldFault('stock', change.stock, `no value, as kind is ${campaign.kind}`));
  }
  if (campaign.kind !== 'raffle' && change.drawsAt !== undefined) {
    errors.push(fieldFault('draws_at', change.drawsAt, `no value, as kind is ${campaign.kind}`));
  }
  return errors;
}

/** Contradictions between times. */
export function windowFaults({
  opensAt,
  closesAt,
  drawsAt,
}: Pick<Target, 'opensAt' | 'closesAt' | 'drawsAt'>): FieldFault[] {
  const errors: FieldFault[] = [];
  const longestMs = opensAt.getTime() + MAX_WINDOW_DAYS * DAY_MS;
  if (closesAt <= opensAt) {
    errors.push(fieldFault('closes_at', closesAt, `a time after the opening at ${opensAt.toISOString()}`));
  } else if (closesAt.getTime() > longestMs) {
    const right = `at most ${MAX_WINDOW_DAYS} days after the opening: ${isoOfMs(longestMs)} or earlier`;
    errors.push(fieldFault('closes_at', closesAt, right));
  } else if (closesAt.getTime() >= END_MS) {
    errors.push(fieldFault('closes_at', closesAt, `a time before ${isoOfMs(END_MS)}`));
  }
  if (drawsAt !== null && drawsAt < closesAt) {
    const right = `the close at ${closesAt.toISOString()}, which freezes the pool, or later`;
    errors.push(fieldFault('draws_at', drawsAt, right));
  } else if (drawsAt !== null && drawsAt.getTime() >= END_MS) {
    errors.push(fieldFault('draws_at', drawsAt, `a time before ${isoOfMs(END_MS)}`));
  }
  return errors;
}

/**
 * Whether all claims can be stamped: the deadline of anything granted up to the close, or won in the draw, must lie within
 * the range of stamps, counted from the opening. Otherwise a raffle could never be drawn.
 */
export function claimFaults(
  { opensAt, closesAt, drawsAt }: Pick<Target, 'opensAt' | 'closesAt' | 'drawsAt'>,
  claimWithinS: number | null,
): FieldFault[] {
  if (claimWithinS === null) return [];
  const latestMs = Math.floor(opensAt.getTime() + LAST_STAMP_US / 1000) - claimWithinS * 1000;
  const offered = drawsAt ?? closesAt;
  if (offered.getTime() <= latestMs) return [];
  const field = drawsAt === null ? 'closes_at' : 'draws_at';
  const right = `${isoOfMs(latestMs)} or earlier, so that ${claimWithinS} s to claim remain before stamps end`;
  return [fieldFault(field, offered, right)];
}
