/** Rows of the ledger as the API shows them. */
import { type Campaign, doorClosesAtUs, opensAtUs } from '../../sql/campaigns.ts';
import type { EntryOutcome, Totals } from '../../sql/outcomes.ts';
import { instantOf } from '../contract/stamp.ts';
import type { DrawRules } from '../draw/rules.ts';
import { showLocal } from '../schedule/local-time.ts';
import { stateOf } from '../schedule/states.ts';
import type { CampaignJson, EntryJson, TotalsJson } from './schemas.ts';

export function campaignJson(campaign: Campaign, nowMs: number): CampaignJson {
  const { places, grantedCount, draw, timeZone: zone } = campaign;
  const closing = new Date(doorClosesAtUs(campaign) / 1000);
  const drawing = campaign.drawsAt ?? closing;
  return {
    id: campaign.campaignId,
    kind: campaign.kind,
    title: campaign.title,
    ...(campaign.kind === 'coupon' ? { stock: places } : { winners: places }),
    opens_at: campaign.opensAt.toISOString(),
    closes_at: closing.toISOString(),
    ...(campaign.kind === 'raffle' ? { draws_at: drawing.toISOString() } : {}),
    time_zone: zone,
    local: {
      opens_at: showLocal(zone, campaign.opensAt),
      closes_at: showLocal(zone, closing),
      ...(campaign.kind === 'raffle' ? { draws_at: showLocal(zone, drawing) } : {}),
    },
    status: stateOf(campaign, nowMs),
    version: campaign.version,
    pending: campaign.pending?.version ?? null,
    paused_at: campaign.pausedAt?.toISOString() ?? null,
    made_by: campaign.madeBy,
    rules_hash: campaign.rulesHash?.toString('base64url') ?? null,
    ...(draw === null ? {} : drawJson(draw)),
    entries_settled: campaign.settledCount,
    ...(campaign.kind === 'coupon'
      ? { granted: grantedCount }
      : { drawn: grantedCount, passed_on: campaign.redrawnCount }),
    withdrawn: campaign.goneCount,
    created_at: campaign.createdAt.toISOString(),
    settled_at: campaign.finishedAt?.toISOString() ?? null,
  };
}

function drawJson({ tiers, alternates, group_limit, randomness }: DrawRules) {
  return { tiers: [...tiers], alternates, group_limit, randomness };
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
  };
}

/** Microseconds since the epoch as ISO 8601 with six digits. */
function isoMicroseconds(us: number): string {
  const toMilliseconds = new Date(Math.floor(us / 1000)).toISOString().slice(0, -1);
  return `${toMilliseconds}${String(us % 1000).padStart(3, '0')}Z`;
}

export function totalsJson(totals: Totals): TotalsJson {
  const { granted, lost } = totals;
  return {
    entries: totals.entries,
    ...(totals.kind === 'coupon' ? { granted, sold_out: lost } : { won: granted, not_drawn: lost }),
    withdrawn: totals.withdrawn,
    waiting: totals.waiting,
    cancelled: totals.cancelled,
    set_aside: totals.setAside,
  };
}
