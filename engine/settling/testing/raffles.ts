/** For tests of raffles: announced raffles, their entrants, their winners, and the expected winners. */
import { deepEqual, ok } from 'node:assert/strict';
import type { Campaign } from '../../../sql/statements/campaigns/campaigns.ts';
import type { EntrantTerms } from '../../../sql/statements/draws/entrant-terms.ts';
import { announcementOf, type WantedDraw } from '../../campaigns/announce.ts';
import type { Entrant } from '../../draw/pool.ts';
import type { ClaimRules } from '../../draw/rules.ts';
import { plainDraw, plainLeafHash, plainPoolRoot } from '../../draw/testing/plain.ts';
import { TEST_SALT_SECRET, testRandomness } from '../../test/randomness.ts';
import { type TestLedger, WINDOW_US } from '../../test/settling.ts';

export const PLAIN: WantedDraw = {
  tiers: [{ name: 'prize', winners: 3 }],
  alternates: 0,
  group_limit: null,
  randomness: 'commit',
};

const OPENS_AT = new Date('2030-01-01T00:00:00Z');
export const PLAIN_CAMPAIGN = {
  kind: 'raffle',
  title: 'test',
  stock: 3,
  opensAt: OPENS_AT,
  closesAt: new Date(OPENS_AT.getTime() + WINDOW_US / 1000),
} as const;

/** An announced raffle. */
export function raffle(
  ledger: TestLedger,
  more: Partial<WantedDraw> = {},
  claims?: ClaimRules,
): Promise<Campaign> {
  const draw = { ...PLAIN, ...more };
  const stock = draw.tiers.reduce((sum, tier) => sum + tier.winners, 0);
  const rules = { ...PLAIN_CAMPAIGN, stock };
  return ledger.campaign('raffle', stock, id => announcementOf(testRandomness(), id, rules, draw, claims));
}

export function instants(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

export function entrant(instant: number, terms: Partial<EntrantTerms> = {}): Entrant {
  return {
    userId: `user-${instant}`,
    stamp: instant * 1024,
    tickets: 1,
    group: null,
    excluded: null,
    ...terms,
  };
}

/** Winners with serial and tier, in order. */
export async function winnersOf(
  ledger: TestLedger,
  campaign: Campaign,
): Promise<{ user: string; serial: number; tier: number }[]> {
  const { rows } = await ledger.pool.query(
    'select user_id as "user", serial, tier from grants where campaign_id = $1 order by serial',
    [campaign.campaignId],
  );
  return rows;
}

/** The leaves of a pool, and its root. Odd instants count as timestamps of a proxy. */
export function plainPool(
  { campaignId }: Campaign,
  pool: readonly Entrant[],
): { readonly leaves: readonly Buffer[]; readonly root: Buffer } {
  const leaves = pool.map(each =>
    plainLeafHash(campaignId, TEST_SALT_SECRET, { ...each, isNoted: (each.stamp / 1024) % 2 === 1 }),
  );
  return { leaves, root: plainPoolRoot(campaignId, TEST_SALT_SECRET, pool, leaves) };
}

/** The users that the pure function draws with the ledger's seed. */
export async function expectedOf(
  ledger: TestLedger,
  campaign: Campaign,
  pool: readonly Entrant[],
): Promise<string[]> {
  const { seed, draw, poolRoot } = await ledger.read(campaign);
  ok(seed !== null && draw !== null && poolRoot !== null);
  const { leaves, root } = plainPool(campaign, pool);
  deepEqual(root, poolRoot);
  const count = draw.tiers.reduce((sum, tier) => sum + tier.winners, draw.alternates);
  const drawn = plainDraw(pool, leaves, { size: count, groupLimit: draw.group_limit }, seed);
  return drawn.map(each => each.entrant.userId);
}
