/**
 * The announced rules of a campaign. They are announced when the campaign is created. Campaigns created before rules were
 * announced get theirs when an engine first sees them: such a raffle shows its commitment late, which therefore proves less,
 * and it is drawn as it would have been, with all winners in one tier.
 */
import type { Pool } from '../../sql/database.ts';
import type { Announcement } from '../../sql/statements/campaigns/announcement.ts';
import { type Campaign, type NewCampaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { listUnannounced, saveAnnouncement } from '../../sql/statements/draws/draws.ts';
import { canonicalJson } from '../draw/canonical.ts';
import type { Randomness } from '../draw/randomness.ts';
import {
  type AnnouncedRandomness,
  type ClaimRules,
  DRAW_FUNCTION,
  type DrawRules,
  type NamedMonitor,
  rulesText,
} from '../draw/rules.ts';
import { campaignName, tryEach } from '../retrying/try-each.ts';

/** The part of a raffle's rules about its draw; its randomness is only named by source so far. */
export type WantedDraw = Omit<DrawRules, 'function' | 'randomness'> & {
  readonly randomness: AnnouncedRandomness['source'];
};

/** The rules besides title, stock and times; a draft stores them until they are announced. */
export interface WantedRules {
  readonly draw?: WantedDraw | undefined;
  readonly claims?: ClaimRules | undefined;
  readonly monitors?: readonly NamedMonitor[] | undefined;
}

/**
 * The announcement of a campaign with this id. `draw` is for raffles, `claims` if claims are required, `monitors` if any are
 * named.
 */
export function announcementOf(
  randomness: Randomness,
  campaignId: number,
  campaign: Pick<NewCampaign, 'title' | 'stock' | 'opensAt' | 'closesAt'>,
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
    return { rules: rulesText({ ...common, kind: 'coupon', stock: campaign.stock }), nonce: null };
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

/** The name of a raffle's only prize, if none was given. */
export const ONLY_TIER = 'prize';

/** A raffle with this many winners and no other rules. */
export function plainDraw(winners: number): WantedDraw {
  return {
    tiers: [{ name: ONLY_TIER, winners }],
    alternates: 0,
    group_limit: null,
    randomness: 'commit',
  };
}

/** The announcement of a campaign that was created without rules. */
export function lateAnnouncement(randomness: Randomness, campaign: Campaign): Announcement {
  const draw = campaign.kind === 'raffle' ? plainDraw(campaign.stock) : undefined;
  return announcementOf(randomness, campaign.campaignId, campaign, draw);
}

/** Announces the rules of all unfinished campaigns that have none. Tries each, and rejects if any could not be announced. */
export async function announceRest(pool: Pool, randomness: Randomness): Promise<void> {
  await tryEach(await listUnannounced(pool), campaignName, campaign =>
    saveAnnouncement(pool, campaign.campaignId, lateAnnouncement(randomness, campaign)),
  );
}

/**
 * The new announcement of a campaign with rules when its times, title or stock change. Its monitors stay. A raffle keeps its
 * draw with the same commitment; with drand, a moved close gets the round behind the new close.
 */
export function changedAnnouncement(
  randomness: Randomness,
  campaign: Campaign,
  changed: Pick<NewCampaign, 'title' | 'stock' | 'opensAt' | 'closesAt'>,
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

/** The announced rules with a raised stock; everything else stays, the announced close of a campaign that closes early too. */
export function raisedRules(rules: string, stock: number): Announcement {
  return { rules: canonicalJson({ ...JSON.parse(rules), stock }), nonce: null };
}

/** The claim rules that a campaign was announced with. */
export function claimsOf({ claimWithinS, waitlist }: Campaign): ClaimRules | undefined {
  return claimWithinS === null ? undefined : { withinS: claimWithinS, waitlist };
}
