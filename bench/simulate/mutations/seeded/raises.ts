/** Bugs in how a raised stock is handed out. */
import type { Mutation } from '../mutation.ts';

export const RAISE_MUTATIONS: readonly Mutation[] = [
  {
    name: 'entries that had lost get nothing of a raised stock',
    file: 'engine/settling/settling.ts',
    from: 'isRaised(campaign)) return stepRaised(db, campaign, campaign.raisedStamp, instants);',
    to: 'false) return DONE;',
    plan: 'a stock is raised once it is gone',
  },
  {
    name: 'later entries get a raised stock before those that had lost',
    file: 'engine/settling/settling.ts',
    from: '  if (isRaised(campaign)) return stepRaised',
    to: '  if (isRaised(campaign) && !due.anyEntries) return stepRaised',
    seed: 13,
  },
  {
    name: 'a raised stock is granted from the beginning again',
    file: 'engine/settling/coupon-turns.ts',
    from: 'const range = { after: raisedStamp, through: campaign.settledStamp };',
    to: 'const range = { after: -1, through: campaign.settledStamp };',
    seed: 22,
  },
  {
    name: 'a raised stock is handed out before gateways know of it',
    file: 'engine/campaigns/telling/raising.ts',
    from: 'noteRaiseKnown(pool, campaignId, stock, knownUs)',
    to: 'noteRaiseKnown(pool, campaignId, stock, 0)',
    plan: 'a stock is raised while those who had lost ask again',
  },
  {
    name: 'a gateway goes on saying sold out when the stock was raised',
    file: 'gateway/entry/sold-out.ts',
    from: 'if (this.#holders.get(campaignId)?.stock !== stock) this.#holders.delete(campaignId);',
    to: '',
    plan: 'a stock is raised once it is gone',
  },
  {
    name: 'a raise forgets what was granted before it',
    file: 'engine/settling/coupon-turns.ts',
    from: 'grantedCount: campaign.grantedCount + turn.granted,\n    waitlistedCount: campaign.waitlistedCount + turn.waitlisted,\n  };\n  const isOver',
    to: 'grantedCount: campaign.grantedCount,\n    waitlistedCount: campaign.waitlistedCount + turn.waitlisted,\n  };\n  const isOver',
    seed: 216,
  },
];
