import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeHead, type SignedHead } from '../receipts/head.ts';
import { signedHeadOf, signerOf } from '../testing/basics.ts';
import { HeadStore } from './head-store.ts';

/** More than one piece, and a table that has grown several times. */
const MANY = 40_000;
const signer = signerOf('slices');
const model = signedHeadOf(
  {
    ...{ gateway: 3, incarnation: 2 ** 40 + 5, sliceNumber: 1, firstUs: 10, lastUs: 20, count: 7 },
    ...{ root: Buffer.alloc(32, 1), previous: Buffer.alloc(32) },
  },
  signer,
);

function headOf(sliceNumber: number, change: (bytes: Buffer) => void = () => undefined): SignedHead {
  const bytes = Buffer.from(model);
  bytes.writeBigUInt64BE(BigInt(sliceNumber), 32);
  change(bytes);
  return decodeHead(bytes, 'a head');
}

const locationAt = (index: number) => ({ keeper: 1, page: Math.floor(index / 500), index: index % 500 });

test('every head is found by its slot, once, and nothing else is', () => {
  const store = new HeadStore();
  for (let index = 0; index < MANY; index++)
    assert.equal(store.add(headOf(3 * index), locationAt(index)), index);
  for (let index = 0; index < MANY; index += 7) {
    const head = headOf(3 * index);
    assert.equal(store.find(head), index);
    assert.ok(store.isSame(index, head));
    assert.equal(store.add(head, locationAt(0)), index);
    assert.equal(store.find(headOf(3 * index + 1)), undefined);
    assert.deepEqual(store.locationOf(index), locationAt(index));
    const { bytes } = store.head(index, 'a head');
    assert.deepEqual(Buffer.from(bytes), Buffer.from(head.bytes));
  }
  assert.equal(store.count, MANY);
  const numbers = { gateway: 3, incarnation: 2 ** 40 + 5, sliceNumber: 9, firstUs: 10, lastUs: 20, count: 7 };
  assert.deepEqual(store.numbers(3), numbers);
  for (const [at, bytes] of [
    [16, 2],
    [24, 8],
  ] as const) {
    const elsewhere = headOf(9, head => head.writeUIntBE(1, at + bytes - 1, 1));
    assert.equal(store.find(elsewhere), undefined);
  }
});

test('of several heads in one slot the first stands for it, and each is kept', () => {
  const store = new HeadStore();
  const [first, other, later] = [
    headOf(5),
    headOf(5, bytes => bytes.fill(2, 56, 88)),
    headOf(5, bytes => bytes.writeBigUInt64BE(11n, 40)),
  ];
  assert.deepEqual(
    [first, other, later, first].map((head, index) => store.add(head, locationAt(index))),
    [0, 1, 2, 0],
  );
  assert.deepEqual(
    [0, 1, 2].map(index => store.isFirst(index)),
    [true, false, false],
  );
  assert.equal(store.find(later), 0);
  assert.ok(store.isSame(1, other) && !store.isSame(0, other));
  // Both begin at the same instant, so they have one position; the third has another.
  assert.equal(store.findPosition(other), 0);
  assert.equal(store.findPosition(later), 2);
  assert.equal(store.findPosition(headOf(5, bytes => bytes.writeBigUInt64BE(12n, 40))), undefined);
  store.setFound(0);
  store.setFound(0);
  assert.deepEqual(
    [0, 1, 2].map(index => store.isFound(index)),
    [true, false, false],
  );
  assert.ok(store.isFirst(0));
});
