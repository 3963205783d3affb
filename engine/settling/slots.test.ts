import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from './slots.ts';

test('runs at most as many as there are slots, in order of arrival', async () => {
  const slots = new Slots(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const all = [1, 2, 3, 4].map(number =>
    slots.run(async () => {
      begun.push(number);
      await new Promise<void>(resolve => ends.push(resolve));
    }),
  );
  deepEqual(begun, [1, 2]);
  for (let over = 0; over < all.length; over++) {
    ends[over]?.();
    await all[over];
    // The next in line has begun before the caller learns of it.
    deepEqual(begun, [1, 2, 3, 4].slice(0, 3 + over));
  }
});

test('a failure releases its slot', async () => {
  const slots = new Slots(1);
  await rejects(
    slots.run(() => Promise.reject(new Error('no'))),
    /no/,
  );
  equal(await slots.run(async () => 7), 7);
});
