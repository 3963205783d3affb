/** Admission, over all that a board can say of a campaign and all instants: against what it promises, said another way. */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { campaignStateAt } from '../../engine/contract/campaign/campaign-state.ts';
import { type AdmissionFacts, refusalAt } from './admission.ts';

const instant = fc.integer({ min: 0, max: 12 });
const window = fc
  .tuple(instant, instant)
  .map(([a, b]) => ({ opensAtUs: Math.min(a, b), closesAtUs: Math.max(a, b) + 1 }));
const change = fc
  .tuple(window, fc.boolean(), fc.boolean())
  .map(([times, paused, cancelled]) => ({ version: 2, ...times, paused, cancelled }));
const facts: fc.Arbitrary<AdmissionFacts> = fc
  .record({
    window,
    pending: fc.option(change),
    paused: fc.boolean(),
    cancelledStamp: fc.option(fc.integer({ min: 0, max: 9 })),
  })
  .map(({ window: times, pending, paused, cancelledStamp }) => ({
    ...times,
    ...(pending === null ? {} : { pending }),
    ...(paused ? { paused: true as const } : {}),
    ...(cancelledStamp === null ? {} : { cancelledStamp }),
  }));

/** Whether an entry is accepted, ignoring a pending change. */
function takes({ opensAtUs, closesAtUs, paused, cancelledStamp }: AdmissionFacts, atUs: number): boolean {
  return atUs >= opensAtUs && atUs < closesAtUs && paused === undefined && cancelledStamp === undefined;
}

/** The campaign after the pending change has taken effect. */
function changed(campaign: AdmissionFacts): AdmissionFacts {
  const { pending } = campaign;
  if (pending === undefined) return campaign;
  const { opensAtUs, closesAtUs, paused, cancelled } = pending;
  return {
    opensAtUs,
    closesAtUs,
    ...(paused ? { paused: true as const } : {}),
    ...(cancelled ? { cancelledStamp: 0 } : {}),
  };
}

test('what is admitted is right before a change and after it, and by an opening that does not move', () => {
  fc.assert(
    fc.property(facts, instant, (campaign, atUs) => {
      const after = changed(campaign);
      const isRight = takes(campaign, atUs) && takes(after, atUs) && after.opensAtUs === campaign.opensAtUs;
      equal(refusalAt(campaign, atUs) === undefined, isRight);
    }),
    { numRuns: 2_000 },
  );
});

test('a reason is one that holds', () => {
  fc.assert(
    fc.property(facts, instant, (campaign, atUs) => {
      const refusal = refusalAt(campaign, atUs);
      const after = changed(campaign);
      if (refusal === 'cancelled') equal(campaign.cancelledStamp === undefined, false);
      if (refusal === 'not_open') equal(atUs < campaign.opensAtUs, true);
      if (refusal === 'closed') equal(atUs >= campaign.closesAtUs, true);
      if (refusal === 'paused') equal(campaign.paused ?? after.paused, true);
      if (refusal === 'changing') equal(campaign.pending === undefined, false);
    }),
    { numRuns: 2_000 },
  );
});

test('nothing is admitted but in the state that everybody is told is open', () => {
  fc.assert(
    fc.property(facts, instant, (campaign, atUs) => {
      if (refusalAt(campaign, atUs) !== undefined) return;
      const { opensAtUs, closesAtUs } = campaign;
      const isPaused = campaign.paused !== undefined;
      const stage = campaign.cancelledStamp === undefined ? 'scheduled' : 'cancelled';
      equal(campaignStateAt({ stage, isFinished: false, isPaused, opensAtUs, closesAtUs }, atUs), 'open');
    }),
    { numRuns: 2_000 },
  );
});
