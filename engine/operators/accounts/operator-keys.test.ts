import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword, verifyPassword } from '../../contract/passwords/hashing.ts';
import { OperatorKeys } from './operator-keys.ts';
import { NOBODYS_HASH } from './proofs.ts';

const keys = new OperatorKeys('a secret of the operators, for tests alone');
const plain = Buffer.from('12345678901234567890');

test('sealed bytes open for their purpose, under the same secret, unchanged', () => {
  const sealed = keys.seal(plain, 'totp Grace');
  assert.deepEqual(keys.open(sealed, 'totp Grace'), plain);
  assert.deepEqual(
    new OperatorKeys('a secret of the operators, for tests alone').open(sealed, 'totp Grace'),
    plain,
  );
  assert.equal(keys.open(sealed, 'totp Ada'), undefined);
  assert.equal(
    new OperatorKeys('another secret of the operators, for tests').open(sealed, 'totp Grace'),
    undefined,
  );
  for (let byte = 0; byte < sealed.length; byte++) {
    const changed = Buffer.from(sealed);
    changed[byte] = (changed[byte] ?? 0) ^ 1;
    assert.equal(keys.open(changed, 'totp Grace'), undefined, `byte ${byte}`);
  }
  for (const length of [0, 27, sealed.length - 1])
    assert.equal(keys.open(sealed.subarray(0, length), 'totp Grace'), undefined, `${length} bytes`);
  assert.notDeepEqual(keys.seal(plain, 'totp Grace'), sealed, 'each has a nonce of its own');
});

test('the hash of a code is one account’s, under one secret', () => {
  const hash = keys.hashCode(1, '0123456789ABCDEF');
  assert.deepEqual(hash, keys.hashCode(1, '0123456789ABCDEF'));
  for (const other of [
    keys.hashCode(2, '0123456789ABCDEF'),
    keys.hashCode(1, '0123456789ABCDEG'),
    new OperatorKeys('another secret of the operators, for tests').hashCode(1, '0123456789ABCDEF'),
  ])
    assert.notDeepEqual(other, hash);
});

test("nobody's hash takes as long as everybody's, and is of no password", async () => {
  const parameters = (hash: string): string => hash.split('$').slice(0, 4).join('$');
  assert.equal(parameters(NOBODYS_HASH), parameters(await hashPassword('x')));
  assert.equal(await verifyPassword(NOBODYS_HASH, ''), false);
});
