/** Bugs in changes, pauses and cancellations. */
import type { Mutation } from '../mutation.ts';

export const SCHEDULE_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a pause is confirmed but not applied',
    file: 'gateway/entry/admission.ts',
    from: 'return paused === undefined && !pending.paused ? undefined',
    to: 'return paused === undefined ? undefined',
    seed: 718,
  },
  {
    name: 'users enter a paused campaign',
    file: 'gateway/entry/admission-control.ts',
    from: 'return refusal && this.#refuse(reply, campaign, instantUs, refusal);',
    to: 'return refusal && this.refuseEntrant(reply, campaign, instantUs);',
    seed: 28,
  },
  {
    name: 'a change takes effect before all gateways have confirmed it',
    file: 'engine/campaigns/decide.ts',
    from: 'if (seen.missing.length === 0) return',
    to: 'if (seen.missing.length >= 0) return',
    seed: 590,
  },
  {
    name: 'a gateway confirms a change that it has not read',
    file: 'gateway/shared/board.ts',
    from: 'else this.#pending.set(campaignId, pending.version);',
    to: 'else this.#pending.set(campaignId, pending.version + 1);',
    seed: 1213,
  },
  {
    name: 'an entry of a cancelled campaign is granted nevertheless',
    file: 'engine/settling/settling.ts',
    from: 'if (campaign.cancelledStamp !== null) return await stepCancelled(db, campaign, instants.watermarkUs, limit);',
    to: '',
    seed: 590,
  },
];
