/**
 * The operator's changes of running campaigns: pauses, resumes, cancellations, raised stocks, and edits of times and stock. Drawn from a
 * separate random source, so that the rest of a plan stays as it was before there were changes.
 */
import type { Announced } from '../checks/checker-rows.ts';
import { Random } from '../kernel/random.ts';
import { BEGINNING_US, MS } from '../kernel/world.ts';
import type { Ask, Operation, Plan } from './plan.ts';

/** Far from any seed: neighbours would be drawn alike. */
const SOURCE = 500_000_000;
const OTHERS = 600_000_000;
const ROOMS = 700_000_000;
const RAISES = 800_000_000;
/** A room still admits people after its close. */
const BEHIND_MS = 1_500;
/** The time to change something before the opening or the close: gateways need up to a lease to confirm it. */
const LATER_MS = 1_900;
const LONGER_MS = 1_700;

export function withOperations(plan: Plan): Plan {
  const random = new Random(plan.seed + SOURCE);
  if (!random.chance(0.15)) return plan;
  const laterMs = random.chance(0.5) ? LATER_MS : 0;
  const longerMs = random.chance(0.6) ? LONGER_MS : 0;
  const campaigns = plan.campaigns.map(campaign => ({
    ...campaign,
    opensAtUs: campaign.opensAtUs + laterMs * MS,
    closesAtUs: campaign.closesAtUs + (laterMs + longerMs) * MS,
  }));
  const asks: Ask[] = plan.asks.map(ask => ({ ...ask, atMs: ask.atMs + laterMs }));
  // Drawn from a separate random source: changes of some campaigns leave the others as they were.
  const others = new Random(plan.seed + OTHERS);
  for (const campaign of campaigns) {
    asks.push(...operationsOn(campaign.claims === undefined ? random : others, campaign));
    if (campaign.kind === 'raffle' && others.chance(0.5)) asks.push(drawingMoved(others, campaign));
  }
  return {
    ...plan,
    campaigns,
    asks: asks.sort((a, b) => a.atMs - b.atMs),
    faults: plan.faults.map(fault => ({ ...fault, atMs: fault.atMs + (random.chance(0.5) ? laterMs : 0) })),
  };
}

function change(campaignId: number, atMs: number, operation: Operation): Ask {
  return { ...byOperator(campaignId, atMs), what: 'change', operation };
}

/** Requested by the operator, at an engine. */
export function byOperator(campaignId: number, atMs: number): Omit<Ask, 'what'> {
  return {
    ...{ atMs, userId: 'operator', campaignId, gateway: 0, watches: false },
    ...{ bodyAfterMs: undefined, onTheWayMs: undefined, claimsAfterMs: undefined, watchesAfterMs: 0 },
  };
}

/**
 * The drawing of a raffle is moved to a later time, or back to the close: early enough, too late, or during the drawing.
 */
function drawingMoved(random: Random, { campaignId, closesAtUs }: Announced): Ask {
  const closesMs = (closesAtUs - BEGINNING_US) / MS;
  const soonMs = Math.max(160, closesMs - 1_400);
  return change(campaignId, random.between(150, random.chance(0.6) ? soonMs : closesMs + 100), {
    action: 'edit',
    drawsAtMs: random.chance(0.9) ? closesMs + random.between(-200, 2_500) : null,
  });
}

/** Stocks are raised while people enter, once they are gone, or too late. A raise may be asked for twice, or of no coupon. */
export function withRaises(plan: Plan): Plan {
  const random = new Random(plan.seed + RAISES);
  if (!random.chance(0.25)) return plan;
  const asks = plan.campaigns.flatMap(({ campaignId, kind, stock, opensAtUs, closesAtUs }) => {
    if (kind === 'room' || random.chance(kind === 'coupon' ? 0.2 : 0.9)) return [];
    const [opensMs, closesMs] = [opensAtUs, closesAtUs].map(us => (us - BEGINNING_US) / MS) as [
      number,
      number,
    ];
    return Array.from({ length: random.between(1, 2) }, (_, index) =>
      change(campaignId, random.between(opensMs, closesMs + (random.chance(0.3) ? BEHIND_MS : 0)), {
        action: 'raise',
        stock: stock + (index + 1) * random.between(1, 3),
      }),
    );
  });
  return { ...plan, asks: [...plan.asks, ...asks].sort((a, b) => a.atMs - b.atMs) };
}

/** The terms of rooms change while users wait. A paused room is opened again, or it would never end. */
export function withRoomTerms(plan: Plan): Plan {
  const random = new Random(plan.seed + ROOMS);
  const asks = plan.campaigns.flatMap(({ campaignId, room, opensAtUs, closesAtUs }) => {
    if (room === undefined || random.chance(0.4)) return [];
    const [opensMs, closesMs] = [opensAtUs, closesAtUs].map(us => (us - BEGINNING_US) / MS) as [
      number,
      number,
    ];
    const times = Array.from({ length: random.between(1, 3) }, () =>
      random.between(opensMs - 100, closesMs + BEHIND_MS),
    ).toSorted((a, b) => a - b);
    return times.map((atMs, index): Ask => {
      const isLast = index === times.length - 1;
      const terms = {
        perSecond: random.pick([1, 1, 2, 3, 8]),
        capacity: random.chance(0.4) ? random.between(1, 4) : null,
        paused: !isLast && random.chance(0.5),
      };
      return { ...byOperator(campaignId, atMs), what: 'set room', terms };
    });
  });
  if (asks.length === 0) return plan;
  return { ...plan, asks: [...plan.asks, ...asks].sort((a, b) => a.atMs - b.atMs) };
}

function operationsOn(random: Random, { campaignId, kind, opensAtUs, closesAtUs }: Announced): Ask[] {
  const [opensMs, closesMs] = [opensAtUs, closesAtUs].map(us => (us - BEGINNING_US) / MS) as [number, number];
  const ask = (atMs: number, operation: Operation): Ask => change(campaignId, atMs, operation);
  const sometime = (): number => random.between(Math.max(150, opensMs - 1_700), closesMs);
  const before = random.between(150, Math.max(160, opensMs - 1_300));
  const choice = random.next();
  if (choice < 0.4) {
    const atMs = sometime();
    const pause = ask(atMs, { action: 'pause' });
    return random.chance(0.7)
      ? [pause, ask(atMs + random.between(300, 1_500), { action: 'resume' })]
      : [pause];
  }
  if (choice < 0.6) return [ask(sometime(), { action: 'cancel' })];
  if (choice < 0.8) {
    const closesAtMs = closesMs + random.between(-LONGER_MS, 800);
    return [ask(random.between(150, closesMs), { action: 'edit', closesAtMs })];
  }
  if (choice < 0.9 || kind !== 'coupon') {
    return [ask(before, { action: 'edit', opensAtMs: opensMs + random.between(-400, 300) })];
  }
  return [ask(before, { action: 'edit', stock: random.between(1, 6) })];
}
