import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { NEW_ROW } from '../../sql/statements/campaigns/new-row.ts';
import { type Change, type Plan, type PlanTerms, planChange } from './plan.ts';

const NOW = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;
const at = (ms: number): Date => new Date(NOW + ms);
const terms: PlanTerms = {
  nowMs: NOW,
  leadMs: 4_000,
  marginMs: 500,
  announcedClosesAt: at(2 * HOUR),
  claimWithinS: null,
  raises: 0,
};

function campaign(changes: Partial<Campaign> = {}): Campaign {
  return {
    ...NEW_ROW,
    campaignId: 7,
    kind: 'coupon',
    title: 'Half price',
    stock: 10,
    opensAt: at(HOUR),
    closesAt: at(2 * HOUR),
    createdAt: at(-HOUR),
    rulesHash: Buffer.alloc(32),
    ...changes,
  };
}
const open = campaign({ opensAt: at(-HOUR) });
const raffle = campaign({ kind: 'raffle', stock: 3 });
const openRaffle = campaign({ kind: 'raffle', stock: 3, opensAt: at(-HOUR) });

function edit(of: Campaign, change: Change): Plan {
  return planChange(of, 'edit', change, terms);
}

/** A plan's kind, with the fields that it names. */
function textOf(plan: Plan): string {
  if (plan.is === 'allowed' || plan.is === 'state') return plan.is;
  const fields = plan.errors.map(({ field }) => field).join(' ');
  return plan.is === 'wrong' ? `wrong ${fields}` : `${plan.reason} ${fields}`;
}

describe('an edit', () => {
  it('may change everything before the opening, and announces new rules', () => {
    const change = {
      title: 'Less',
      stock: 5,
      opensAt: at(2 * HOUR),
      closesAt: at(3 * HOUR),
      timeZone: 'Europe/Berlin',
    };
    const plan = edit(campaign(), change);
    assert.ok(plan.is === 'allowed');
    assert.ok(plan.confirms && plan.announces);
    assert.deepEqual(plan.decideBy, at(HOUR - 500), 'before the earliest time it touches');
    assert.deepEqual(
      [plan.target.title, plan.target.stock, plan.target.opensAt, plan.target.timeZone],
      ['Less', 5, at(2 * HOUR), 'Europe/Berlin'],
    );
  });

  it('keeps the rules that people entered under', () => {
    assert.equal(textOf(edit(open, { title: 'Other' })), 'passed title');
    assert.equal(textOf(edit(open, { stock: 11 })), 'passed stock');
    assert.equal(textOf(edit(open, { opensAt: at(HOUR) })), 'passed opens_at');
    assert.equal(textOf(edit({ ...open, grantedCount: 4 }, { stock: 3 })), 'wrong stock');
    assert.equal(textOf(edit(raffle, { stock: 3 })), 'wrong stock');
    assert.equal(textOf(edit(campaign({ kind: 'room' }), { stock: 3 })), 'wrong stock');
  });

  it('moves the close of a coupon, and that of a raffle up to the announced one', () => {
    const later = edit(open, { closesAt: at(3 * HOUR) });
    assert.ok(later.is === 'allowed' && later.announces);
    assert.deepEqual(later.decideBy, at(2 * HOUR - 500));
    assert.equal(textOf(edit(openRaffle, { closesAt: at(3 * HOUR) })), 'passed closes_at');
    const sooner = edit(openRaffle, { closesAt: at(HOUR) });
    assert.ok(sooner.is === 'allowed' && !sooner.announces, 'the seed depends on the current rules');
    const back = edit({ ...openRaffle, closesAt: at(HOUR) }, { closesAt: at(2 * HOUR) });
    assert.equal(textOf(back), 'allowed');
  });

  it('leaves time to claim before stamps end', () => {
    const claimed = { ...terms, claimWithinS: 3_600 };
    const days = 86_400_000;
    const moved = (of: Campaign, change: Change) => textOf(planChange(of, 'edit', change, claimed));
    assert.equal(moved(raffle, { drawsAt: at(101 * days) }), 'allowed');
    assert.equal(moved(raffle, { drawsAt: at(102 * days) }), 'wrong draws_at');
    assert.equal(textOf(edit(raffle, { drawsAt: at(102 * days) })), 'allowed');
    assert.equal(moved({ ...raffle, stage: 'draft' }, { drawsAt: at(102 * days) }), 'wrong draws_at');
  });

  it('is refused when a time has passed or is too near to notify everybody', () => {
    assert.equal(
      textOf(edit(campaign({ opensAt: at(-2), closesAt: at(-1) }), { closesAt: at(HOUR) })),
      'passed closes_at',
    );
    assert.equal(textOf(edit(campaign(), { opensAt: at(3_999) })), 'too_near opens_at');
    assert.equal(textOf(edit(campaign(), { opensAt: at(4_000) })), 'allowed');
    assert.equal(textOf(edit(campaign({ opensAt: at(3_999) }), { opensAt: at(HOUR) })), 'too_near opens_at');
    assert.equal(textOf(edit(campaign({ opensAt: at(3_999) }), { closesAt: at(HOUR) })), 'too_near opens_at');
    assert.equal(textOf(edit(open, { closesAt: at(3_999) })), 'too_near closes_at');
    assert.equal(
      textOf(edit({ ...open, closingAt: at(1_000) }, { closesAt: at(HOUR) })),
      'too_near closes_at',
    );
  });

  it("never schedules a raffle's draw before its freeze", () => {
    assert.equal(textOf(edit(openRaffle, { drawsAt: at(2 * HOUR - 1) })), 'wrong draws_at');
    assert.equal(textOf(edit(openRaffle, { drawsAt: at(2 * HOUR) })), 'allowed');
    assert.equal(
      textOf(edit({ ...raffle, drawsAt: at(2 * HOUR) }, { closesAt: at(3 * HOUR) })),
      'wrong draws_at',
    );
    assert.equal(textOf(edit(open, { drawsAt: at(3 * HOUR) })), 'wrong draws_at');
    const closed = campaign({
      kind: 'raffle',
      opensAt: at(-2 * HOUR),
      closesAt: at(-HOUR),
      drawsAt: at(HOUR),
    });
    assert.equal(textOf(edit(closed, { drawsAt: at(2 * HOUR) })), 'allowed', 'until it has passed');
    assert.equal(textOf(edit({ ...closed, drawsAt: at(-1) }, { drawsAt: at(HOUR) })), 'passed draws_at');
  });

  it('takes effect before every time that it touches, or not at all', () => {
    const times = fc.integer({ min: -2 * HOUR, max: 6 * HOUR });
    fc.assert(
      fc.property(times, times, times, times, fc.constantFrom('coupon', 'raffle'), (a, b, c, d, kind) => {
        fc.pre(a < b);
        const before = campaign({ kind, opensAt: at(a), closesAt: at(b) });
        const plan = edit(before, { opensAt: at(c), closesAt: at(d) });
        if (plan.is !== 'allowed') return;
        const { target, decideBy } = plan;
        assert.ok(target.opensAt < target.closesAt);
        for (const [from, to] of [
          [before.opensAt, target.opensAt],
          [before.closesAt, target.closesAt],
        ] as const) {
          if (from.getTime() === to.getTime()) continue;
          assert.ok(from.getTime() >= NOW + terms.leadMs && to.getTime() >= NOW + terms.leadMs);
          assert.ok(decideBy !== null && decideBy < from && decideBy < to);
        }
        if (plan.announces && kind === 'raffle') assert.ok(decideBy !== null && decideBy < before.opensAt);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('other changes', () => {
  it('are allowed in certain states only', () => {
    const plan = (of: Campaign, action: Parameters<typeof planChange>[1]): string =>
      textOf(planChange(of, action, {}, terms));
    const draft = campaign({ stage: 'draft', rulesHash: null });
    assert.equal(plan(draft, 'announce'), 'allowed');
    assert.equal(plan({ ...draft, opensAt: at(0) }, 'announce'), 'passed opens_at');
    assert.equal(plan(open, 'announce'), 'state');
    assert.equal(plan(open, 'pause'), 'allowed');
    assert.equal(plan(open, 'resume'), 'state');
    assert.equal(plan({ ...open, pausedAt: at(-1) }, 'resume'), 'allowed');
    assert.equal(plan({ ...openRaffle, seed: Buffer.alloc(32) }, 'cancel'), 'state');
    assert.equal(plan({ ...open, finishedAt: at(-1) }, 'cancel'), 'state');
    assert.equal(plan({ ...open, finishedAt: at(-1) }, 'archive'), 'allowed');
    assert.equal(
      plan({ ...open, stage: 'cancelled' }, 'archive'),
      'state',
      'entries may still be in the log',
    );
  });

  it('concern gateways only if they know the campaign', () => {
    for (const action of ['pause', 'cancel'] as const) {
      const plan = planChange(open, action, {}, terms);
      assert.ok(plan.is === 'allowed' && plan.confirms);
    }
    const discarded = planChange(campaign({ stage: 'draft' }), 'cancel', {}, terms);
    assert.ok(discarded.is === 'allowed' && !discarded.confirms);
  });
});
