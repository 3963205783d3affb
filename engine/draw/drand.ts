/**
 * Randomness from drand: rounds that a group of independent parties signs together, each at a time that is known in advance,
 * with a value that is not. A raffle is drawn with the first round that lies DRAND_DELAY_S behind its close, or with a later
 * one if its pool was frozen too late for that: roundOfFreeze.
 *
 * A round counts only if its signature is the one that the chain's key makes (BLS12-381 with signatures in G1, hashed to the
 * curve as in RFC 9380, section 8.8.1, over SHA-256 of the round as u64 big-endian), whichever relay delivers it. There is one
 * such signature for a round, and one way to encode it, so there is one randomness: its SHA-256.
 *
 * What this does not prove: that fewer than the threshold of drand's members cooperate, for those could know a round in
 * advance; and that the pool was frozen when the round came. The signed slice heads show the latter.
 */
import { createHash } from 'node:crypto';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import type { DrandChain } from './quicknet.ts';

const { shortSignatures } = bls12_381;
const SIGNATURE_BYTES = 48;

/** The first round that is due at or after this instant (milliseconds since the epoch). */
export function roundAt(chain: DrandChain, instantMs: number): number {
  const sinceGenesisMs = instantMs - chain.genesisUnixSeconds * 1000;
  return Math.max(1, Math.ceil(sinceGenesisMs / (chain.periodSeconds * 1000)) + 1);
}

/** When a round is due, milliseconds since the epoch. */
export function roundTimeMs(chain: DrandChain, round: number): number {
  return (chain.genesisUnixSeconds + (round - 1) * chain.periodSeconds) * 1000;
}

/** A round as announced in the rules, and how far it lies behind the announced close. */
export interface AnnouncedRound {
  readonly round: number;
  readonly closesAtMs: number;
}

/**
 * The round that a raffle is drawn with: the announced one if the pool was frozen before that was due. A pool frozen later
 * could have been chosen by that round, so it gets the first round that lies as far behind the freeze as the announced one lies
 * behind the announced close: a round that nobody knew at the freeze.
 */
export function roundOfFreeze(chain: DrandChain, announced: AnnouncedRound, frozenAtMs: number): number {
  const dueMs = roundTimeMs(chain, announced.round);
  if (frozenAtMs < dueMs) return announced.round;
  // A round announced for the close or earlier would not come after the freeze either.
  const leadMs = Math.max(dueMs - announced.closesAtMs, chain.periodSeconds * 1000);
  return roundAt(chain, frozenAtMs + leadMs);
}

/** Whether this is the chain's signature of the round. Takes some 30 ms. Never throws, for any bytes. */
export function isSignatureOf(chain: DrandChain, round: number, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || !Number.isSafeInteger(round) || round < 1) return false;
  try {
    const point = shortSignatures.Signature.fromBytes(signature);
    // A second encoding of the same point would be a second randomness of the same round.
    if (!Buffer.from(shortSignatures.Signature.toBytes(point)).equals(signature)) return false;
    const key = bls12_381.G2.Point.fromHex(chain.publicKey);
    return shortSignatures.verify(point, shortSignatures.hash(messageOf(round), chain.dst), key);
  } catch {
    // The bytes are no point of the curve, or the point is not in its subgroup.
    return false;
  }
}

/** The randomness of a round, 32 bytes. */
export function randomnessOf(signature: Uint8Array): Buffer {
  return createHash('sha256').update(signature).digest();
}

function messageOf(round: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(round));
  return createHash('sha256').update(bytes).digest();
}
