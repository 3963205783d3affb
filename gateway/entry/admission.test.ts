/** Admission, over all states of a campaign on the board and all instants, compared with its contract stated another way. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { campaignStateAt } from '../../engine/contract/campaign/campaign-state.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { ANSWERED, type Answered } from '../http/reply.ts';
import { type AdmissionFacts, refusalAt } from './admission.ts';
import { AdmissionControl } from './admission-control.ts';
import type { Holders } from './sold-out.ts';

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

test('admits only where both the current and the changed rules admit, and the opening does not move', () => {
  fc.assert(
    fc.property(facts, instant, (campaign, atUs) => {
      const after = changed(campaign);
      const isRight = takes(campaign, atUs) && takes(after, atUs) && after.opensAtUs === campaign.opensAtUs;
      equal(refusalAt(campaign, atUs) === undefined, isRight);
    }),
    { numRuns: 2_000 },
  );
});

test('gives a reason that is true', () => {
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

test('admits only in the state that is shown as open', () => {
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

const NOT_DECIDED: Omit<BoardCampaign, 'opensAtUs' | 'closesAtUs'> = {
  campaignId: 7,
  revision: 1,
  kind: 'coupon',
  title: '',
  stock: 1,
  settledStamp: -1,
  settledCount: 0,
  granted: 0,
  gone: 0,
  soldOut: false,
  finished: false,
};
const GRANT = { stamp: 1, serial: 1, code: 'AAAA-AAAA-AAAA' };
const holders: fc.Arbitrary<Holders> = fc.oneof(
  fc.constant({ stock: 1, winners: new Map([['ann', GRANT]]), claimants: new Set<string>() }),
  fc.constant({ stock: 1, winners: new Map<string, typeof GRANT>(), claimants: new Set(['ann']) }),
);

/** A gateway's admission control, with the loaded holders of campaign 7, and the answers that it gives. */
function controlled(loaded: Holders | null) {
  const answers: (string | number)[] = [];
  const control = new AdmissionControl({
    soldOut: { has: () => loaded !== null, holders: () => loaded ?? undefined, isOver: () => false },
    metrics: { refuse: () => undefined },
  });
  const reply = {
    json: (status: number) => {
      answers.push(status);
    },
    problem: (slug: string): Answered => {
      answers.push(slug);
      return ANSWERED;
    },
  } as const;
  return { control, reply, answers };
}

test('the fast path admits exactly when the slow path refuses nobody', () => {
  fc.assert(
    fc.property(facts, instant, fc.option(holders), (campaignFacts, atUs, loaded) => {
      const campaign: BoardCampaign = { ...NOT_DECIDED, ...campaignFacts };
      const { control, reply, answers } = controlled(loaded);
      const admitsEveryone = control.admitsEveryone(campaign, atUs);
      deepEqual(answers, []);
      const refused = ['ann', 'ben'].filter(
        userId => control.refuseEntry(reply, campaign, userId, atUs) === ANSWERED,
      );
      equal(admitsEveryone, refused.length === 0);
      equal(answers.length, refused.length);
      // The fast path does not check for a close behind which the user's own entry must be looked up.
      if (admitsEveryone) equal(control.isBehindClose(campaign, 'ann', atUs), false);
    }),
    { numRuns: 2_000 },
  );
});

test('answers sold_out to everybody except users with a coupon or a waitlist position', () => {
  fc.assert(
    fc.property(facts, instant, holders, (campaignFacts, atUs, loaded) => {
      const campaign: BoardCampaign = { ...NOT_DECIDED, ...campaignFacts, soldOut: true };
      const { control, reply, answers } = controlled(loaded);
      control.refuseEntry(reply, campaign, 'ann', atUs);
      equal(answers.includes('sold-out'), false);
      control.refuseEntry(reply, campaign, 'ben', atUs);
      equal(answers.at(-1), 'sold-out');
    }),
    { numRuns: 2_000 },
  );
});
