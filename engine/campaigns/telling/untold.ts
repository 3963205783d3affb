/** Early closes (close.ts) and raises (raising.ts) that an engine has abandoned: one statement looks for both, as each engine asks often. */
import { listUntold } from '../../../sql/statements/campaigns/campaigns.ts';
import { EARLY_CLOSES } from './close.ts';
import { RAISES } from './raising.ts';
import { type ResumedNotice, resume, type TellDeps } from './tell-then-act.ts';

const UNTOLD: ResumedNotice<void> = {
  name: 'early close or raise',
  listNoted: listUntold,
  makeDue: async (pool, campaign, knownUs) => {
    const { closingAt, closesAt, raisedStamp, raisedKnownUs } = campaign;
    if (closingAt !== null && closingAt < closesAt) await EARLY_CLOSES.makeDue(pool, campaign, knownUs);
    if (raisedStamp !== null && raisedKnownUs === null) await RAISES.makeDue(pool, campaign, knownUs);
  },
};

/** Continues with them. Every engine calls it from time to time; rejects if a campaign could not be continued with. */
export function resumeUntold(deps: TellDeps): Promise<void> {
  return resume(deps, UNTOLD);
}
