/**
 * Offers that the operator ends by hand, in some of the plans with claims. Offers last longer there, because elsewhere they are
 * shorter than a lease and its margin. Drawn from a separate random source, so that all other plans stay as they were.
 */
import type { Announced } from '../checks/checker-rows.ts';
import type { Random } from '../kernel/random.ts';
import { BEGINNING_US, MS } from '../kernel/world.ts';
import { byOperator } from './operations.ts';
import type { Ask, Plan } from './plan.ts';

const WITHIN_S = 4;
/** For this long, serials and alternates are passed on. */
const BEHIND_MS = 5_000;
/** If there is more stock than entrants, nobody has the last serial. */
const SERIALS = 3;

export function withEnds(random: Random, plan: Plan): Plan {
  if (plan.campaigns.every(({ claims }) => claims === undefined) || !random.chance(0.25)) return plan;
  const campaigns = plan.campaigns.map(campaign =>
    campaign.claims === undefined
      ? campaign
      : { ...campaign, claims: { ...campaign.claims, withinS: WITHIN_S } },
  );
  const asks = plan.asks.map(ask =>
    ask.claimsAfterMs === undefined ? ask : { ...ask, claimsAfterMs: random.between(0, WITHIN_S * 1_000) },
  );
  const ends = campaigns.flatMap(campaign =>
    campaign.claims === undefined ? [] : endsOf(random, campaign, plan.engines),
  );
  return { ...plan, campaigns, asks: [...asks, ...ends].sort((a, b) => a.atMs - b.atMs) };
}

/** Some ends are requested twice: at another engine, or because the result is unknown. */
function endsOf(
  random: Random,
  { campaignId, kind, stock, opensAtUs, closesAtUs }: Announced,
  engines: number,
): Ask[] {
  const fromMs = ((kind === 'coupon' ? opensAtUs : closesAtUs) - BEGINNING_US) / MS;
  const toMs = (closesAtUs - BEGINNING_US) / MS + BEHIND_MS;
  return Array.from({ length: random.between(1, 6) }, () => {
    const [atMs, serial] = [random.between(fromMs, toMs), random.between(1, Math.min(stock, SERIALS))];
    return Array.from({ length: random.chance(0.3) ? 2 : 1 }, (_, index): Ask => {
      const gateway = random.between(0, engines - 1);
      const againMs = index * random.between(1, 900);
      const ask = byOperator(campaignId, atMs + againMs);
      return { ...ask, what: 'end offer', serial, asksOnce: random.chance(0.3), gateway };
    });
  }).flat();
}
