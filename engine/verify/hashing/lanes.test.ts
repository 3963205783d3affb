import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodePrimitives } from '../node.ts';
import { hmac as plainHmac, sha256, treePath, treeRoot, u32 } from '../testing/basics.ts';
import { hkdf32, hmac } from './hmac.ts';
import { BLOCK_BYTES, FREE_AT, HASH_BYTES, INITIAL_STATE, LANES, Lanes, pad } from './lanes.ts';
import { emptyRoot, rootByPath, TREE_BYTES, TreeHasher } from './merkle.ts';

const ways = {
  webassembly: new Lanes(TREE_BYTES + 64 * 1024, nodePrimitives),
  javascript: new Lanes(TREE_BYTES + 64 * 1024, nodePrimitives, 'webassembly'),
};

test('Node has WebAssembly SIMD, and the fallback can be forced', () => {
  assert.equal(ways.webassembly.isWebAssembly, true);
  assert.equal(ways.javascript.isWebAssembly, false);
});

for (const [name, lanes] of Object.entries(ways)) {
  test(`hashes four messages at once, at every length up to four blocks: ${name}`, () => {
    const STRIDE = 5 * BLOCK_BYTES;
    const out = FREE_AT + LANES * STRIDE;
    for (let length = 0; length < 4 * BLOCK_BYTES; length++) {
      const messages = Array.from({ length: LANES }, (_, lane) =>
        Buffer.alloc(length, (length * 7 + lane * 31) & 0xff),
      );
      messages.forEach((message, lane) => {
        lanes.bytes.set(message, FREE_AT + lane * STRIDE);
        pad(lanes.bytes, FREE_AT + lane * STRIDE, length, 0);
      });
      lanes.run(INITIAL_STATE, FREE_AT, STRIDE, Math.ceil((length + 9) / BLOCK_BYTES), out, HASH_BYTES);
      messages.forEach((message, lane) => {
        const digest = lanes.bytes.slice(out + lane * HASH_BYTES, out + (lane + 1) * HASH_BYTES);
        assert.deepEqual(Buffer.from(digest), sha256(message), `${length} bytes in lane ${lane}`);
      });
    }
  });

  test(`roots match RFC 6962, also across pieces: ${name}`, () => {
    const trees = new TreeHasher(lanes);
    const leaves = Array.from({ length: 2100 }, (_, index) => sha256('leaf', u32(index)));
    for (const count of [
      1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 17, 100, 1023, 1024, 1025, 1026, 2047, 2048, 2049, 2100,
    ]) {
      const root = trees.root(count, (from, size) => {
        lanes.bytes.set(Buffer.concat(leaves.slice(from, from + size)), FREE_AT);
      });
      assert.deepEqual(Buffer.from(root), treeRoot(leaves.slice(0, count)), `${count} leaves`);
    }
  });
}

test('ignores lanes that disagree with the platform', () => {
  const wrong = { sha256: (message: Uint8Array) => nodePrimitives.sha256(message).map(byte => byte ^ 1) };
  assert.throws(() => new Lanes(TREE_BYTES, wrong), /hash implementations disagree/);
});

test('the root of nothing is the hash of nothing', () => {
  assert.deepEqual(Buffer.from(emptyRoot(nodePrimitives)), treeRoot([]));
});

test('a path leads from its leaf to the root, and from no other index', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (count, at, elsewhere) => {
      const leaves = Array.from({ length: count }, (_, index) => sha256(u32(index)));
      const index = at % count;
      const leaf = leaves[index] ?? Buffer.alloc(0);
      const path = Buffer.concat(treePath(index, leaves));
      const root = rootByPath(leaf, index, count, path, nodePrimitives);
      assert.deepEqual(root && Buffer.from(root), treeRoot(leaves));
      const other = elsewhere % (count + 3);
      if (other === index) return;
      const wrong = rootByPath(leaf, other, count, path, nodePrimitives);
      assert.notDeepEqual(wrong && Buffer.from(wrong), treeRoot(leaves));
    }),
    { seed: 20260731 },
  );
  assert.equal(rootByPath(sha256('a'), 0, 2, Buffer.alloc(31), nodePrimitives), undefined);
  assert.equal(rootByPath(sha256('a'), 0, 1, Buffer.alloc(32), nodePrimitives), undefined);
});

test('HMAC and HKDF match the RFCs', () => {
  for (const length of [0, 1, 32, 64, 65, 200]) {
    const [key, message] = [Buffer.alloc(length, 7), Buffer.from('what is said')];
    assert.deepEqual(Buffer.from(hmac(key, message, nodePrimitives)), plainHmac(key, message));
  }
  // RFC 5869, A.1, its first 32 bytes.
  const okm = hkdf32(
    Buffer.alloc(22, 0x0b),
    Buffer.from('000102030405060708090a0b0c', 'hex'),
    Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex'),
    nodePrimitives,
  );
  const expected = '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf';
  assert.equal(Buffer.from(okm).toString('hex'), expected);
});
