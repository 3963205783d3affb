/**
 * The only drand chain whose randomness is accepted, and the check of a round: quicknet of the League of Entropy, scheme
 * bls-unchained-g1-rfc9380. A round's signature is a BLS signature on G1 over H(round number, 8 bytes), its randomness
 * H(signature). No relay is contacted or trusted: the public key of the chain is part of this file.
 */
import type { Primitives } from '../primitives.ts';
import { areEqual, fromHex, u64 } from '../text/bytes.ts';

export const quicknet = {
  chainHash: '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971',
  publicKey:
    '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
  domain: 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_',
  periodSeconds: 3,
  genesisUnixSeconds: 1_692_803_367,
} as const;

const CHAIN_HASH_BYTES = 32;
const PUBLIC_KEY_BYTES = 96;
export const DRAND_SIGNATURE_BYTES = 48;

export function isQuicknet(chainHash: Uint8Array): boolean {
  const pinned = fromHex(quicknet.chainHash, CHAIN_HASH_BYTES);
  return pinned !== undefined && areEqual(chainHash, pinned);
}

/** When the round becomes known, us since the epoch. */
export function instantOfRound(round: number): number {
  return (quicknet.genesisUnixSeconds + (round - 1) * quicknet.periodSeconds) * 1e6;
}

/** The round that must be used after a freeze at this instant; all instants in us since the epoch. */
export function roundOfFreeze(announced: number, announcedCloseUs: number, frozenAtUs: number): number {
  const dueUs = instantOfRound(announced);
  if (frozenAtUs < dueUs) return announced;
  const periodUs = quicknet.periodSeconds * 1e6;
  const leastUs = frozenAtUs + Math.max(dueUs - announcedCloseUs, periodUs);
  return Math.max(1, Math.ceil((leastUs - quicknet.genesisUnixSeconds * 1e6) / periodUs) + 1);
}

/** Whether the chain made `signature` for `round`. The library is loaded once a book needs it. */
export async function verifyRound(
  round: number,
  signature: Uint8Array,
  { sha256 }: Pick<Primitives, 'sha256'>,
): Promise<boolean> {
  const publicKey = fromHex(quicknet.publicKey, PUBLIC_KEY_BYTES);
  if (publicKey === undefined) throw new Error('cannot read the pinned public key of quicknet');
  const { bls12_381 } = await import('@noble/curves/bls12-381.js');
  const bls = bls12_381.shortSignatures;
  const message = bls.hash(sha256(u64(round)), quicknet.domain);
  try {
    return bls.verify(signature, message, publicKey);
  } catch {
    // The bytes are not a point of the curve.
    return false;
  }
}
