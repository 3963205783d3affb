/** Rows of the ledger as the API shows them. */
import { admissionEndsAtUs, type Campaign, opensAtUs } from '../../../sql/statements/campaigns/campaigns.ts';
import type { EntryOutcome, Totals } from '../../../sql/statements/entries/outcomes.ts';
import type { Room, RoomCounts } from '../../../sql/statements/rooms/rooms.ts';
import { showLocal } from '../../campaigns/local-time.ts';
import { stateOf } from '../../campaigns/states.ts';
import { stockJson } from '../../campaigns/stock-json.ts';
import { isoMicrosecondsOf } from '../../contract/api/instants.ts';
import { instantOf } from '../../contract/record/stamp.ts';
import type { DrawRules } from '../../draw/rules.ts';
import type { CampaignJson } from '../contract/campaign-schemas.ts';
import type { EntryJson, TotalsJson } from '../contract/entry-schemas.ts';
import type { RoomJson } from '../contract/room-schemas.ts';

export function campaignJson(campaign: Campaign, nowMs: number): CampaignJson {
  const { draw, timeZone: zone } = campaign;
  const closing = new Date(admissionEndsAtUs(campaign) / 1000);
  const drawing = campaign.drawsAt ?? closing;
  return {
    id: campaign.campaignId,
    kind: campaign.kind,
    title: campaign.title,
    ...stockJson(campaign),
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
    notice: campaign.notice,
    made_by: campaign.madeBy,
    ...(campaign.shop === null ? {} : { shop: campaign.shop }),
    ...(campaign.twoPerson ? { two_person: true } : {}),
    rules_hash: campaign.rulesHash?.toString('base64url') ?? null,
    ...(draw === null ? {} : drawJson(draw)),
    ...(campaign.monitors === null ? {} : { monitors: [...campaign.monitors] }),
    entries_settled: campaign.settledCount,
    ...grantedJson(campaign),
    ...claimsJson(campaign),
    created_at: campaign.createdAt.toISOString(),
    settled_at: campaign.finishedAt?.toISOString() ?? null,
  };
}

function claimsJson({ kind, claimWithinS, waitlist, waitlistedCount, redrawnCount }: Campaign) {
  if (claimWithinS === null) return {};
  const common = { claim_within_s: claimWithinS, waitlisted: waitlistedCount, passed_on: redrawnCount };
  return kind === 'coupon' ? { ...common, waitlist } : common;
}

/** How many were granted and how many left; the people who left a room are counted with the room's other people. */
function grantedJson({ kind, grantedCount, redrawnCount, goneCount }: Campaign) {
  switch (kind) {
    case 'coupon':
      return { granted: grantedCount, withdrawn: goneCount };
    case 'raffle':
      return { drawn: grantedCount, passed_on: redrawnCount, withdrawn: goneCount };
    case 'room':
      return { admitted: grantedCount };
  }
}

function drawJson({ tiers, alternates, group_limit, randomness }: DrawRules) {
  return { tiers: [...tiers], alternates, group_limit, randomness };
}

export function entryJson(entry: EntryOutcome, campaign: Campaign): EntryJson {
  return {
    user_id: entry.userId,
    stamp: entry.stamp,
    requested_at: isoMicrosecondsOf(instantOf(entry.stamp, opensAtUs(campaign))),
    outcome: entry.outcome,
    serial: entry.serial,
    code: entry.code,
    granted_at: entry.grantedAt?.toISOString() ?? null,
    claim_by: entry.claimByUs === null ? null : isoMicrosecondsOf(entry.claimByUs),
    ended_at: entry.endedUs === null ? null : isoMicrosecondsOf(entry.endedUs),
  };
}

export function totalsJson(totals: Totals): TotalsJson {
  return {
    entries: totals.entries,
    ...outcomesJson(totals),
    ...claimTotals(totals),
    withdrawn: totals.withdrawn,
    waiting: totals.waiting,
    cancelled: totals.cancelled,
    dead_letters: totals.deadLetters,
  };
}

function claimTotals({ hasClaims, waitlisted, offered, lapsed, declined }: Totals) {
  return hasClaims ? { waitlisted, offered, lapsed, declined } : {};
}

function outcomesJson({ kind, granted, lost }: Totals) {
  switch (kind) {
    case 'coupon':
      return { granted, sold_out: lost };
    case 'raffle':
      return { won: granted, not_drawn: lost };
    case 'room':
      return { admitted: granted, skipped: lost };
  }
}

export function roomJson(room: Room, people: RoomCounts): RoomJson {
  return {
    version: room.version,
    per_second: room.perSecond,
    capacity: room.capacity,
    paused: room.paused,
    grace_seconds: room.graceMs / 1000,
    pass_seconds: room.passMs / 1000,
    visit_seconds: room.visitMs === null ? null : room.visitMs / 1000,
    single_use: room.singleUse,
    people,
  };
}
