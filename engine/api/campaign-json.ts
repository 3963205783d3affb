/** Rows of the ledger as the API shows them. */
import { type Campaign, doorClosesAtUs, opensAtUs } from '../../sql/campaigns.ts';
import type { EntryOutcome, Totals } from '../../sql/outcomes.ts';
import { instantOf } from '../contract/stamp.ts';
import type { DrawRules } from '../draw/rules.ts';
import type { CampaignJson, EntryJson, TotalsJson } from './schemas.ts';

export function campaignJson(campaign: Campaign, nowMs: number): CampaignJson {
  const { places, grantedCount, draw } = campaign;
  return {
    id: campaign.campaignId,
    kind: campaign.kind,
    title: campaign.title,
    ...(campaign.kind === 'coupon' ? { stock: places } : { winners: places }),
    opens_at: campaign.opensAt.toISOString(),
    closes_at: new Date(doorClosesAtUs(campaign) / 1000).toISOString(),
    status: statusOf(campaign, nowMs),
    rules_hash: campaign.rulesHash?.toString('base64url') ?? null,
    ...(draw === null ? {} : drawJson(draw)),
    entries_settled: campaign.settledCount,
    ...(campaign.kind === 'coupon'
      ? { granted: grantedCount }
      : { drawn: grantedCount, passed_on: campaign.redrawnCount }),
    ...claimsJson(campaign),
    withdrawn: campaign.goneCount,
    created_at: campaign.createdAt.toISOString(),
    settled_at: campaign.finishedAt?.toISOString() ?? null,
  };
}

function claimsJson({ kind, claimWithinS, waitlist, waitlistedCount, redrawnCount }: Campaign) {
  if (claimWithinS === null) return {};
  const common = { claim_within_s: claimWithinS, waitlisted: waitlistedCount, passed_on: redrawnCount };
  return kind === 'coupon' ? { ...common, waitlist } : common;
}

function drawJson({ tiers, alternates, group_limit, randomness }: DrawRules) {
  return { tiers: [...tiers], alternates, group_limit, randomness };
}

function statusOf(campaign: Campaign, nowMs: number): CampaignJson['status'] {
  if (campaign.finishedAt !== null) return 'settled';
  if (nowMs < campaign.opensAt.getTime()) return 'scheduled';
  return nowMs < doorClosesAtUs(campaign) / 1000 ? 'open' : 'closed';
}

export function entryJson(entry: EntryOutcome, campaign: Campaign): EntryJson {
  return {
    user_id: entry.userId,
    stamp: entry.stamp,
    requested_at: isoMicroseconds(instantOf(entry.stamp, opensAtUs(campaign))),
    outcome: entry.outcome,
    serial: entry.serial,
    code: entry.code,
    granted_at: entry.grantedAt?.toISOString() ?? null,
    claim_by: entry.claimByUs === null ? null : isoMicroseconds(entry.claimByUs),
    ended_at: entry.endedUs === null ? null : isoMicroseconds(entry.endedUs),
  };
}

/** Microseconds since the epoch as ISO 8601 with six digits. */
function isoMicroseconds(us: number): string {
  const toMilliseconds = new Date(Math.floor(us / 1000)).toISOString().slice(0, -1);
  return `${toMilliseconds}${String(us % 1000).padStart(3, '0')}Z`;
}

export function totalsJson(totals: Totals): TotalsJson {
  const { granted, lost, waitlisted, offered, lapsed, declined } = totals;
  return {
    entries: totals.entries,
    ...(totals.kind === 'coupon' ? { granted, sold_out: lost } : { won: granted, not_drawn: lost }),
    ...(totals.hasClaims ? { waitlisted, offered, lapsed, declined } : {}),
    withdrawn: totals.withdrawn,
    waiting: totals.waiting,
    set_aside: totals.setAside,
  };
}
