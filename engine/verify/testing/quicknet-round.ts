/** A real round of drand's quicknet, as a relay gives it. */
export const quicknetRound = {
  chainHash: '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971',
  round: 1000,
  signature:
    'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39',
  randomness: 'fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd',
  /** When it became known: genesis 1692803367 and 999 periods of 3 s, us since the epoch. */
  knownUs: 1_692_806_364_000_000,
} as const;
