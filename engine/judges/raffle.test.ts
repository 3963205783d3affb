import { deepEqual, equal, notDeepEqual, ok, throws } from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Entry } from '../../sql/entries.ts';
import { draw } from './raffle.ts';

const SEED = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');

function pool(count: number): Entry[] {
  return Array.from({ length: count }, (_, index) => ({ userId: `user-${index}`, stamp: index * 1024 }));
}

/** The same as the header of raffle.ts says, said plainly. */
function plainDraw(entries: readonly Entry[], winners: number, seed: Buffer): Entry[] {
  const keyed = entries.map(entry => {
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(entry.stamp));
    const bytes = Buffer.concat([stamp, Buffer.from(entry.userId, 'utf8')]);
    return { entry, key: createHmac('sha256', seed).update(bytes).digest() };
  });
  keyed.sort((a, b) => Buffer.compare(a.key, b.key) || a.entry.stamp - b.entry.stamp);
  return keyed.slice(0, winners).map(({ entry }) => entry);
}

/** The first three of the pool of ten with SEED. */
const VECTOR = ['user-8', 'user-0', 'user-9'];

test('the vectors, which others may hold their own draw against', () => {
  const drawn = draw(pool(10), { winners: 3 }, SEED).map(({ userId }) => userId);
  deepEqual(
    drawn,
    plainDraw(pool(10), 3, SEED).map(({ userId }) => userId),
  );
  deepEqual(drawn, VECTOR);
});

test('the same as a plain sort, whatever the pool, the winners and the seed', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.maxSafeNat(), { maxLength: 200 }),
      fc.integer({ min: 1, max: 250 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      (stamps, winners, bytes) => {
        const entries = stamps.sort((a, b) => a - b).map(stamp => ({ userId: `é-${stamp}`, stamp }));
        const seed = Buffer.from(bytes);
        deepEqual(draw(entries, { winners }, seed), plainDraw(entries, winners, seed));
      },
    ),
  );
});

test('with fewer entrants than winners all win, in the order of the draw', () => {
  const drawn = draw(pool(5), { winners: 100 }, SEED);
  equal(drawn.length, 5);
  notDeepEqual(drawn, pool(5));
  deepEqual(
    drawn.toSorted((a, b) => a.stamp - b.stamp),
    pool(5),
  );
});

test('nobody enters, nobody wins', () => {
  deepEqual(draw([], { winners: 3 }, SEED), []);
});

test('more winners of the same draw begin with the same ones', () => {
  deepEqual(draw(pool(100), { winners: 50 }, SEED).slice(0, 7), draw(pool(100), { winners: 7 }, SEED));
});

test('another seed draws others', () => {
  notDeepEqual(draw(pool(100), { winners: 10 }, SEED), draw(pool(100), { winners: 10 }, Buffer.alloc(32, 1)));
});

test('everybody has the same chance', () => {
  const wins = new Array<number>(20).fill(0);
  const draws = 2_000;
  for (let number = 0; number < draws; number++) {
    const seed = createHmac('sha256', 'seeds').update(String(number)).digest();
    for (const { stamp } of draw(pool(20), { winners: 5 }, seed))
      wins[stamp / 1024] = (wins[stamp / 1024] ?? 0) + 1;
  }
  // 500 wins are expected of each, with a standard deviation of 19; the seeds are fixed, so this cannot flicker.
  for (const count of wins) ok(Math.abs(count - 500) < 80, `${count} wins`);
});

test('a seed of another length is refused', () => {
  throws(() => draw(pool(1), { winners: 1 }, Buffer.alloc(16)), /16 bytes, not 32/);
});
