import { deepEqual, equal, notDeepEqual, throws } from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { commitmentOf, deriveSecret } from './commit.ts';
import { quicknet, quicknetRound } from './quicknet.ts';
import { RevealRefused, randomnessFrom } from './reveal.ts';
import type { AnnouncedRandomness } from './rules.ts';

const DRAW_SECRET = 'a secret of draws that is long enough';
const nonce = Buffer.alloc(32, 9);
const secret = deriveSecret(DRAW_SECRET, 7, nonce);
const announcedCommit: AnnouncedRandomness = {
  source: 'commit',
  commitment: commitmentOf(secret).toString('base64url'),
};
const announcedDrand: AnnouncedRandomness = {
  source: 'drand',
  chain_hash: quicknet.chainHash,
  round: quicknetRound.round,
};
const signature = Buffer.from(quicknetRound.signature, 'hex');

test('derives a secret as its header says, for one campaign and one nonce', () => {
  const message = Buffer.concat([Buffer.from('fairline draw secret 1'), Buffer.of(0, 0, 0, 7), nonce]);
  deepEqual(secret, createHmac('sha256', DRAW_SECRET).update(message).digest());
  const expected = createHash('sha256').update('fairline commit 1').update(secret).digest();
  deepEqual(commitmentOf(secret), expected);
  notDeepEqual(deriveSecret(DRAW_SECRET, 8, nonce), secret);
  notDeepEqual(deriveSecret(DRAW_SECRET, 7, Buffer.alloc(32)), secret);
});

test('the committed secret is the randomness', () => {
  deepEqual(randomnessFrom(announcedCommit, { source: 'commit', secret }), secret);
});

test("the hash of the announced round's signature is the randomness", () => {
  const randomness = randomnessFrom(announcedDrand, {
    source: 'drand',
    round: quicknetRound.round,
    signature,
  });
  equal(randomness.toString('hex'), quicknetRound.randomness);
});

test('rejects the secret of another campaign, nonce or length', () => {
  for (const other of [
    deriveSecret(DRAW_SECRET, 8, nonce),
    deriveSecret(DRAW_SECRET, 7, Buffer.alloc(32)),
    deriveSecret('another secret that is long enough', 7, nonce),
    secret.subarray(1),
    Buffer.alloc(0),
  ]) {
    throws(() => randomnessFrom(announcedCommit, { source: 'commit', secret: other }), RevealRefused);
  }
});

test('rejects another round, a forged one, and one of another chain', () => {
  const given = { source: 'drand', round: quicknetRound.round, signature } as const;
  const other = { ...announcedDrand, round: 1001 };
  throws(() => randomnessFrom(other, given), /the round is 1000, but 1001 was announced/);
  throws(() => randomnessFrom(other, { ...given, round: 1001 }), /not quicknet's signature of round 1001/);
  const forged = Buffer.from(signature);
  forged.writeUInt8(forged.readUInt8(40) ^ 1, 40);
  throws(() => randomnessFrom(announcedDrand, { ...given, signature: forged }), RevealRefused);
  const elsewhere = { ...announcedDrand, chain_hash: '00'.repeat(32) };
  throws(() => randomnessFrom(elsewhere, given), /is not quicknet/);
});

test('one source cannot replace the other', () => {
  throws(
    () => randomnessFrom(announcedDrand, { source: 'commit', secret }),
    /commit was revealed, but drand/,
  );
  throws(
    () => randomnessFrom(announcedCommit, { source: 'drand', round: 1000, signature }),
    /drand was revealed, but commit/,
  );
});
