import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HASH_BYTES, HASH_WORDS, isIncluded, leafHash, MerkleTree, treeBytes } from './merkle.ts';
import { Sha256Lanes } from './sha256-lanes.ts';

const hashOf = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** RFC 6962, section 2.1, to the letter: MTH over leaf hashes. */
function plainRoot(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves;
  if (first === undefined) return hashOf();
  if (leaves.length === 1) return first;
  const split = splitOf(leaves.length);
  return hashOf(Buffer.of(1), plainRoot(leaves.slice(0, split)), plainRoot(leaves.slice(split)));
}

/** Section 2.1.1: PATH(m, D[n]). */
function plainPath(leaf: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length === 1) return [];
  const split = splitOf(leaves.length);
  return leaf < split
    ? [...plainPath(leaf, leaves.slice(0, split)), plainRoot(leaves.slice(split))]
    : [...plainPath(leaf - split, leaves.slice(split)), plainRoot(leaves.slice(0, split))];
}

/** The largest power of two below `count`. */
function splitOf(count: number): number {
  let split = 1;
  while (2 * split < count) split *= 2;
  return split;
}

const MOST = 200;
const lanes = new Sha256Lanes(treeBytes(MOST));
const tree = new MerkleTree(lanes, MOST);

function leavesOf(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => leafHash(Buffer.from(`leaf ${index} of ${count}`)));
}

function build(leaves: readonly Buffer[]): void {
  for (const [index, leaf] of leaves.entries()) lanes.memory.set(leaf, tree.leafAt(index));
  tree.build(leaves.length);
}

test('a known tree: the leaves "a", "b", "c"', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(text => hashOf(Buffer.of(0), Buffer.from(text)));
  assert.ok(a && b && c);
  build([a, b, c]);
  assert.deepEqual(tree.root(), hashOf(Buffer.of(1), hashOf(Buffer.of(1), a, b), c));
  assert.deepEqual(tree.path(2), hashOf(Buffer.of(1), a, b));
});

test('root and every path match the recursive definition at every size, in reused memory', () => {
  for (const count of [MOST, ...Array.from({ length: 70 }, (_, index) => index + 1), 127, 128, 129, 1]) {
    const leaves = leavesOf(count);
    build(leaves);
    const root = tree.root();
    assert.deepEqual(root, plainRoot(leaves), `root of ${count}`);
    for (const [leaf, hash] of leaves.entries()) {
      const path = Buffer.concat(plainPath(leaf, leaves));
      assert.deepEqual(tree.path(leaf), path, `path of ${leaf} in ${count}`);
      assert.ok(isIncluded(hash, { leaf, count }, path, root));
    }
  }
});

test('a path read in parts is the same path', () => {
  const leaves = leavesOf(77);
  build(leaves);
  for (let leaf = 0; leaf < leaves.length; leaf++) {
    const parts = new Int32Array(8 * HASH_WORDS);
    let end = 0;
    for (let level = 0; level < 9; level += 3) end = tree.writePath(leaf, level, level + 3, parts, end);
    assert.deepEqual(Buffer.from(parts.buffer, 0, 4 * end), tree.path(leaf));
  }
});

test('rejects another leaf, index, count, path or root', () => {
  const count = 13;
  const leaves = leavesOf(count);
  build(leaves);
  const root = tree.root();
  const [hash, other] = leaves;
  assert.ok(hash && other);
  const path = tree.path(0);
  assert.ok(isIncluded(hash, { leaf: 0, count }, path, root));
  assert.ok(!isIncluded(other, { leaf: 0, count }, path, root));
  assert.ok(!isIncluded(hash, { leaf: 1, count }, path, root));
  for (const wrong of [-1, count, 0.5]) assert.ok(!isIncluded(hash, { leaf: wrong, count }, path, root));
  assert.ok(!isIncluded(hash, { leaf: 0, count: 1 }, path, root));
  assert.ok(!isIncluded(hash, { leaf: 0, count }, path.subarray(1), root));
  assert.ok(!isIncluded(hash, { leaf: 0, count }, path.subarray(HASH_BYTES), root));
  assert.ok(!isIncluded(hash, { leaf: 0, count }, Buffer.concat([path, hash]), root));
  for (let at = 0; at < path.length; at++) {
    const changed = Buffer.from(path);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.ok(!isIncluded(hash, { leaf: 0, count }, changed, root), `byte ${at}`);
  }
  assert.ok(!isIncluded(hash, { leaf: 0, count }, path, hash));
});

test('rejects a tree beyond its capacity', () => {
  for (const count of [0, MOST + 1]) assert.throws(() => tree.build(count), RangeError);
});
