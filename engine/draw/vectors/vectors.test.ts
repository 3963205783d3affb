import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { canonicalJson } from '../canonical.ts';
import { plainDraw, plainLeafHash, plainPoolLeafHash, plainRoot } from '../testing/plain.ts';
import { compute, type Expected, type Given, type GivenEntrant, readVectors } from '../testing/vector.ts';

const vectors = readVectors();
const PYTHON_FILE = fileURLToPath(new URL('./draw.py', import.meta.url));

/** The results of draw.py; undefined if there is no python3. */
async function inPython(given: readonly Given[]): Promise<readonly Expected[] | undefined> {
  const child = spawn('python3', [PYTHON_FILE], { stdio: ['pipe', 'pipe', 'inherit'] });
  const started = await Promise.race([
    once(child, 'spawn').then(() => true),
    once(child, 'error').then(() => false),
  ]);
  if (!started) return undefined;
  child.stdin.end(JSON.stringify(given));
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

const MISSING = '!!! THE SECOND IMPLEMENTATION WAS NOT RUN: there is no python3 !!!';

for (const [number, { about, given, expected }] of vectors.entries()) {
  test(`vector ${number}: ${about}`, () => {
    deepEqual(compute(given), expected);
  });
}

test('a vector matches the plain definitions', () => {
  for (const { given, expected } of vectors) {
    const entrants = given.entrants.map(each => ({
      userId: each.user,
      stamp: each.stamp,
      tickets: each.tickets ?? 1,
      group: each.group ?? null,
      excluded: each.excluded ?? null,
    }));
    const leaves = entrants.map(each => plainLeafHash(given.campaign, given.salt_secret, each));
    const bound = leaves.map((leaf, index) => {
      const terms = entrants[index];
      ok(terms !== undefined);
      return plainPoolLeafHash(given.campaign, given.salt_secret, leaf, terms);
    });
    deepEqual(
      bound.map(leaf => leaf.toString('base64url')),
      expected.pool_leaf_hashes,
    );
    equal(plainRoot(bound).toString('base64url'), expected.pool_root);
    const winners = given.tiers.reduce((sum, tier) => sum + tier.winners, 0);
    const rules = { size: winners + given.alternates, groupLimit: given.group_limit };
    const drawn = plainDraw(entrants, leaves, rules, Buffer.from(expected.seed, 'base64url'));
    deepEqual(
      drawn.map(({ entrant }) => entrant.userId),
      [...expected.winners, ...expected.alternates],
    );
  }
});

test('a proof is canonical and names the winners', () => {
  for (const { expected } of vectors) {
    const proof = JSON.parse(expected.proof);
    equal(canonicalJson(proof), expected.proof);
    equal(canonicalJson(proof.rules), expected.rules);
    deepEqual(
      proof.winners.map((winner: { serial: number }) => winner.serial),
      expected.winners.map((_, index) => index + 1),
    );
    equal(proof.alternates.length, expected.alternates.length);
    ok(!expected.proof.includes('user-'), 'the proof contains a user id');
  }
});

test('the second implementation agrees on every vector', async t => {
  const made = await inPython(vectors.map(({ given }) => given));
  if (made === undefined) return t.skip(MISSING);
  deepEqual(
    made,
    vectors.map(({ expected }) => expected),
  );
});

test('the second implementation agrees on random pools', async t => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
  const entrant = fc.record<GivenEntrant>(
    {
      user: text,
      stamp: fc.maxSafeNat(),
      tickets: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(1_000)),
      group: fc.constantFrom('x', 'y', 'ü', '🎟'),
      excluded: text,
    },
    { requiredKeys: ['user', 'stamp'] },
  );
  const secret = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '~'), minLength: 32, maxLength: 100 });
  const bytes = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map(given => Buffer.from(given).toString('base64url'));
  const given = fc.record<Given>({
    campaign: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    title: text,
    opens_at_us: fc.maxSafeNat(),
    closes_at_us: fc.maxSafeNat(),
    salt_secret: secret,
    tiers: fc.array(fc.record({ name: text, winners: fc.integer({ min: 1, max: 9 }) }), {
      minLength: 1,
      maxLength: 4,
    }),
    alternates: fc.nat(9),
    group_limit: fc.option(fc.integer({ min: 1, max: 4 })),
    randomness: fc.record({ source: fc.constant('commit' as const), draw_secret: secret, nonce: bytes }),
    entrants: fc
      .uniqueArray(entrant, { selector: each => each.stamp, maxLength: 60 })
      .map(all => all.toSorted((a, b) => a.stamp - b.stamp)),
  });
  const pools = fc.sample(given, { numRuns: 60, seed: 4 });
  const made = await inPython(pools);
  if (made === undefined) return t.skip(MISSING);
  deepEqual(made, pools.map(compute));
});
