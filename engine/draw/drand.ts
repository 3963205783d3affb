/**
 * Randomness of drand: rounds that a group of independent parties signs together, each at a time that is known before,
 * with a value that nobody knows before. A raffle is drawn with the first round that lies DRAND_DELAY_S behind its close, or
 * with a later one where its pool was frozen too late for that: roundOfFreeze.
 *
 * A round counts only if its signature is the one the chain's key makes (BLS12-381 with signatures in G1, hashed to the
 * curve as in RFC 9380, section 8.8.1, over SHA-256 of the round as u64 big-endian); who brought it doesn't matter. There
 * is one such signature for a round, and one way to write it down, so there is one randomness: its SHA-256.
 *
 * What this does not prove: that fewer than the threshold of drand's members act together, for those could know a round
 * ahead; and that the pool was frozen when the round came. The signed slice heads show the latter.
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

/** A round as the rules announce it, and how far behind the announced close it lies. */
export interface AnnouncedRound {
  readonly round: number;
  readonly closesAtMs: number;
}

/**
 * The round that a raffle is drawn with: the announced one where the pool was frozen before that was due. A pool that was
 * frozen later could have been chosen by it, so then it is the first round that lies as far behind the freeze as the
 * announced one lies behind the announced close: one that nobody knew at the freeze.
 */
export function roundOfFreeze(chain: DrandChain, announced: AnnouncedRound, frozenAtMs: number): number {
  const dueMs = roundTimeMs(chain, announced.round);
  if (frozenAtMs < dueMs) return announced.round;
  // A round that was announced for no later than the close would be no later than the freeze, either.
  const leadMs = Math.max(dueMs - announced.closesAtMs, chain.periodSeconds * 1000);
  return roundAt(chain, frozenAtMs + leadMs);
}

/** Whether this is the chain's signature of the round. Takes some 30 ms. Never throws, whatever the bytes are. */
export function isSignatureOf(chain: DrandChain, round: number, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || !Number.isSafeInteger(round) || round < 1) return false;
  try {
    const point = shortSignatures.Signature.fromBytes(signature);
    // Another way to write the same point would be another randomness of the same round.
    if (!Buffer.from(shortSignatures.Signature.toBytes(point)).equals(signature)) return false;
    const key = bls12_381.G2.Point.fromHex(chain.publicKey);
    return shortSignatures.verify(point, shortSignatures.hash(messageOf(round), chain.dst), key);
  } catch {
    // Bytes that are no point of the curve, or not of its subgroup.
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
