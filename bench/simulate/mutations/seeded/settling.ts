/** Bugs in how coupons are granted and raffles are drawn. */
import type { Mutation } from '../mutation.ts';

export const SETTLING_MUTATIONS: readonly Mutation[] = [
  {
    name: 'entries are settled past the watermark',
    file: 'engine/settling/settling-step.ts',
    from: 'Math.min(watermarkUs, closesAtUs(campaign) - 1)',
    to: 'closesAtUs(campaign) - 1',
    seed: 146,
  },
  {
    name: 'a raffle is frozen before the watermark has passed its close',
    file: 'engine/settling/raffle-settling.ts',
    from: 'if (more || watermarkUs < closesAtUs(campaign)) {',
    to: 'if (more || watermarkUs < opensAtUs(campaign) + 100_000) {',
    seed: 35,
  },
  {
    name: 'a user who has withdrawn takes a serial',
    file: 'engine/settling/judges/coupon.ts',
    from: 'if (entry.isWithdrawn) continue;',
    to: 'if (entry.isWithdrawn) {\n      serial += 1;\n      continue;\n    }',
    seed: 59,
  },
  {
    name: 'a user who has withdrawn is granted nevertheless',
    file: 'engine/settling/judges/coupon.ts',
    from: 'if (entry.isWithdrawn) continue;',
    to: '',
    seed: 44,
  },
  {
    name: 'one more is granted than the stock',
    file: 'engine/settling/judges/coupon.ts',
    from: 'serial >= campaign.stock',
    to: 'serial > campaign.stock',
  },
  {
    name: 'the draw orders by stamp',
    file: 'engine/draw/selection.ts',
    from: 'a.key === b.key ? a.entrant.stamp < b.entrant.stamp : a.key < b.key',
    to: 'a.entrant.stamp < b.entrant.stamp',
  },
  {
    name: 'the seed of a draw does not depend on its pool',
    file: 'engine/draw/seed.ts',
    from: 'Buffer.concat([Buffer.from(INFO), poolRoot, count])',
    to: 'Buffer.from(INFO)',
  },
];
