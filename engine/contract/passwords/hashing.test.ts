import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Claimant, HashingQueue, hashPassword, QueueFull, verifyPassword } from './hashing.ts';

test('hashes with argon2id, 19 MiB, two passes, one lane', async () => {
  const stored = await hashPassword('three owls');
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.ok(await verifyPassword(stored, 'three owls'));
  assert.ok(!(await verifyPassword(stored, 'three owlS')));
  assert.notEqual(await hashPassword('three owls'), stored, 'each has a salt of its own');
});

const known = (number: number) => ({ network: `203.0.${number}.0`, isKnown: true });

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
  const results = [0, 1, 2, 3, 4].map(number => queue.run(work(number), known(number)));
  const settled = Promise.allSettled(results);
  await assert.rejects(queue.run(work(5), known(5)), QueueFull);
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
  assert.equal(await queue.run(async () => 7, known(7)), 7);
});

test('what has waited for too long is refused without running, and leaves its slot', async () => {
  const queue = new HashingQueue({ atOnce: 1, mostWaiting: 1, mostWaitMs: 5 });
  let release = (): void => undefined;
  const held = new Promise<void>(resolve => {
    release = resolve;
  });
  const running = queue.run(() => held, known(0));
  await assert.rejects(
    queue.run(() => assert.fail('it ran'), known(1)),
    QueueFull,
  );
  assert.equal(queue.waiting, 0);
  const next = queue.run(async () => 7, known(2));
  release();
  await running;
  assert.equal(await next, 7);
});

/** A queue of 16 slots whose one worker is busy, and a way to ask whether somebody gets a slot. */
function busyQueue() {
  const queue = new HashingQueue({ atOnce: 1, mostWaiting: 16 });
  let release = (): void => undefined;
  const held = new Promise<void>(resolve => {
    release = resolve;
  });
  const accepted: Promise<void>[] = [queue.run(() => held, { network: '' })];
  const waits = async (claimant: Claimant): Promise<boolean> => {
    const result = queue.run(() => held, claimant);
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
  /** How many of these get a slot, one after another. */
  const slots = async (claimants: readonly Claimant[]): Promise<number> => {
    let count = 0;
    for (const claimant of claimants) count += (await waits(claimant)) ? 1 : 0;
    return count;
  };
  const end = async (): Promise<void> => {
    release();
    await Promise.all(accepted);
    assert.equal(queue.waiting, 0);
  };
  return { slots, end };
}

const twenty = (claimant: (each: number) => Claimant): readonly Claimant[] =>
  Array.from({ length: 20 }, (_, each) => claimant(each));

test('one network waits in a quarter of the slots, and sign-ups in half of them', async () => {
  const { slots, end } = busyQueue();
  assert.equal(await slots(twenty(() => ({ network: 'a' }))), 4);
  assert.equal(await slots(twenty(each => ({ network: `b${each}`, isSignUp: true }))), 8);
  await end();
});

test('strangers leave a quarter of the slots to known browsers, of whatever networks they are', async () => {
  const { slots, end } = busyQueue();
  assert.equal(await slots(twenty(each => ({ network: `203.0.${each}.0` }))), 12);
  assert.equal(await slots(twenty(each => ({ network: `203.0.${each}.0`, isKnown: true }))), 4);
  await end();
});

test('the networks of one IPv6 site wait in half of the slots, and so do all unknown ones', async () => {
  for (const network of [(each: number) => `2001:db8:1:${each}::`, () => '']) {
    const { slots, end } = busyQueue();
    assert.equal(await slots(twenty(each => ({ network: network(each) }))), 8);
    assert.equal(await slots([{ network: '203.0.113.0' }, { network: '2001:db8:2:1::' }]), 2);
    await end();
  }
});
