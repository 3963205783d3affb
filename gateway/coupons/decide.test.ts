import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EVERYTHING } from '../shops/caller.ts';
import { decide, type PricedRequest, type Standing, userKey, type WantedUse } from './decide.ts';
import type { Decision } from './decision.ts';
import type { Redemption } from './redemption.ts';

const NOW = 1_900_000_000_000;
const BASKET = {
  currency: 'EUR',
  lines: [{ product: 'a', categories: [], quantity: 2, unitAmount: 500 }],
  shipping: 0,
};
const USERS = ['ann', 'bob'];
/** Coupon 1 has a total limit, 2 has one per user, 3 has both, and 4 has none. */
const LIMITS: Readonly<Record<number, Pick<WantedUse, 'limitTotal' | 'limitPerUser'>>> = {
  1: { limitTotal: 2, limitPerUser: null },
  2: { limitTotal: null, limitPerUser: 1 },
  3: { limitTotal: 3, limitPerUser: 2 },
  4: { limitTotal: null, limitPerUser: null },
};

function useOf(couponId: number, changes: Partial<WantedUse> = {}): WantedUse {
  const limits = LIMITS[couponId] ?? { limitTotal: null, limitPerUser: null };
  return { couponId, shop: null, code: `C${couponId}`, revision: 1, isGrant: false, ...limits, ...changes };
}

function basketOf(uses: readonly WantedUse[], userId = 'ann', holdMs?: number): PricedRequest['wanted'] {
  const discounts = uses.map(({ couponId, code }) => ({
    code,
    couponId,
    amount: 10,
    lines: [10],
    shipping: 0,
  }));
  const total = 1_000 - 10 * uses.length;
  const pricing = { subtotal: 1_000, discounts, lineTotals: [total], shippingTotal: 0, total };
  return { kind: 'use', userId, basket: BASKET, pricing, uses, holdMs };
}

function standing(changes: Partial<Standing> = {}): Standing {
  return {
    nowMs: NOW,
    coupons: new Map([1, 2, 3, 4].map(couponId => [couponId, { revision: 1, disabled: false, used: 0 }])),
    userUses: new Map(),
    blocked: new Set(),
    holders: new Map(),
    requests: new Map(),
    redemptions: new Map(),
    freshIds: Array.from({ length: 100 }, (_, index) => index + 1),
    ...changes,
  };
}

const priced = (wanted: PricedRequest['wanted'], key?: string, hash = 'same'): PricedRequest => ({
  caller: EVERYTHING,
  request: key === undefined ? undefined : { key, hash: Buffer.alloc(32, hash) },
  wanted,
});

function labelOf(decision: Decision | undefined): string {
  if (decision?.state === 'refused')
    return decision.refusals.map(({ code, reason }) => `${code} ${reason}`).join();
  if (decision?.state === 'problem') return decision.slug;
  if (decision?.state === 'done') return decision.isNew ? 'new' : 'known';
  return decision?.state ?? 'none';
}

function labelsOf(of: Standing, ...all: readonly PricedRequest[]): readonly string[] {
  return decide(of, all).decisions.map(labelOf);
}

test('uses all coupons of a basket or none', () => {
  const both = priced(basketOf([useOf(4), useOf(1)]));
  const { decisions, useChanges, made } = decide(standing(), [both, both, both]);
  assert.deepEqual(decisions.map(labelOf), ['new', 'new', 'C1 used_up']);
  assert.deepEqual(
    [...useChanges],
    [
      [4, 2],
      [1, 2],
    ],
  );
  assert.equal(made.length, 2);
  const used = standing({ userUses: new Map([[userKey(2, 'ann'), 1]]) });
  assert.deepEqual(labelsOf(used, priced(basketOf([useOf(2)])), priced(basketOf([useOf(2)], 'bob'))), [
    'C2 used_up_by_user',
    'new',
  ]);
});

test('a granted code belongs to its current holder', () => {
  const mine = priced(basketOf([useOf(4, { isGrant: true })]));
  assert.deepEqual(labelsOf(standing({ holders: new Map([['C4', 'ann']]) }), mine), ['new']);
  assert.deepEqual(labelsOf(standing({ holders: new Map([['C4', 'bob']]) }), mine), ['C4 unknown']);
  assert.deepEqual(labelsOf(standing(), mine), ['C4 unknown'], 'it was reassigned');
});

test('rejects a price computed from other terms', () => {
  assert.deepEqual(labelsOf(standing(), priced(basketOf([useOf(4, { revision: 2 })]), 'k')), ['stale']);
  assert.deepEqual(decide(standing(), [priced(basketOf([useOf(4, { revision: 2 })]), 'k')]).requests, []);
});

test('one key performs one action once and rejects a different one', () => {
  const first = priced(basketOf([useOf(1)]), 'k');
  const result = decide(standing(), [first, first, priced(basketOf([useOf(1)]), 'k', 'other')]);
  assert.deepEqual(result.decisions.map(labelOf), ['new', 'known', 'idempotency-key-reused']);
  assert.equal(result.requests.length, 1);
  assert.equal(result.made.length, 1);
  const [redemption] = result.made;
  const [request] = result.requests;
  assert.ok(redemption !== undefined && request !== undefined);
  const later = standing({
    redemptions: new Map([[redemption.redemptionId, redemption]]),
    requests: new Map([['k', request]]),
  });
  assert.deepEqual(labelsOf(later, priced({ kind: 'again' }, 'k'), priced({ kind: 'again' }, 'k', 'other')), [
    'known',
    'idempotency-key-reused',
  ]);
  // A refusal leaves the key free.
  const full = standing({ coupons: new Map([[1, { revision: 1, disabled: false, used: 2 }]]) });
  assert.deepEqual(decide(full, [first]).requests, []);
});

/** A hold until `expiresAtMs`; `isGivenBack`: its use was given back before the clock was set back. */
function heldUntil(expiresAtMs: number, isGivenBack = false): Standing {
  const [held] = decide(standing({ nowMs: expiresAtMs - 1_000 }), [
    priced(basketOf([useOf(1)], 'ann', 1_000)),
  ]).made;
  assert.ok(held !== undefined);
  const uses = held.uses.map(use => ({ ...use, givenBack: isGivenBack }));
  return standing({
    redemptions: new Map([[held.redemptionId, { ...held, uses }]]),
    coupons: new Map([[1, { revision: 1, disabled: false, used: isGivenBack ? 0 : 1 }]]),
  });
}

test('a hold is redeemed or released once, before its expiry', () => {
  const commit = priced({ kind: 'commit', redemptionId: 1 });
  const release = priced({ kind: 'release', redemptionId: 1 });
  const held = heldUntil(NOW + 1);
  assert.deepEqual(labelsOf(held, commit, commit, release), ['new', 'already-redeemed', 'already-redeemed']);
  assert.deepEqual(labelsOf(held, release, release, commit), ['new', 'known', 'reservation-over']);
  assert.deepEqual([...decide(held, [release, release]).useChanges], [[1, -1]]);
  assert.deepEqual([...decide(held, [commit]).useChanges], []);
  const lapsed = heldUntil(NOW);
  assert.deepEqual(labelsOf(lapsed, commit, release), ['reservation-over', 'known']);
  assert.deepEqual([...decide(lapsed, [release]).useChanges], [], 'its expiry returned the use');
  const over = heldUntil(NOW + 1, true);
  assert.deepEqual(labelsOf(over, commit, release), ['reservation-over', 'known'], 'the clock was set back');
  assert.deepEqual([...decide(over, [release]).useChanges], []);
  assert.deepEqual(labelsOf(standing(), commit, release), ['unknown-reservation', 'unknown-reservation']);
});

test('a hold with a disabled coupon is released or lapses, and not redeemed', () => {
  const coupons = new Map([[1, { revision: 2, disabled: true, used: 1 }]]);
  const held = { ...heldUntil(NOW + 1), coupons };
  const [commit, release] = [
    priced({ kind: 'commit', redemptionId: 1 }),
    priced({ kind: 'release', redemptionId: 1 }),
  ];
  assert.deepEqual(labelsOf(held, commit, release, commit), ['C1 disabled', 'new', 'reservation-over']);
  assert.deepEqual(decide(held, [commit]).committed, []);
});

test('a blocked user redeems nothing, not even what is held; everything else goes on', () => {
  const { redemptions } = heldUntil(NOW + 1);
  const held = standing({ redemptions, freshIds: [2], blocked: new Set(['ann']) });
  const commit = priced({ kind: 'commit', redemptionId: 1 });
  const release = priced({ kind: 'release', redemptionId: 1 });
  const [mine, others] = [priced(basketOf([useOf(4)])), priced(basketOf([useOf(4)], 'bob'))];
  assert.deepEqual(labelsOf(held, commit, mine, others, release), ['blocked', 'blocked', 'new', 'new']);
  const [sold] = decide(standing(), [priced(basketOf([useOf(1)]), 'k')]).made;
  assert.ok(sold !== undefined);
  const later = standing({ redemptions: new Map([[1, sold]]), blocked: new Set(['ann']) });
  const refund = priced({ kind: 'refund', redemptionId: 1, refund: undefined });
  assert.deepEqual(labelsOf(later, refund), ['new'], 'what is redeemed stays, and can be refunded');
});

test('commits no direct redemption, and refunds no hold', () => {
  const [sold] = decide(standing(), [priced(basketOf([useOf(1)]))]).made;
  assert.ok(sold !== undefined);
  const of = standing({ redemptions: new Map([[sold.redemptionId, sold]]) });
  assert.deepEqual(labelsOf(of, priced({ kind: 'commit', redemptionId: 1 })), ['unknown-reservation']);
  const refund = priced({ kind: 'refund', redemptionId: 1, refund: undefined });
  assert.deepEqual(labelsOf(heldUntil(NOW + 1), refund), ['unknown-redemption']);
  assert.deepEqual(labelsOf(of, refund, refund), ['new', 'nothing left']);
});

test('a refund returns fully refunded uses in the same transaction', () => {
  const part = (quantity: number): PricedRequest =>
    priced({ kind: 'refund', redemptionId: 1, refund: { lines: [{ line: 1, quantity }], shipping: false } });
  const [sold] = decide(standing(), [priced(basketOf([useOf(1)]))]).made;
  assert.ok(sold !== undefined);
  const of = standing({
    redemptions: new Map([[1, sold]]),
    coupons: new Map([[1, { revision: 1, disabled: false, used: 2 }]]),
    freshIds: [2],
  });
  const next = priced(basketOf([useOf(1)]));
  const result = decide(of, [part(1), next, part(1), next]);
  assert.deepEqual(result.decisions.map(labelOf), ['new', 'C1 used_up', 'new', 'new']);
  assert.deepEqual(
    result.refunds.map(({ refundNumber, givenBack }) => [refundNumber, givenBack]),
    [
      [1, []],
      [2, [1]],
    ],
  );
});

/** A step of a shop: a new basket (user, coupons, whether to hold it), or a change of an earlier one. */
const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('use' as const),
      user: fc.constantFrom(...USERS),
      coupons: fc.subarray([1, 2, 3, 4], { minLength: 1 }),
      holdMs: fc.constantFrom(undefined, 1, 3),
    }),
    fc.record({
      kind: fc.constantFrom('commit' as const, 'release' as const, 'refund' as const),
      id: fc.nat(12),
    }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3 }) }),
  ),
  { maxLength: 40 },
);

test('counted uses never exceed a limit and none is lost, in one transaction or many', () => {
  fc.assert(
    fc.property(steps, fc.boolean(), (all, together) => {
      const ledger = new Map<number, Redemption>();
      let nowMs = NOW;
      const batch: PricedRequest[] = [];
      const flush = (): void => {
        const of = read(ledger, nowMs);
        const { made, decisions, useChanges } = decide(of, batch.splice(0));
        for (const each of made) ledger.set(each.redemptionId, each);
        for (const each of decisions) {
          if (each.state === 'done') ledger.set(each.redemption.redemptionId, each.redemption);
        }
        const after = read(ledger, nowMs);
        for (const [couponId, { used }] of after.coupons) {
          const before = of.coupons.get(couponId)?.used ?? 0;
          assert.equal(used, before + (useChanges.get(couponId) ?? 0), 'the rows match the counters');
          assert.ok(used <= (LIMITS[couponId]?.limitTotal ?? Number.POSITIVE_INFINITY));
          for (const user of USERS) {
            const most = LIMITS[couponId]?.limitPerUser ?? Number.POSITIVE_INFINITY;
            assert.ok((after.userUses.get(userKey(couponId, user)) ?? 0) <= most);
          }
        }
      };
      for (const step of all) {
        if (step.kind === 'wait') {
          flush();
          nowMs += step.ms;
          continue;
        }
        if (step.kind === 'use') {
          const uses = step.coupons.map(couponId => useOf(couponId));
          batch.push(priced(basketOf(uses, step.user, step.holdMs)));
        } else if (step.kind === 'refund') {
          batch.push(priced({ kind: 'refund', redemptionId: step.id, refund: undefined }));
        } else batch.push(priced({ kind: step.kind, redemptionId: step.id }));
        if (!together) flush();
      }
      flush();
    }),
    { numRuns: 1_000 },
  );
});

/** The uses that count, recounted from all redemptions, as giveBackLapsed leaves them. */
function read(ledger: ReadonlyMap<number, Redemption>, nowMs: number): Standing {
  const coupons = new Map(
    [1, 2, 3, 4].map(couponId => [couponId, { revision: 1, disabled: false, used: 0 }]),
  );
  const userUses = new Map<string, number>();
  for (const { state, expiresAtMs, uses, userId } of ledger.values()) {
    if (state === 'held' && (expiresAtMs ?? 0) <= nowMs) continue;
    for (const { couponId, givenBack } of uses) {
      if (givenBack) continue;
      const coupon = coupons.get(couponId);
      if (coupon !== undefined) coupon.used += 1;
      const key = userKey(couponId, userId);
      userUses.set(key, (userUses.get(key) ?? 0) + 1);
    }
  }
  const freshIds = Array.from({ length: 50 }, (_, index) => ledger.size + index + 1);
  return standing({ nowMs, coupons, userUses, redemptions: ledger, freshIds });
}

test("another shop's redemption does not exist for a shop, nor one with a coupon of no shop", () => {
  const of = (shop: string | null) => ({ ...useOf(shop === null ? 4 : 2), shop });
  const held = priced(basketOf([of('cycles')], 'ann', 1_000));
  const mixed = priced(basketOf([of('cycles'), of(null)], 'bob', 1_000));
  const { made } = decide(standing(), [held, mixed]);
  const redemptions = new Map(made.map(each => [each.redemptionId, each]));
  const [first = 0, second = 0] = made.map(({ redemptionId }) => redemptionId);
  const asked = (shop: string | null, kind: 'commit' | 'release', redemptionId: number): PricedRequest => ({
    ...priced({ kind, redemptionId }),
    caller: { shop },
  });
  for (const kind of ['commit', 'release'] as const) {
    const labels = (shop: string | null) =>
      [first, second].map(id => labelsOf(standing({ redemptions }), asked(shop, kind, id))[0]);
    assert.deepEqual(labels('cycles'), ['new', 'unknown-reservation']);
    assert.deepEqual(labels('books'), ['unknown-reservation', 'unknown-reservation']);
    assert.deepEqual(labels(null), ['new', 'new']);
  }
});
