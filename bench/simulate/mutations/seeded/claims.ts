/** Bugs in offers, claims and waitlists. */
import type { Mutation } from '../mutation.ts';

export const CLAIM_MUTATIONS: readonly Mutation[] = [
  {
    name: 'an offer lapses before the watermark has passed its deadline',
    file: 'engine/settling/claims-settling.ts',
    from: 'return Math.min(watermarkUs, availability?.throughUs ?? 0);',
    to: 'return watermarkUs + 300_000;',
    seed: 125,
  },
  {
    name: 'a turn of claims stops before offers that lapse at once',
    file: 'engine/settling/claims-settling.ts',
    from: 'watermarkUs: Math.max(firstUs, tooManyUs - 1)',
    to: 'watermarkUs: tooManyUs - 1',
    seed: 5,
  },
  {
    name: 'a deadline lies as far off as before the outages that were',
    file: 'engine/settling/claims-settling.ts',
    from: 'lastUs) - outageUs',
    to: 'lastUs) - outageUs - 500_000',
  },
  {
    name: 'an offer gets back the outages that were before it',
    file: 'engine/settling/claims-settling.ts',
    from: 'lastUs) - outageUs;',
    to: 'lastUs);',
  },
  {
    name: 'a claim behind the deadline counts',
    file: 'engine/settling/judges/claims.ts',
    from: 'askedUs !== undefined && askedUs <= claimByUs',
    to: 'askedUs !== undefined',
  },
  {
    name: 'who declines keeps what was offered',
    file: 'engine/settling/judges/claims.ts',
    from: "isClaim ? 'claimed' : 'declined'",
    to: "'claimed'",
    seed: 455,
  },
  {
    name: 'what is free goes to the last who waits',
    file: 'sql/statements/claims/claims.ts',
    from: 'textArray(waiting.map(({ userId }) => userId))',
    to: 'textArray(waiting.map(({ userId }) => userId).toReversed())',
    seed: 1_530,
  },
  {
    name: 'more wait than the waitlist has places',
    file: 'engine/settling/judges/coupon.ts',
    from: 'if (areGone && waitlistPosition >= campaign.waitlist) break;',
    to: 'if (areGone && waitlistPosition > campaign.waitlist) break;',
  },
  {
    name: 'an offer ends only where somebody has asked for it',
    file: 'engine/settling/claims-settling.ts',
    from: 'if (firstUs === null) return',
    to: 'if (firstUs === null || !campaign.hasOpenClaims) return',
    seed: 32,
  },
  {
    name: 'it is over while an offer is open',
    file: 'engine/settling/settling.ts',
    from: 'const isFinished = !offered.more && (await areAllDecided(db, campaignId));',
    to: 'const isFinished = !offered.more;',
  },
];
