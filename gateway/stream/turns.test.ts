import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from './turns.ts';

/** Resolves after everything that was scheduled before has run. */
const aTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

test('runs at most a fixed number per turn, in order of arrival, and all of them', async () => {
  const sizes: number[] = [];
  const turns = new Turns(100, taken => sizes.push(taken));
  const order: number[] = [];
  const work = async (number: number): Promise<void> => {
    await turns.take();
    order.push(number);
  };
  const all = Array.from({ length: 10_000 }, (_, number) => work(number));
  await Promise.all(all);
  await aTurn();
  assert.deepEqual(
    order,
    order.map((_, index) => index),
  );
  assert.equal(order.length, 10_000);
  assert.ok(Math.max(...sizes) <= 100, `${sizes}`);
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    10_000,
  );
});

test('a single request does not wait, also after a burst, and never overtakes', async () => {
  const turns = new Turns(2, () => undefined);
  assert.deepEqual([turns.take(), turns.take()], [undefined, undefined]);
  const third = turns.take();
  assert.ok(third !== undefined);
  await third;
  await aTurn();
  await aTurn();
  assert.equal(turns.take(), undefined);
});
