/** Changes of a campaign by its operators, as the API reads and shows them: edits, and what any change would do. */
import type { Campaign } from '../../../sql/statements/campaigns/campaigns.ts';
import { allowedPlan, planTerms } from '../../campaigns/change.ts';
import type { Change } from '../../campaigns/plan.ts';
import type { Action } from '../../campaigns/states.ts';
import { closeWouldBe } from '../../campaigns/telling/close.ts';
import { type FieldFault, invalidRequest } from '../../contract/api/problem.ts';
import {
  type DryRunJson,
  type EditBody,
  RaiseBody,
  ReasonBody,
  StopBody,
} from '../contract/schedule-schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { readBody } from '../http/input.ts';
import { campaignJson } from './campaign-json.ts';
import { readTime, readZone } from './times.ts';

/** The times of an edit; those without a Z are read in the time zone that the campaign has, or will have. */
export function readEdit(body: EditBody, campaign: Campaign): Change {
  const faults: FieldFault[] = [];
  const { title, stock, time_zone } = body;
  const zone = time_zone === undefined ? campaign.timeZone : readZone(time_zone, faults);
  const at = (field: 'opens_at' | 'closes_at' | 'draws_at'): Date | undefined => {
    const text = body[field];
    return typeof text === 'string' ? readTime(field, text, zone, faults) : undefined;
  };
  const [opensAt, closesAt, drawsAt] = [at('opens_at'), at('closes_at'), at('draws_at')];
  if (faults.length > 0) throw invalidRequest(faults);
  return {
    ...(title === undefined ? {} : { title }),
    ...(stock === undefined ? {} : { stock }),
    ...(opensAt === undefined ? {} : { opensAt }),
    ...(closesAt === undefined ? {} : { closesAt }),
    ...(body.draws_at === undefined ? {} : { drawsAt: drawsAt ?? null }),
    ...(time_zone === undefined ? {} : { timeZone: time_zone }),
  };
}

/** A change of the state and why, for operators; a pause and a cancellation also have what fans are told, and a raise has the stock. Throws Problem invalid-request. */
export function readStateChange(
  action: Action,
  body: unknown,
): { readonly change: Change; readonly reason: string | undefined } {
  if (action === 'raise') {
    const { stock, reason } = readBody(RaiseBody, body);
    return { change: { stock }, reason };
  }
  const stops = action === 'pause' || action === 'cancel';
  const { reason, notice }: StopBody = stops ? readBody(StopBody, body) : readBody(ReasonBody, body);
  return { change: notice === undefined ? {} : { notice }, reason };
}

/** What a change would do to a campaign. Throws the same Problem as the change itself before it asks the gateways. */
export async function wouldBe(
  deps: ApiDeps,
  campaign: Campaign,
  action: Action,
  wanted: Change,
): Promise<DryRunJson> {
  const terms = await planTerms(deps, campaign);
  const { target, confirms, decideBy } = allowedPlan(campaign, action, wanted, terms);
  const pausedAt = target.paused ? (campaign.pausedAt ?? new Date(terms.nowMs)) : null;
  const { rules_hash: _hash, ...shown } = campaignJson(
    { ...campaign, ...target, pausedAt, version: campaign.version + 1 },
    terms.nowMs,
  );
  return {
    dry_run: true,
    action,
    gateways_confirm: confirms,
    effective_before: decideBy?.toISOString() ?? null,
    campaign: shown,
  };
}

/** What an early close that began now would be. Throws Problem like the close itself. */
export async function closePreview(deps: ApiDeps, campaignId: number): Promise<DryRunJson> {
  const { campaign, closingAt } = await closeWouldBe(deps, campaignId);
  return {
    dry_run: true,
    action: 'close',
    gateways_confirm: true,
    effective_before: null,
    campaign: campaignJson({ ...campaign, closingAt }, closingAt.getTime()),
  };
}
