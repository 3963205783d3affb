import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ClockVerdict } from '../../engine/contract/redis/lease/lease.ts';
import { SharedClock } from './clock.ts';
import { ClockLimits } from './clock-limits.ts';

/** A local clock that the test moves, and a Redis whose clock is `ahead` of it. */
function setUp(ahead: number, stopUs = Number.POSITIVE_INFINITY) {
  let localUs = 1_000_000;
  const clock = new SharedClock(() => localUs, stopUs);
  const sample = (roundTripUs: number, offset = ahead): void => {
    const askedUs = localUs;
    localUs += roundTripUs;
    clock.sample({ askedUs, answeredUs: localUs, redisUs: askedUs + roundTripUs / 2 + offset });
  };
  return {
    clock,
    sample,
    move: (us: number): void => {
      localUs += us;
    },
    local: () => localUs,
  };
}

test('has no time before the first sample', () => {
  const { clock } = setUp(0);
  assert.equal(clock.synchronised, false);
  assert.throws(() => clock.next(), /no sample/);
});

test('shows the time of Redis with an error bound', () => {
  const { clock, sample, local } = setUp(5_000_000);
  sample(400);
  assert.equal(clock.now(), local() + 5_000_000);
  assert.equal(clock.errorBoundUs, 200);
});

test('uses the fastest round trip, not the latest', () => {
  const { clock, sample, local } = setUp(1_000);
  sample(100);
  // A slow answer with unequal halves would be wrong by this much.
  sample(50_000, 21_000);
  assert.equal(clock.now(), local() + 1_000);
});

/** This many samples push out all earlier ones. */
const ENOUGH = 64;

test('ends the contradiction once a stepped clock is slewed back within the limit', () => {
  const { clock, sample, move } = setUp(0, 300_000);
  sample(100);
  for (let aheadUs = 342_000; aheadUs >= 0; aheadUs -= 2_000) {
    move(100_000);
    sample(100, aheadUs);
    if (aheadUs > 310_000) assert.equal(clock.isContradicted, true, `${aheadUs} us ahead`);
    if (aheadUs < 290_000) assert.equal(clock.isContradicted, false, `${aheadUs} us ahead`);
  }
});

test('a sample too slow to tell the two times apart ends no contradiction', () => {
  const { clock, sample, move } = setUp(0, 300_000);
  sample(100);
  move(100_000);
  sample(100, 400_000);
  sample(500_000, 200_000);
  assert.equal(clock.isContradicted, true);
});

test('slews a new offset at one percent and never steps', () => {
  const { clock, sample, move, local } = setUp(0);
  sample(10);
  clock.now();
  for (let count = 0; count < ENOUGH; count++) sample(10, 10_000);
  move(500_000);
  const shown = clock.now() - local();
  assert.ok(shown >= 5_000 && shown < 5_100, `slewed by ${shown} us in half a second`);
  move(1_000_000);
  assert.equal(clock.now() - local(), 10_000);
});

test('slews a large offset faster, by half at most, also backward', () => {
  const { clock, sample, move, local } = setUp(0);
  sample(10);
  const before = clock.now();
  for (let count = 0; count < ENOUGH; count++) sample(10, -10_000_000);
  const atUs = local();
  move(1_000_000);
  const went = clock.now() - before - (atUs - 1_000_010);
  assert.ok(went >= 499_000 && went <= 501_000, `time went by ${went} us in a second`);
  assert.ok(clock.errorBoundUs > 9_400_000, 'the bound includes what is still to be slewed');
});

test('the error bound grows by 100 ppm with the age of the sample', () => {
  const { clock, sample, move } = setUp(0);
  assert.equal(clock.errorBoundUs, Number.POSITIVE_INFINITY);
  sample(400);
  move(10_000_000);
  assert.equal(Math.round(clock.errorBoundUs), 200 + 1_000);
});

test('uses a slow sample once the fast one has aged beyond it', () => {
  const { clock, sample, move } = setUp(0);
  sample(100);
  move(5_000_000);
  sample(1_200, 300);
  assert.equal(Math.round(clock.errorBoundUs), 50 + 500, 'the fast sample still has the smaller bound');
  move(1_000_000);
  sample(1_200, 300);
  // 600 us from the slow sample, and 300 us left to slew towards its offset.
  assert.equal(Math.round(clock.errorBoundUs), 600 + 300);
});

test('follows a sample that contradicts the best one at once: a clock was set or a machine was suspended', () => {
  const { clock, sample, move, local } = setUp(0);
  for (let count = 0; count < 10; count++) sample(100);
  sample(30_000, 2_000_000);
  assert.ok(clock.errorBoundUs > 2_000_000);
  move(60_000_000);
  assert.equal(clock.now() - local(), 2_000_000);
});

const STOP_US = 50_000;

test('does not follow a step of Redis beyond CLOCK_STOP_MS: time continues and stamping stops', () => {
  for (const stepUs of [100_000, 120_000_000, -5_000_000]) {
    const { clock, sample, move, local } = setUp(0, STOP_US);
    const limits = new ClockLimits(clock, { warnMs: 5, stopMs: 50 });
    for (let count = 0; count < 10; count++) sample(100);
    for (let count = 0; count < 100; count++) {
      sample(100, stepUs);
      move(250_000);
      // So slow that it agrees with both.
      if (count === 50) sample(250_000_000, 0);
    }
    assert.ok(Math.abs(clock.now() - local()) < 1_000, 'shown as before');
    assert.equal(limits.mayStamp, false);
    assert.match(limits.describe(), /^off by up to [\d.]+ ms; CLOCK_STOP_MS is 50$/);
    sample(100, 0);
    assert.equal(limits.mayStamp, true);
  }
});

type SetUp = ReturnType<typeof setUp>;

/**
 * Gives the clock the finding of an engine about Redis' clock, after engines have made `readings` readings, together with
 * the time that Redis' clock shows now: the local one plus `offsetUs`.
 */
function reportVerdict(
  { clock, local }: Pick<SetUp, 'clock' | 'local'>,
  offsetUs: number,
  verdict: ClockVerdict | undefined,
  { readings = 0, roundTripUs = 100 } = {},
): void {
  const answeredUs = local();
  const sample = { askedUs: answeredUs - roundTripUs, answeredUs, redisUs: answeredUs - 50 + offsetUs };
  clock.acceptFinding({ verdict, readings }, sample);
}

test('follows the step at once when an engine has confirmed Redis since', () => {
  const { clock, sample, move, local } = setUp(0, STOP_US);
  for (let count = 0; count < 10; count++) sample(100);
  const steppedUs = 120_000_000;
  const firstUs = local() + 50 + steppedUs;
  sample(100, steppedUs);
  move(250_000);
  sample(100, steppedUs);
  reportVerdict({ clock, local }, steppedUs, 'held', { readings: 4 });
  const stays = (verdict: ClockVerdict | undefined): void => {
    reportVerdict({ clock, local }, steppedUs, verdict, { readings: 9 });
    assert.ok(clock.now() < firstUs);
  };
  stays('held');
  stays(undefined);
  stays({ agreedUs: firstUs - 1, reading: 9 });
  // Found correct before the clock was set back; the clock has not reached that time again.
  stays({ agreedUs: local() + steppedUs + 1, reading: 9 });
  stays({ agreedUs: firstUs + 100_000, reading: 4 });
  reportVerdict({ clock, local }, steppedUs, { agreedUs: firstUs + 100_000, reading: 5 }, { readings: 9 });
  assert.ok(Math.abs(clock.now() - local() - steppedUs) < 1_000);
  assert.ok(clock.errorBoundUs < 1_000);
});

test('after a confirmed step backward, stands still until Redis reaches the same time again', () => {
  const { clock, sample, move, local } = setUp(0, STOP_US);
  for (let count = 0; count < 10; count++) sample(100);
  const last = clock.next();
  sample(100, -5_000_000);
  reportVerdict({ clock, local }, -5_000_000, 'held');
  reportVerdict({ clock, local }, -5_000_000, { agreedUs: local() - 5_000_050, reading: 1 }, { readings: 1 });
  assert.ok(clock.errorBoundUs > 4_900_000);
  assert.ok(clock.next() > last);
  move(5_100_000);
  assert.ok(clock.errorBoundUs < 1_000);
  assert.ok(Math.abs(clock.now() - local() + 5_000_000) < 1_000);
});

test('a clock set ahead and corrected: a confirmation does not cover the time it showed before', () => {
  for (const roundTripUs of [100, 1_000_000]) {
    const { clock, sample, move, local } = setUp(0, STOP_US);
    const limits = new ClockLimits(clock, { warnMs: 5, stopMs: 50 });
    for (let count = 0; count < 10; count++) sample(100);
    sample(100, 318_000);
    reportVerdict({ clock, local }, 318_000, 'held');
    move(400_000);
    const found = { agreedUs: local() - 1_000, reading: 1 };
    reportVerdict({ clock, local }, 0, found, { readings: 1, roundTripUs });
    assert.ok(Math.abs(clock.now() - local()) < 1_000, 'shown as before');
    if (roundTripUs > 100)
      assert.equal(limits.mayStamp, false, 'an answer that fits both times proves nothing');
    reportVerdict({ clock, local }, 0, found, { readings: 1 });
    assert.ok(Math.abs(clock.now() - local()) < 1_000, 'shown as before');
    assert.equal(limits.mayStamp, true);
  }
});

test('a confirmation from before a step backward counts for nothing, however late it arrives', () => {
  const { clock, sample, move, local } = setUp(0, STOP_US);
  for (let count = 0; count < 10; count++) sample(100);
  const agreedUs = local();
  sample(100, -500_000);
  for (let count = 0; count < 40; count++) {
    move(25_000);
    // Two readings from before the step; the second arrives last.
    reportVerdict({ clock, local }, -500_000, { agreedUs, reading: count < 30 ? 6 : 7 }, { readings: 7 });
    assert.ok(clock.errorBoundUs > 400_000);
  }
  reportVerdict({ clock, local }, -500_000, { agreedUs: local() - 501_000, reading: 8 }, { readings: 8 });
  assert.ok(clock.errorBoundUs < 1_000);
});

test('after the reading counter restarts, counts confirmations from then on', () => {
  const { clock, sample, local } = setUp(0, STOP_US);
  for (let count = 0; count < 10; count++) sample(100);
  sample(100, 5_000_000);
  reportVerdict({ clock, local }, 5_000_000, 'held', { readings: 700 });
  reportVerdict({ clock, local }, 5_000_000, { agreedUs: local() + 5_000_000, reading: 2 }, { readings: 2 });
  assert.ok(clock.errorBoundUs > 4_900_000);
  reportVerdict({ clock, local }, 5_000_000, { agreedUs: local() + 4_999_950, reading: 3 }, { readings: 3 });
  assert.ok(clock.errorBoundUs < 1_000);
});

test('stamps nothing while engines report that the clock of Redis contradicts others', () => {
  const { clock, sample } = setUp(0);
  let isHeld = false;
  const limits = new ClockLimits(clock, { warnMs: 5, stopMs: 50 }, () => isHeld);
  sample(100);
  assert.equal(limits.mayStamp, true);
  isHeld = true;
  assert.deepEqual([limits.mayStamp, limits.level], [false, 'stop']);
  assert.match(limits.describe(), /^on hold: the engines report/);
});

test('the error bound includes a promise that holds the time ahead', () => {
  const { clock, sample, local } = setUp(0);
  sample(100);
  clock.promiseBeyond(local() + 70_000);
  assert.equal(Math.round(clock.errorBoundUs), 70_050);
});

test('the error never exceeds the bound, whatever the network and the drift do', () => {
  const step = fc.record({
    outUs: fc.integer({ min: 0, max: 40_000 }),
    backUs: fc.integer({ min: 0, max: 40_000 }),
    pauseUs: fc.integer({ min: 0, max: 3_000_000 }),
  });
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 150 }),
      fc.integer({ min: -99, max: 99 }),
      (steps, ppm) => {
        let trueUs = 1_000_000_000;
        const localUs = (): number => trueUs * (1 + ppm * 1e-6) + 7_000;
        const clock = new SharedClock(localUs);
        for (const { outUs, backUs, pauseUs } of steps) {
          const askedUs = localUs();
          trueUs += outUs;
          const redisUs = trueUs;
          trueUs += backUs;
          clock.sample({ askedUs, answeredUs: localUs(), redisUs });
          trueUs += pauseUs;
          const shown = clock.now();
          // The round trip is measured with the local clock, and the shown time is truncated to microseconds.
          const slackUs = 10;
          const offUs = Math.abs(shown - trueUs);
          assert.ok(offUs <= clock.errorBoundUs + slackUs, `off by ${offUs}, bound ${clock.errorBoundUs}`);
        }
      },
    ),
  );
});

test('limits: ok, then a warning, then a stop, each with its reason', () => {
  const { clock, sample, move } = setUp(0);
  const limits = new ClockLimits(clock, { warnMs: 5, stopMs: 50 });
  assert.equal(limits.level, 'stop');
  assert.equal(limits.describe(), 'not synchronised');
  assert.equal(limits.errorBoundMs, null);
  sample(400);
  assert.deepEqual([limits.level, limits.mayStamp, limits.describe()], ['ok', true, 'ok']);
  assert.equal(limits.errorBoundMs, 0.2);
  move(60_000_000);
  assert.deepEqual([limits.level, limits.mayStamp], ['warn', true]);
  assert.equal(limits.describe(), 'off by up to 6.2 ms; CLOCK_WARN_MS is 5');
  move(600_000_000);
  assert.deepEqual([limits.level, limits.mayStamp], ['stop', false]);
  assert.equal(limits.describe(), 'off by up to 66.2 ms; CLOCK_STOP_MS is 50');
  sample(400);
  assert.equal(limits.level, 'ok');
});

test('instants strictly increase and follow every promise, whatever the clocks do', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('move' as const), us: fc.integer({ min: 0, max: 1_000 }) }),
    fc.record({ kind: fc.constant('sample' as const), us: fc.integer({ min: -1_000_000, max: 1_000_000 }) }),
    fc.record({ kind: fc.constant('promise' as const), us: fc.constant(0) }),
    fc.record({ kind: fc.constant('beyond' as const), us: fc.integer({ min: 0, max: 5_000_000 }) }),
    fc.record({ kind: fc.constant('next' as const), us: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const { clock, sample, move } = setUp(0);
      sample(10);
      let latest = 0;
      for (const { kind, us } of steps) {
        if (kind === 'move') move(us);
        else if (kind === 'sample') sample(10, us);
        else if (kind === 'promise') latest = Math.max(latest, clock.promise());
        else if (kind === 'beyond') {
          clock.promiseBeyond(us);
          latest = Math.max(latest, us);
        } else {
          const instant = clock.next();
          assert.ok(Number.isSafeInteger(instant) && instant > latest, `${instant} after ${latest}`);
          assert.equal(instant % 2, 0, 'odd instants are reserved for proxy timestamps');
          latest = instant;
        }
      }
    }),
  );
});
