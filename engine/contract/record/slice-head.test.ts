import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import {
  chainHash,
  decodeSignedHead,
  NO_PREVIOUS,
  SIGNED_HEAD_BYTES,
  type SliceHead,
  signSliceHead,
  WrongSliceHead,
} from './slice-head.ts';

/** The first test vector of RFC 8032, section 7.1, as PKCS#8 (RFC 8410). */
const PRIVATE = createPrivateKey({
  key: Buffer.from(
    '302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'hex',
  ),
  format: 'der',
  type: 'pkcs8',
});
const PUBLIC = createPublicKey(PRIVATE);
const KEY_ID = Buffer.from('0102030405060708', 'hex');
const head: SliceHead = {
  gateway: 1_023,
  count: 3,
  incarnation: 2 ** 53 - 1,
  sliceNumber: 5,
  firstUs: 1_893_456_000_000_001,
  lastUs: 1_893_456_000_000_999,
  root: Buffer.alloc(32, 0xaa),
  previous: NO_PREVIOUS,
};

test('the signed bytes, assembled manually, with a signature that anybody can verify', () => {
  const bytes = signSliceHead(head, KEY_ID, PRIVATE);
  assert.equal(bytes.length, SIGNED_HEAD_BYTES);
  const fields = [
    Buffer.from('fairline slice 1').toString('hex'),
    ...['03ff', '0000', '00000003', '001fffffffffffff', '0000000000000005'],
    ...['0006ba1694472001', '0006ba16944723e7', 'aa'.repeat(32), '00'.repeat(32), KEY_ID.toString('hex')],
  ].join('');
  assert.equal(bytes.toString('hex', 0, 128), fields);
  assert.ok(verify(null, bytes.subarray(0, 120), PUBLIC, bytes.subarray(128)));
});

test('parses what is signed, and the next head refers to it', () => {
  const first = signSliceHead(head, KEY_ID, PRIVATE);
  const previous = chainHash(first);
  const hash = createHash('sha256')
    .update(Buffer.concat([first.subarray(0, 120), first.subarray(128)]))
    .digest();
  assert.deepEqual(previous, hash);
  const second = decodeSignedHead(signSliceHead({ ...head, sliceNumber: 9, previous }, KEY_ID, PRIVATE));
  const { keyId, signature, ...rest } = second;
  assert.deepEqual(rest, { ...head, sliceNumber: 9, root: Buffer.alloc(32, 0xaa), previous });
  assert.deepEqual(keyId, KEY_ID);
  assert.equal(signature.length, 64);
});

test('reports why a head is invalid', () => {
  const bytes = signSliceHead(head, KEY_ID, PRIVATE);
  const changed = (at: number, value: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = value;
    return copy;
  };
  const cases: readonly [Buffer, RegExp][] = [
    [bytes.subarray(1), /has 192 bytes, not 191/],
    [changed(0, 0x47), /starts with "Gairline slice 1"/],
    [changed(16, 4), /the gateway is/],
    [changed(19, 1), /the gateway is/],
    [changed(24, 1), /the incarnation is/],
    [changed(48, 1), /the last instant is/],
  ];
  for (const [wrong, message] of cases) {
    assert.throws(
      () => decodeSignedHead(wrong),
      (error: unknown) => {
        assert.ok(error instanceof WrongSliceHead);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});
