/**
 * Tickets, groups and exclusions decide a draw as much as its randomness. Somebody with the shop's keys changes them after
 * the draw, as thoroughly as possible, and signs the book again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64url, sha256 } from './testing/basics.ts';
import type { EntryObject, Parts, Plan } from './testing/made.ts';
import { makeBook, written } from './testing/maker.ts';
import { codesOf, inPieces, json, run, runBook } from './testing/run.ts';

const plan: Plan = { kind: 'raffle', entries: 60, tiers: [1, 3], alternates: 3, groupLimit: 2 };
const honest = makeBook(plan);

function oneOf(pool: readonly EntryObject[], isWanted: (entry: EntryObject) => boolean): EntryObject {
  const found = pool.find(isWanted);
  assert.ok(found);
  return found;
}

const isExcluded = ({ reason }: EntryObject): boolean => reason !== undefined;
const isPlain = ({ tickets, group, reason }: EntryObject): boolean =>
  tickets === undefined && group === undefined && reason === undefined;

const changes: Readonly<Record<string, (pool: readonly EntryObject[]) => void>> = {
  'one more ticket': pool => {
    oneOf(pool, isPlain).tickets = 2;
  },
  'tickets of an excluded entrant': pool => {
    oneOf(pool, isExcluded).tickets = 900;
  },
  'one ticket fewer': pool => {
    const one = oneOf(pool, ({ tickets = 1 }) => tickets > 2);
    one.tickets = (one.tickets ?? 0) - 1;
  },
  'into a group': pool => {
    oneOf(pool, isPlain).group = base64url(sha256('a group'));
  },
  'out of a group': pool => {
    delete oneOf(pool, ({ group }) => group !== undefined).group;
  },
  'into another group': pool => {
    oneOf(pool, ({ group }) => group !== undefined).group = base64url(sha256('a group'));
  },
  'one more exclusion': pool => {
    Object.assign(oneOf(pool, isPlain), { outcome: 'excluded', reason: 'a reason made up' });
  },
  'one exclusion fewer': pool => {
    const one = oneOf(pool, isExcluded);
    one.outcome = 'not_drawn';
    delete one.reason;
  },
  'another reason': pool => {
    oneOf(pool, isExcluded).reason = 'a reason made up';
  },
};

/** The pool of a book, as `changeTerms` receives it. */
function poolOf(parts: Parts): EntryObject[] {
  return parts.entries.filter(({ outcome }) => outcome !== 'withdrawn');
}

for (const [name, change] of Object.entries(changes)) {
  const forged = makeBook({ ...plan, changeTerms: change });
  assert.notEqual(forged.parts.end.pool_root, honest.parts.end.pool_root);

  test(`terms changed in the book alone do not match the pool root: ${name}`, async () => {
    const parts = structuredClone(honest.parts);
    change(poolOf(parts));
    const codes = codesOf(await runBook(written(parts)));
    assert.ok(codes.includes('pool-root') && codes.includes('seed'), String(codes));
  });

  test(`terms with a matching root do not match the seed: ${name}`, async () => {
    const parts = structuredClone(honest.parts);
    change(poolOf(parts));
    parts.end.pool_root = forged.parts.end.pool_root;
    const codes = codesOf(await runBook(written(parts)));
    assert.ok(codes.includes('seed') && !codes.includes('pool-root'), String(codes));
  });

  test(`terms with everything recomputed do not match what was published: ${name}`, async () => {
    const book = written(forged.parts);
    assert.deepEqual(codesOf(await runBook(book)), []);
    const published = codesOf(await run({ book: inPieces(book), proof: json(honest.proof) }));
    assert.ok(published.includes('proof-differs'), String(published));
    const noted = await run({ book: inPieces(book), poolRoot: honest.parts.end.pool_root });
    assert.deepEqual([codesOf(noted), noted.exitCode], [['pool-root-noted'], 4]);
  });
}

test('checks the noted root against a book, and against a proof alone', async () => {
  const poolRoot = honest.parts.end.pool_root;
  const other = base64url(sha256('another root'));
  const book = written(honest.parts);
  const proof = json(honest.proof);
  const right = await run({ book: inPieces(book), poolRoot });
  assert.equal(right.ok, true);
  assert.match(right.checked.join('\n'), /The pool has the noted root/);
  assert.match(right.notProven.join('\n'), /When the pool root was noted/);
  assert.match((await runBook(book)).notProven.join('\n'), /--pool-root/);
  assert.equal((await run({ proof, poolRoot })).ok, true);
  assert.deepEqual(codesOf(await run({ proof, poolRoot: other })), ['pool-root-noted']);
  for (const wrong of ['', 'x', `${poolRoot}A`, '!'.repeat(43), 'x'.repeat(1_000_000)]) {
    const report = await run({ book: inPieces(book), poolRoot: wrong });
    assert.deepEqual([codesOf(report), report.exitCode], [['malformed'], 2], wrong.slice(0, 50));
  }
});
