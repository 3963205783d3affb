/** What a monitor can find. Programs rely on the words of `kind`: add words, never rename one. */

export const findingKinds = {
  /**
   * Two slices where only one is possible: in one place of a chain, or continuing the same slice; or one that continues
   * nothing shown.
   */
  fork: 'order',
  /** A chain continues from before its last slice, or a head shown before is no longer shown. */
  rewind: 'order',
  /** A slice within what was said to be complete: inserted later, possibly by an incarnation not seen before. */
  late: 'order',
  /** A head that no known key has signed. */
  signature: 'signature',
  /** A key whose description has changed, or that signed while it was not valid. */
  keys: 'signature',
} as const;
export type MonitorFindingKind = keyof typeof findingKinds;

export interface MonitorFinding {
  readonly kind: MonitorFindingKind;
  readonly message: string;
  /** The signed heads that prove it, in base64url. */
  readonly heads: readonly string[];
}

/** Same as those of `verify`: a problem with signatures undermines all other findings, so it has the smallest code. */
export const exitCodes = { nothing: 0, usage: 1, signature: 3, order: 4, internal: 70 } as const;

export function exitCodeOf(kinds: Iterable<MonitorFindingKind>): number {
  const found = [...kinds].map(kind => exitCodes[findingKinds[kind]]);
  return found.length === 0 ? exitCodes.nothing : Math.min(...found);
}
