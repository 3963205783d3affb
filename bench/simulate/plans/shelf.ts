/**
 * In some seeds, campaigns leave Redis after their end. Users look up their entries before, during and after that, and get the
 * same answer each time. Drawn from a separate random source, so that the other seeds stay as they are.
 */
import type { Random } from '../kernel/random.ts';
import { BEGINNING_US, MS } from '../kernel/world.ts';
import type { Ask, Plan } from './plan.ts';

export interface Shelf {
  readonly shelveAfterMs: number | undefined;
  readonly asks: readonly Ask[];
}

/** A room, and a campaign with claims, ends long after its close. */
const LONG_MS = 3_500;
/** The interval at which engines shelve campaigns; two turns are needed. */
const TURNS_MS = 2_500;
const LATE_ASKS = 14;

export function makeShelf(random: Random, { campaigns, faults, asks, gateways }: Plan): Shelf {
  if (!random.chance(0.2)) return { shelveAfterMs: undefined, asks: [] };
  const shelveAfterMs = random.between(20, 900);
  const endMs = Math.max(...campaigns.map(({ closesAtUs }) => (closesAtUs - BEGINNING_US) / MS));
  const healedMs = Math.max(endMs, ...faults.map(({ atMs, forMs }) => atMs + forMs));
  const users = [...new Set(asks.map(({ userId }) => userId))].filter(userId => userId !== 'operator');
  const lateAsks = Array.from({ length: LATE_ASKS }, (_, index): Ask => {
    const campaign = random.pick(campaigns);
    const isLong = campaign.claims !== undefined || campaign.room !== undefined;
    const spanMs = shelveAfterMs + TURNS_MS + (isLong ? LONG_MS : 0);
    return {
      what: random.pick(['look', 'look', 'enter', 'withdraw'] as const),
      atMs: healedMs + random.between(0, spanMs),
      // Including a user who never entered.
      userId: index === 0 ? 'stranger' : random.pick(users),
      campaignId: campaign.campaignId,
      gateway: random.between(0, gateways - 1),
      bodyAfterMs: undefined,
      onTheWayMs: undefined,
      watches: random.chance(0.5) && campaign.room === undefined,
      claimsAfterMs: undefined,
      watchesAfterMs: 0,
      isLate: true,
    };
  });
  return { shelveAfterMs, asks: lateAsks };
}
