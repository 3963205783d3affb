/**
 * drand's quicknet, pinned: nothing that a relay says about the chain is used. The League of Entropy published these parameters
 * with the chain in 2023 (docs.drand.love, "quicknet"); the chain hash is a hash over the others.
 *
 * With a wrong key every round would look forged, with a wrong period or genesis rounds would be due at other times than
 * announced. The round below is a real one, and a test verifies it.
 */

export interface DrandChain {
  /** 32 bytes in hex. */
  readonly chainHash: string;
  readonly schemeId: string;
  /** Domain separation tag of the hash to the curve (RFC 9380, section 8.10). */
  readonly dst: string;
  /** A point of G2, compressed, 96 bytes in hex. */
  readonly publicKey: string;
  readonly periodSeconds: number;
  /** When round 1 is due. */
  readonly genesisUnixSeconds: number;
}

export const quicknet: DrandChain = {
  chainHash: '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971',
  schemeId: 'bls-unchained-g1-rfc9380',
  dst: 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_',
  publicKey:
    '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
  periodSeconds: 3,
  genesisUnixSeconds: 1_692_803_367,
};

/** A real round of quicknet, for tests of relays. */
export const quicknetRound = {
  round: 1000,
  signature:
    'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39',
  randomness: 'fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd',
} as const;
