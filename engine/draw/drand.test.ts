import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { isSignatureOf, randomnessOf, roundAt, roundOfFreeze, roundTimeMs } from './drand.ts';
import { quicknet, quicknetRound } from './quicknet.ts';

const signature = Buffer.from(quicknetRound.signature, 'hex');

test('verifies a real round of quicknet, with the published randomness', () => {
  ok(isSignatureOf(quicknet, quicknetRound.round, signature));
  equal(randomnessOf(signature).toString('hex'), quicknetRound.randomness);
});

test('rejects the signature of another round', () => {
  for (const round of [999, 1001, 0, -1, 1.5, 2 ** 53]) ok(!isSignatureOf(quicknet, round, signature));
});

test('rejects a signature with any flipped bit or another length', () => {
  for (let bit = 0; bit < 8 * signature.length; bit += 7) {
    const bytes = Buffer.from(signature);
    bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    ok(!isSignatureOf(quicknet, quicknetRound.round, bytes), `bit ${bit}`);
  }
  for (const bytes of [signature.subarray(1), Buffer.concat([signature, Buffer.alloc(1)]), Buffer.alloc(0)]) {
    ok(!isSignatureOf(quicknet, quicknetRound.round, bytes));
  }
  // The point at infinity, which is a valid signature of everything for a key of zero.
  const infinity = Buffer.alloc(48);
  infinity[0] = 0xc0;
  ok(!isSignatureOf(quicknet, quicknetRound.round, infinity));
});

test('rejects the signature under another key', () => {
  const generator =
    '93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e' +
    '024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8';
  ok(!isSignatureOf({ ...quicknet, publicKey: generator }, quicknetRound.round, signature));
});

test('computes rounds and their times', () => {
  const genesisMs = quicknet.genesisUnixSeconds * 1000;
  equal(roundTimeMs(quicknet, 1), genesisMs);
  equal(roundTimeMs(quicknet, 1000), genesisMs + 999 * 3000);
  for (const [afterMs, round] of [
    [-1e9, 1],
    [0, 1],
    [1, 2],
    [3000, 2],
    [3001, 3],
  ] as const) {
    equal(roundAt(quicknet, genesisMs + afterMs), round, `${afterMs} ms`);
  }
  for (const instantMs of [genesisMs + 123_456_789, Date.UTC(2199, 11, 31)]) {
    const round = roundAt(quicknet, instantMs);
    ok(roundTimeMs(quicknet, round) >= instantMs && roundTimeMs(quicknet, round - 1) < instantMs);
  }
});

test('a freeze before the announced round keeps it, and a later freeze uses a round still unknown then', () => {
  const dueMs = roundTimeMs(quicknet, 1_000);
  const announced = { round: 1_000, closesAtMs: dueMs - 31_000 };
  for (const earlierMs of [31_000, 1]) {
    equal(roundOfFreeze(quicknet, announced, dueMs - earlierMs), 1_000);
  }
  for (const laterMs of [0, 1, 2_999, 3_000, 86_400_000]) {
    const round = roundOfFreeze(quicknet, announced, dueMs + laterMs);
    const aheadMs = roundTimeMs(quicknet, round) - (dueMs + laterMs);
    ok(aheadMs >= 31_000 && aheadMs < 34_000, `${laterMs} ms late: ${aheadMs} ms ahead`);
  }
});

test('replaces an announced round that was already known at the freeze, even one due by the close', () => {
  const dueMs = roundTimeMs(quicknet, 1_000);
  for (const closesAtMs of [dueMs, dueMs + 60_000]) {
    const frozenAtMs = closesAtMs + 500;
    const round = roundOfFreeze(quicknet, { round: 1_000, closesAtMs }, frozenAtMs);
    ok(roundTimeMs(quicknet, round) >= frozenAtMs + 3_000);
  }
});
