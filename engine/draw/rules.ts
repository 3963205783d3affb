/**
 * The rules of a campaign as one canonical text, fixed and shown before anybody enters, and their hash, which is announced.
 * `closes_at_us` is the announced close; an early close does not change it.
 *
 * A raffle's rules name the source of its randomness (see commit.ts and drand.ts), so that it cannot be chosen later.
 */
import { createHash } from 'node:crypto';
import type { DrawRules, NamedMonitor } from '../../sql/statements/campaigns/announcement.ts';
import { canonicalJson } from './canonical.ts';

export type {
  AnnouncedCommit,
  AnnouncedDrand,
  AnnouncedRandomness,
  DrawRules,
  NamedMonitor,
  Tier,
} from '../../sql/statements/campaigns/announcement.ts';

export const DRAW_FUNCTION: DrawRules['function'] = 'fairline draw 2';

/** The rules for claims: a grant or win that is not claimed passes to the next in line. */
export interface ClaimRules {
  /** The time to claim, from the offer on; only time while the service was available counts. */
  readonly withinS: number;
  /** Of a coupon: the size of the waitlist. */
  readonly waitlist: number;
}

interface Common {
  readonly campaign: number;
  readonly title: string;
  /** Microseconds since the epoch. */
  readonly opensAtUs: number;
  readonly closesAtUs: number;
  /** Absent: grants and wins are final at once. */
  readonly claims?: ClaimRules | undefined;
  /** Absent or empty: no monitors. */
  readonly monitors?: readonly NamedMonitor[] | undefined;
}
export type CampaignRules =
  | (Common & { readonly kind: 'coupon'; readonly stock: number })
  | (Common & { readonly kind: 'raffle'; readonly draw: DrawRules });

/** Canonical JSON of the rules. */
export function rulesText(rules: CampaignRules): string {
  const common = {
    campaign: rules.campaign,
    ...(rules.claims === undefined ? {} : { claim_within_s: rules.claims.withinS }),
    closes_at_us: rules.closesAtUs,
    ...(rules.monitors === undefined || rules.monitors.length === 0 ? {} : { monitors: rules.monitors }),
    opens_at_us: rules.opensAtUs,
    title: rules.title,
  };
  if (rules.kind === 'raffle') return canonicalJson({ ...common, kind: rules.kind, draw: rules.draw });
  const waitlist = rules.claims === undefined ? {} : { waitlist: rules.claims.waitlist };
  return canonicalJson({ ...common, kind: rules.kind, stock: rules.stock, ...waitlist });
}

/** SHA-256 of the text in UTF-8, 32 bytes. */
export function rulesHash(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** The number of winners over all tiers. */
export function winnersOf(draw: Pick<DrawRules, 'tiers'>): number {
  return draw.tiers.reduce((sum, tier) => sum + tier.winners, 0);
}

/** The tier, from 0, of the winner with this serial, from 1. Throws RangeError if no winner has this serial. */
export function tierOf(draw: Pick<DrawRules, 'tiers'>, serial: number): number {
  let last = 0;
  for (const [tier, { winners }] of draw.tiers.entries()) {
    last += winners;
    if (serial <= last) return tier;
  }
  throw new RangeError(`serial ${serial} is beyond the ${last} winners`);
}
