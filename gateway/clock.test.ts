import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SharedClock } from './clock.ts';

/** A local clock that the test moves, and a Redis whose clock is `ahead` of it. */
function setUp(ahead: number) {
  let localUs = 1_000_000;
  const clock = new SharedClock(() => localUs);
  const sample = (roundTripUs: number, offset = ahead): void => {
    const askedUs = localUs;
    localUs += roundTripUs;
    clock.sample({ askedUs, heardUs: localUs, redisUs: askedUs + roundTripUs / 2 + offset });
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

test('there is no time before the first sample', () => {
  const { clock } = setUp(0);
  assert.equal(clock.synchronised, false);
  assert.throws(() => clock.next(), /no sample/);
});

test('it shows the time of Redis, and says how far off that may be', () => {
  const { clock, sample, local } = setUp(5_000_000);
  sample(400);
  assert.equal(clock.now(), local() + 5_000_000);
  assert.equal(clock.errorBoundUs, 200);
});

test('the fastest round trip counts, not the latest', () => {
  const { clock, sample, local } = setUp(1_000);
  sample(100);
  // A slow answer whose halves are not alike would be wrong by as much.
  sample(50_000, 21_000);
  assert.equal(clock.now(), local() + 1_000);
});

test('a new offset is slewed at a hundredth, never stepped', () => {
  const { clock, sample, move, local } = setUp(0);
  sample(10);
  clock.now();
  for (let count = 0; count < 8; count++) sample(10, 100_000);
  move(1_000_000);
  const shown = clock.now() - local();
  assert.ok(shown >= 10_000 && shown < 10_100, `slewed by ${shown} us in a second`);
  move(20_000_000);
  assert.equal(clock.now() - local(), 100_000);
});

test('instants strictly increase, whatever the clocks do, and follow every promise', () => {
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
          latest = instant;
        }
      }
    }),
  );
});
