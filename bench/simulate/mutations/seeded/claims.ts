/** Bugs in offers, claims and waitlists. */
import type { Mutation } from '../mutation.ts';

export const CLAIM_MUTATIONS: readonly Mutation[] = [
  {
    name: 'an offer lapses before the watermark has passed its deadline',
    file: 'engine/settling/claims-settling.ts',
    from: 'return Math.min(watermarkUs, availability?.throughUs ?? 0);',
    to: 'return watermarkUs + 300_000;',
    seed: 686,
  },
  {
    name: 'a turn of claims stops before offers that lapse at once',
    file: 'engine/settling/claims-settling.ts',
    from: 'watermarkUs: Math.max(firstUs, tooManyUs - 1)',
    to: 'watermarkUs: tooManyUs - 1',
    seed: 5,
  },
  {
    name: 'deadlines ignore past outages',
    file: 'engine/settling/claims-settling.ts',
    from: 'lastUs) - outageUs',
    to: 'lastUs) - outageUs - 500_000',
  },
  {
    name: 'outages before an offer extend its deadline',
    file: 'engine/settling/claims-settling.ts',
    from: 'lastUs) - outageUs;',
    to: 'lastUs);',
  },
  {
    name: 'a claim after the deadline counts',
    file: 'engine/settling/judges/claims.ts',
    from: 'askedUs !== undefined && askedUs <= claimByUs',
    to: 'askedUs !== undefined',
    seed: 219,
  },
  {
    name: 'a user who declines keeps the offer',
    file: 'engine/settling/judges/claims.ts',
    from: "isClaim ? 'claimed' : 'declined'",
    to: "'claimed'",
    seed: 455,
  },
  {
    name: 'a freed serial goes to the last user on the waitlist',
    file: 'sql/statements/claims/claims.ts',
    from: 'textArray(waiting.map(({ userId }) => userId))',
    to: 'textArray(waiting.map(({ userId }) => userId).toReversed())',
    seed: 1_530,
  },
  {
    name: 'more users wait than the waitlist admits',
    file: 'engine/settling/judges/coupon.ts',
    from: 'if (areGone && waitlistPosition >= campaign.waitlist) break;',
    to: 'if (areGone && waitlistPosition > campaign.waitlist) break;',
  },
  {
    name: 'an offer ends only after a claim or a withdrawal',
    file: 'engine/settling/claims-settling.ts',
    from: 'if (firstUs === null) return',
    to: 'if (firstUs === null || !campaign.hasOpenClaims) return',
    seed: 32,
  },
  {
    name: 'a campaign finishes while an offer is open',
    file: 'engine/settling/settling.ts',
    from: 'const isFinished = !offered.more && (await areAllDecided(db, campaignId));',
    to: 'const isFinished = !offered.more;',
  },
  {
    name: 'a gateway shows deadlines without what outages have added',
    file: 'gateway/stream/deadlines.ts',
    from: 'return claimByUs + Math.max(claims?.outageUs ?? 0, outageUs);',
    to: 'return claimByUs;',
  },
  {
    name: 'a gateway adds outages to a deadline twice',
    file: 'gateway/stream/deadlines.ts',
    from: 'return claimByUs + Math.max(claims?.outageUs ?? 0, outageUs);',
    to: 'return claimByUs + 2 * Math.max(claims?.outageUs ?? 0, outageUs);',
  },
  {
    name: 'a gateway shows offers without their right deadlines',
    file: 'gateway/stream/deadlines.ts',
    from: 'if (claimByUs <= nowUs + claims.withinS * 1_000_000 + MORE_AT_MOST_US) return claimByUs;',
    to: 'if (claimByUs <= nowUs) return claimByUs;',
  },
];
