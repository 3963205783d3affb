import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TrustedProxies } from '../../engine/contract/clients/trusted-proxies.ts';
import { SOURCE_ARRIVAL, SOURCE_PROXY } from '../../engine/contract/record/record.ts';
import { Metrics, OF_NOBODY } from '../metrics.ts';
import { SharedClock } from './clock.ts';
import { ProxyTimestamps } from './proxy-timestamps.ts';
import { RequestStarts, readRequestStart, sourceOf } from './request-start.ts';

test('parses the formats that proxies send', () => {
  for (const [value, us] of [
    ['t=1700000000.123', 1_700_000_000_123_000],
    ['1700000000.123', 1_700_000_000_123_000],
    ['1700000000.123456', 1_700_000_000_123_456],
    ['t=1700000000.1', 1_700_000_000_100_000],
    ['t=1700000000', 1_700_000_000_000_000],
    ['1700000000123', 1_700_000_000_123_000],
    ['t=1700000000123', 1_700_000_000_123_000],
    ['t=1700000000123.4567', 1_700_000_000_123_456],
    ['t=1700000000123456', 1_700_000_000_123_456],
    ['1700000000123456.789', 1_700_000_000_123_456],
    ['t=1700000000.123456789', 1_700_000_000_123_456],
  ] as const) {
    assert.equal(readRequestStart(value), us, value);
  }
});

test('rejects any other format instead of guessing', () => {
  for (const value of [
    '',
    't=',
    'now',
    '-1700000000',
    '170000000',
    '17000000001',
    '1700000000.',
    '1.7e9',
    'T=1700000000',
    ' 1700000000',
    't=1700000000, t=1700000001',
    '1700000000123456789',
    '1700000000.1234567890',
    '１７００００００００',
  ]) {
    assert.equal(readRequestStart(value), undefined, JSON.stringify(value));
  }
});

test('any microsecond survives a round trip in each of the three units', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000_000_000_000_000, max: Number.MAX_SAFE_INTEGER }), us => {
      const digits = String(us);
      for (const at of [10, 13]) {
        assert.equal(readRequestStart(`t=${digits.slice(0, at)}.${digits.slice(at)}`), us);
      }
      assert.equal(readRequestStart(`t=${digits}`), us);
    }),
  );
});

/** The parts of a gateway's clock and pipeline that instants depend on. */
function setUp(nowUs = 1_000_000) {
  let localUs = nowUs;
  const clock = new SharedClock(() => localUs);
  clock.sample({ askedUs: localUs, answeredUs: localUs, redisUs: localUs });
  const metrics = new Metrics(OF_NOBODY);
  const starts = new RequestStarts({ clock, proxies: new TrustedProxies([]), metrics });
  const pipeline = { promisedUs: 0 };
  return {
    clock,
    starts,
    pipeline,
    counts: metrics.requestStarts,
    move: (us: number): void => {
      localUs += us;
    },
    promise: (behindUs: number): void => {
      pipeline.promisedUs = Math.max(pipeline.promisedUs, clock.promise() - behindUs);
    },
    enter: (startedUs: number | undefined, opensAtUs = 0) => {
      const arrivedUs = clock.next();
      return { arrivedUs, instantUs: starts.instantFor(pipeline, { opensAtUs }, arrivedUs, startedUs) };
    },
  };
}

test('the stamp uses the proxy timestamp, to the microsecond', () => {
  const { enter, promise, move, counts } = setUp();
  promise(100_000);
  move(50_000);
  assert.equal(enter(950_001).instantUs, 950_001);
  assert.equal(enter(950_000).instantUs, 950_003, 'an even instant moves to the next free odd one');
  assert.equal(sourceOf(950_001), SOURCE_PROXY);
  assert.equal(counts.used, 2);
});

test('requests with the same proxy timestamp keep their arrival order', () => {
  const { enter, move } = setUp();
  move(500_000);
  const instants = Array.from({ length: 20_000 }, () => enter(1_000_000).instantUs);
  assert.deepEqual(
    instants,
    instants.map((_, index) => 1_000_001 + 2 * index),
  );
});

test('never stamps at or before a promise', () => {
  const { enter, promise, move, pipeline, counts } = setUp();
  move(10_000);
  promise(0);
  assert.equal(pipeline.promisedUs, 1_010_000);
  move(10_000);
  assert.equal(enter(900_000).instantUs, 1_010_001);
  assert.equal(enter(1_010_000).instantUs, 1_010_003);
  assert.equal(enter(1_010_001).instantUs, 1_010_005);
  assert.deepEqual([counts.promise, counts.used], [2, 1]);
});

test('never stamps before the opening; early requests keep their arrival', () => {
  const { enter, move, counts } = setUp();
  const early = enter(999_000, 1_500_000);
  assert.equal(early.instantUs, early.arrivedUs);
  move(600_000);
  assert.equal(enter(1_400_000, 1_500_000).instantUs, 1_500_001);
  assert.equal(enter(1_499_999, 1_500_000).instantUs, 1_500_003);
  assert.equal(enter(1_500_000, 1_500_000).instantUs, 1_500_005);
  assert.deepEqual([counts.opening, counts.used, counts.now], [2, 1, 0]);
});

test('never stamps in the future: falls back to the arrival and records that source', () => {
  const { enter, counts } = setUp();
  for (const aheadUs of [0, 1, 1_000_000]) {
    const { arrivedUs, instantUs } = enter(1_000_100 + aheadUs);
    assert.equal(instantUs, arrivedUs);
    assert.equal(sourceOf(instantUs), SOURCE_ARRIVAL);
  }
  assert.equal(counts.now, 3);
});

test('falls back to the arrival when every instant up to it is taken', () => {
  const { enter, promise, counts } = setUp();
  promise(4);
  assert.equal(enter(0).instantUs, 999_997);
  assert.equal(enter(0).instantUs, 999_999);
  const { arrivedUs } = enter(undefined);
  assert.equal(enter(0).instantUs, 1_000_001, 'the clock advances with each arrival');
  assert.equal(arrivedUs, 1_000_006);
  assert.equal(counts.promise, 3);
});

test('stamps a late body after the promise, with and without a header', () => {
  const { clock, starts, pipeline, promise, move } = setUp();
  const arrivedUs = clock.next();
  move(10_000);
  promise(0);
  for (const startedUs of [undefined, 900_000, 1_005_000]) {
    const instantUs = starts.instantFor(pipeline, { opensAtUs: 0 }, arrivedUs, startedUs);
    assert.ok(instantUs > pipeline.promisedUs);
    assert.equal(sourceOf(instantUs), SOURCE_ARRIVAL);
  }
});

interface Step {
  readonly kind: 'arrive' | 'noted' | 'promise' | 'move' | 'late';
  readonly us: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('arrive', 'noted', 'noted', 'promise', 'move', 'late'),
  us: fc.integer({ min: 0, max: 400 }),
});

test('instants are unique, after every promise, within bounds, and the least that are free', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 0, max: 300 }), (steps, behindUs) => {
      const { clock, pipeline, promise, move, enter } = setUp();
      const opensAtUs = 1_000_200;
      const given = new Set<number>();
      const use = (instantUs: number): void => {
        assert.ok(!given.has(instantUs), `${instantUs} was given before`);
        assert.ok(instantUs > pipeline.promisedUs, `${instantUs} is not after the promise`);
        given.add(instantUs);
      };
      for (const { kind, us } of steps) {
        if (kind === 'move') move(us);
        else if (kind === 'promise') promise(behindUs);
        else if (kind === 'late') use(clock.next());
        else if (kind === 'arrive') use(enter(undefined, opensAtUs).instantUs);
        else {
          const startedUs = 1_000_000 + us;
          const { arrivedUs, instantUs } = enter(startedUs, opensAtUs);
          let expected = Math.max(startedUs, opensAtUs, pipeline.promisedUs + 1);
          while (expected % 2 === 0 || given.has(expected)) expected += 1;
          assert.equal(instantUs, arrivedUs >= opensAtUs && expected < arrivedUs ? expected : arrivedUs);
          use(instantUs);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('forgets instants that can no longer be requested', () => {
  const instants = new ProxyTimestamps();
  for (let us = 0; us < 1_000_000; us += 10) instants.take(us, us + 100, us - 1_000);
  assert.ok(instants.size < 10_000, `${instants.size} are kept`);
  assert.equal(instants.take(0, 2_000_000, 0), 998_993, 'the latest promise still holds');
});
