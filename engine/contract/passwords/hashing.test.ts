import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HashingQueue, hashPassword, QueueFull, verifyPassword } from './hashing.ts';

test('hashes with argon2id, 19 MiB, two passes, one lane', async () => {
  const stored = await hashPassword('three owls');
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.ok(await verifyPassword(stored, 'three owls'));
  assert.ok(!(await verifyPassword(stored, 'three owlS')));
  assert.notEqual(await hashPassword('three owls'), stored, 'each has a salt of its own');
});

test('runs a few at once in order, refuses beyond the cap without running, and goes on after failures', async () => {
  const queue = new HashingQueue({ atOnce: 2, mostWaiting: 3 });
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const work = (number: number) => async (): Promise<number> => {
    started.push(number);
    await new Promise<void>(resolve => ends.push(resolve));
    if (number === 1) throw new Error('failed');
    return number;
  };
  const results = [0, 1, 2, 3, 4].map(number => queue.run(work(number)));
  const settled = Promise.allSettled(results);
  await assert.rejects(queue.run(work(5)), QueueFull);
  assert.deepEqual([started, queue.waiting], [[0, 1], 3]);
  for (let ended = 0; ended < 5; ended++) {
    ends[ended]?.();
    await new Promise(resolve => setImmediate(resolve));
  }
  assert.deepEqual(started, [0, 1, 2, 3, 4]);
  assert.deepEqual(
    (await settled).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
  assert.equal(queue.waiting, 0);
  assert.equal(await queue.run(async () => 7), 7);
});

test('one network waits in a quarter of the places, and sign-ups in half of them', async () => {
  const queue = new HashingQueue({ atOnce: 1, mostWaiting: 8 });
  let release = (): void => undefined;
  const held = new Promise<void>(resolve => {
    release = resolve;
  });
  const accepted: Promise<void>[] = [queue.run(() => held)];
  const waits = async (network: string, isSignUp = false): Promise<boolean> => {
    const result = queue.run(() => held, { network, isSignUp });
    const refused = await Promise.race([
      result.then(
        () => false,
        error => error instanceof QueueFull,
      ),
      new Promise<false>(resolve => setImmediate(resolve, false)),
    ]);
    if (!refused) accepted.push(result);
    return !refused;
  };
  assert.deepEqual([await waits('a'), await waits('a'), await waits('a')], [true, true, false]);
  const signUps = [
    await waits('b', true),
    await waits('c', true),
    await waits('d', true),
    await waits('e', true),
  ];
  assert.deepEqual([...signUps, await waits('f', true)], [true, true, true, true, false]);
  assert.deepEqual([await waits('f'), await waits(''), await waits('')], [true, true, false]);
  release();
  await Promise.all(accepted);
  assert.equal(queue.waiting, 0);
});
