import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CampaignCount, checkCampaign } from './check.ts';
import type { Ask, CampaignEvidence } from './evidence.ts';
import { type FaultKind, Faults } from './faults.ts';
import { ask, rightCoupon, rightRaffle, watched } from './testing/evidence.ts';

interface Found {
  readonly count: CampaignCount;
  readonly faults: Faults;
}

function check(evidence: CampaignEvidence): Found {
  const faults = new Faults();
  return { count: checkCampaign(evidence, faults), faults };
}

/** Applies one change to a correct campaign, and asserts the check's text and the count that it raises. */
function detects(
  name: string,
  kind: FaultKind,
  text: RegExp,
  change: Partial<CampaignEvidence>,
  base: CampaignEvidence = rightCoupon,
): void {
  test(name, () => {
    const { faults } = check({ ...base, ...change });
    assert.ok(
      faults.lines.some(line => text.test(line)),
      `not found: ${text}; found: ${faults.lines.join(' | ') || 'nothing'}`,
    );
    assert.ok(faults.count(kind) > 0, `nothing counted as ${kind}: ${faults.lines.join(' | ')}`);
  });
}

const { asks, entries, grants, logged, ranks } = rightCoupon;
const [askA, askB, askC, ...otherAsks] = asks as [Ask, Ask, Ask, ...Ask[]];

test('a correct campaign has no faults, and its counts add up', () => {
  const { count, faults } = check(rightCoupon);
  assert.deepEqual(faults.lines, []);
  assert.deepEqual(count, {
    campaign: 1,
    kind: 'coupon',
    stock: 2,
    accepted: 3,
    logged: 3,
    ranked: 3,
    inLedger: 3,
    settled: 3,
    granted: 2,
    refused: 1,
    untold: 0,
    replacedStamps: 0,
  });
  assert.deepEqual(check(rightRaffle).faults.lines, []);
});

test('grants everybody when there are fewer entries than coupons', () => {
  const grantOfC = { user: 'c', serial: 3, code: 'three' };
  const all = {
    ...rightCoupon,
    stock: 5,
    asks: asks.filter(({ user }) => user !== 'd'),
    watched: [],
    grants: [...grants, grantOfC],
  };
  assert.deepEqual(check(all).faults.lines, []);
});

test('an earlier stamp may replace an answered one while another request of the user is pending', () => {
  const replaced = { ...rightCoupon, asks: [...asks, ask('b', 3, 8, 25)] };
  const { faults, count } = check(replaced);
  assert.deepEqual(faults.lines, []);
  assert.equal(count.replacedStamps, 1);
});

test('after a stamp was replaced, a later request gets the earlier stamp, never a later one', () => {
  const third = [ask('b', 3, 8, 25), ask('b', 20, 21, 20)];
  assert.deepEqual(check({ ...rightCoupon, asks: [...asks, ...third] }).faults.lines, []);
  const later = [ask('b', 3, 8, 25), ask('b', 20, 21, 25)];
  assert.ok(check({ ...rightCoupon, asks: [...asks, ...later] }).faults.count('duplicates') > 0);
});

test('accepts and counts an unanswered entry whose response was lost', () => {
  const lost: Ask = { ...askC, answeredUs: undefined, status: 0, stamp: undefined, unsure: true };
  const { faults, count } = check({ ...rightCoupon, asks: [askA, askB, lost, ...otherAsks], watched: [] });
  assert.equal(count.untold, 1);
  // The result is not without faults: a client that never got an answer is a fault in itself.
  assert.deepEqual(
    faults.lines.filter(line => !/never told/.test(line)),
    [],
  );
});

detects('an accepted user missing in the ledger', 'lost', /not in the ledger/, {
  entries: entries.filter(({ user }) => user !== 'c'),
});
detects('an entry without an outcome', 'lost', /no outcome/, { settledStamp: 29 });
detects('an accepted user without a rank', 'other', /ranked.*2, and not 3/, {
  ranks: ranks.filter(({ user }) => user !== 'c'),
});
detects('an accepted user missing in the log', 'other', /logged.*2, and not 3/, {
  logged: logged.filter(({ user }) => user !== 'c'),
});

detects('two entries of one user', 'duplicates', /more than one entry/, {
  entries: [...entries, { user: 'a', stamp: 50 }],
});
detects('a duplicate stamp', 'duplicates', /stamp is in the ledger more than once/, {
  entries: [...entries, { user: 'e', stamp: 30 }],
});
detects('one user ranked twice', 'duplicates', /ranked more than once/, {
  ranks: [...ranks, { user: 'a', stamp: 10 }],
});
detects('two grants of one user', 'duplicates', /user was granted more than once/, {
  grants: [...grants, { user: 'a', serial: 3, code: 'three' }],
});
detects('a duplicate serial', 'duplicates', /serial was given more than once/, {
  grants: [
    { user: 'a', serial: 1, code: 'one' },
    { user: 'b', serial: 1, code: 'two' },
  ],
});
detects('a gap in the serials', 'duplicates', /serial is missing/, {
  grants: [
    { user: 'a', serial: 1, code: 'one' },
    { user: 'b', serial: 3, code: 'two' },
  ],
});
detects('a duplicate code', 'duplicates', /code was given more than once/, {
  grants: [
    { user: 'a', serial: 1, code: 'one' },
    { user: 'b', serial: 2, code: 'one' },
  ],
});
detects('a grant without an entry', 'duplicates', /without an entry/, {
  grants: [
    { user: 'a', serial: 1, code: 'one' },
    { user: 'x', serial: 2, code: 'two' },
  ],
});
detects('another stamp on a repeat', 'duplicates', /asked again and was told another/, {
  asks: [...asks, ask('b', 50, 55, 60)],
});
detects('another outcome on a stream', 'duplicates', /another outcome/, {
  watched: [watched('c', [[3, 2]], { outcome: 'granted', position: 3, serial: 2, code: 'two' })],
});
detects('another code on a stream', 'duplicates', /another outcome/, {
  watched: [watched('b', [[2, 1]], { outcome: 'granted', position: 2, serial: 2, code: 'else' })],
});

detects('coupons out of stamp order', 'inversions', /earlier stamp than the one before/, {
  grants: [
    { user: 'b', serial: 1, code: 'one' },
    { user: 'a', serial: 2, code: 'two' },
  ],
});
detects('a skipped user', 'inversions', /got no coupon though a later one did/, {
  grants: [
    { user: 'a', serial: 1, code: 'one' },
    { user: 'c', serial: 2, code: 'two' },
  ],
});
detects('a later stamp in the ledger than answered', 'inversions', /later stamp than the client was told/, {
  asks: [askA, askB, { ...askC, stamp: 29 }, ...otherAsks],
});
detects(
  'an earlier stamp in the ledger than the only one answered',
  'inversions',
  /earlier stamp than the only one/,
  {
    asks: [askA, askB, { ...askC, stamp: 31 }, ...otherAsks],
  },
);
detects('an earlier stamp in the log', 'inversions', /the earliest one in the log/, {
  logged: [...logged, { user: 'c', stamp: 29 }],
});
detects('a rank by another stamp', 'inversions', /the earliest one in Redis/, {
  ranks: [...ranks.filter(({ user }) => user !== 'c'), { user: 'c', stamp: 31 }],
});
detects('an earlier stamp for a request sent after a response', 'inversions', /answered before it was sent/, {
  asks: [{ ...askA, sentUs: 7, answeredUs: 8 }, askB, { ...askC, sentUs: 9, answeredUs: 10 }],
});

test('real-time order does not apply to overlapping requests or equal instants', () => {
  const met = { ...rightCoupon, asks: [ask('a', 6, 8, 10), ask('b', 2, 6, 20), ask('c', 7, 9, 30)] };
  assert.deepEqual(check(met).faults.lines, []);
});

test('a refused request did not create the entry', () => {
  const early = ask('c', 0, 1, 0, { status: 409, stamp: undefined });
  const { faults } = check({
    ...rightCoupon,
    asks: [ask('a', 2, 5, 10), ask('b', 2, 6, 20), early, ask('c', 7, 9, 30)],
  });
  assert.deepEqual(faults.lines, []);
  const swapped = check({
    ...rightCoupon,
    asks: [ask('a', 7, 9, 10), ask('b', 2, 6, 20), early, ask('c', 3, 6, 30)],
  });
  assert.equal(swapped.faults.count('inversions'), 1);
});

detects('a rising ahead', 'positionsBackward', /more were shown to be ahead/, {
  watched: [
    watched(
      'c',
      [
        [3, 1],
        [3, 2],
      ],
      { position: 3 },
    ),
  ],
});
detects('a later position', 'positionsBackward', /later position/, {
  watched: [
    watched(
      'c',
      [
        [2, 1],
        [3, 1],
      ],
      { position: 3 },
    ),
  ],
});
detects('a later position with the outcome', 'positionsBackward', /later position/, {
  watched: [watched('c', [[3, 1]], { position: 4 })],
});
detects('a position that differs from the ledger', 'other', /not the one in the ledger/, {
  watched: [watched('c', [[2, 1]], { position: 3 })],
});
detects('a stream without an outcome', 'other', /shown no outcome/, {
  watched: [watched('c', [[3, 1]], undefined, { end: 'limit' })],
});
detects('an invalid response to a watcher', 'other', /nobody ever should be/, {
  watched: [watched('c', [[3, 1]], { position: 3 }, { end: 'failed', why: 'the queue answered with 500' })],
});

detects('too few grants', 'other', /granted.*1, and not 2/, {
  grants: [{ user: 'a', serial: 1, code: 'one' }],
  watched: [],
});
detects('too many grants', 'other', /granted.*3, and not 2/, {
  grants: [...grants, { user: 'c', serial: 3, code: 'three' }],
  watched: [],
});
detects('too few winners', 'other', /winners drawn.*0, and not 1/, { grants: [], watched: [] }, rightRaffle);
detects('a refusal while coupons are left', 'other', /though some were left/, {
  stock: 3,
  grants: [...grants, { user: 'c', serial: 3, code: 'three' }].slice(0, 2),
  watched: [],
});
detects('a winner answered sold_out', 'other', /nothing is left, and was granted/, {
  asks: [...asks, ask('a', 40, 41, 0, { status: 409, stamp: undefined, soldOut: true })],
});
detects('an entry of a refused user', 'other', /refused, or never asked/, {
  entries: [...entries, { user: 'd', stamp: 25 }],
});
detects('a user without an answer', 'other', /never told/, {
  asks: [...asks, ask('e', 40, 41, 0, { status: 503, stamp: undefined, unsure: true })],
});
detects(
  'a refusal by a raffle',
  'other',
  /refused by an open raffle/,
  { asks: [...rightRaffle.asks, ask('d', 40, 41, 0, { status: 409, stamp: undefined })] },
  rightRaffle,
);
