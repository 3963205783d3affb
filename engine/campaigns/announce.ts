/**
 * The rules of a campaign as they are announced: when it is made, or, of campaigns that were made before rules were
 * announced, when an engine first sees them. Of such a raffle the commitment is shown late, hence proves that much less;
 * it is drawn as it would have been, all winners in one tier.
 */
import type { Pool } from '../../sql/database.ts';
import type { Announcement } from '../../sql/statements/campaigns/announcement.ts';
import { type Campaign, type NewCampaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { listUnannounced, saveAnnouncement } from '../../sql/statements/draws/draws.ts';
import type { Randomness } from '../draw/randomness.ts';
import {
  type AnnouncedRandomness,
  type ClaimRules,
  DRAW_FUNCTION,
  type DrawRules,
  type NamedMonitor,
  rulesText,
} from '../draw/rules.ts';

/** What a raffle's rules say of its draw, before its randomness is known by name. */
export type WantedDraw = Omit<DrawRules, 'function' | 'randomness'> & {
  readonly randomness: AnnouncedRandomness['source'];
};

/** What the rules say beside title, stock and times; a draft keeps it until they are announced. */
export interface WantedRules {
  readonly draw?: WantedDraw | undefined;
  readonly claims?: ClaimRules | undefined;
  readonly monitors?: readonly NamedMonitor[] | undefined;
}

/**
 * What is announced of a campaign with this id; `draw` is that of a raffle, `claims` where there are claims, `monitors` where
 * some are named.
 */
export function announcementOf(
  randomness: Randomness,
  campaignId: number,
  campaign: Pick<NewCampaign, 'title' | 'places' | 'opensAt' | 'closesAt'>,
  draw: WantedDraw | undefined,
  claims?: ClaimRules,
  monitors?: readonly NamedMonitor[],
): Announcement {
  const common = {
    campaign: campaignId,
    title: campaign.title,
    opensAtUs: opensAtUs(campaign),
    closesAtUs: campaign.closesAt.getTime() * 1000,
    claims,
    monitors,
  };
  if (draw === undefined) {
    return { rules: rulesText({ ...common, kind: 'coupon', stock: campaign.places }), nonce: null };
  }
  const { announced, nonce } = randomness.announce(draw.randomness, {
    campaignId,
    closesAt: campaign.closesAt,
  });
  const rules = rulesText({
    ...common,
    kind: 'raffle',
    draw: { ...draw, function: DRAW_FUNCTION, randomness: announced },
  });
  return { rules, nonce };
}

/** The name of the only prize of a raffle for which none was given. */
export const ONLY_TIER = 'prize';

/** A raffle with so many winners, and nothing else said. */
export function plainDraw(winners: number): WantedDraw {
  return {
    tiers: [{ name: ONLY_TIER, winners }],
    alternates: 0,
    group_limit: null,
    randomness: 'commit',
  };
}

/** What is announced of a campaign that was made without rules. */
export function lateAnnouncement(randomness: Randomness, campaign: Campaign): Announcement {
  const draw = campaign.kind === 'raffle' ? plainDraw(campaign.places) : undefined;
  return announcementOf(randomness, campaign.campaignId, campaign, draw);
}

/** Announces the rules of all campaigns under way that have none. */
export async function announceRest(pool: Pool, randomness: Randomness): Promise<void> {
  for (const campaign of await listUnannounced(pool)) {
    await saveAnnouncement(pool, campaign.campaignId, lateAnnouncement(randomness, campaign));
  }
}

/**
 * What is announced of a campaign with rules when its times, title or stock become others: its monitors stay, and a raffle
 * keeps its draw, with the same commitment, or, where the close moved, the round of drand that lies behind the new one.
 */
export function changedAnnouncement(
  randomness: Randomness,
  campaign: Campaign,
  changed: Pick<NewCampaign, 'title' | 'places' | 'opensAt' | 'closesAt'>,
): Announcement {
  const { campaignId, draw } = campaign;
  const monitors = campaign.monitors ?? undefined;
  const claims = claimsOf(campaign);
  if (draw === null) return announcementOf(randomness, campaignId, changed, undefined, claims, monitors);
  const isMoved = changed.closesAt.getTime() !== campaign.closesAt.getTime();
  const announced =
    draw.randomness.source === 'drand' && isMoved
      ? randomness.announce('drand', { campaignId, closesAt: changed.closesAt }).announced
      : draw.randomness;
  const rules = rulesText({
    kind: 'raffle',
    campaign: campaignId,
    title: changed.title,
    opensAtUs: opensAtUs(changed),
    closesAtUs: changed.closesAt.getTime() * 1000,
    draw: { ...draw, randomness: announced },
    claims,
    monitors,
  });
  // The nonce stays with the commitment.
  return { rules, nonce: null };
}

/** The rules on claims that a campaign was announced with. */
export function claimsOf({ claimWithinS, waitlist }: Campaign): ClaimRules | undefined {
  return claimWithinS === null ? undefined : { withinS: claimWithinS, waitlist };
}
