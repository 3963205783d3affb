/** What a monitor can find. The words of `kind` are for programs and never change: add, never rename. */

export const findingKinds = {
  /** Two slices where one can be: in one place of a chain, or continuing the same one; or one that continues nothing shown. */
  fork: 'order',
  /** A chain goes on from before where it was, or what was shown is shown no more. */
  rewind: 'order',
  /** A slice within what was said to be all: put in later, be it of an incarnation that nobody had seen. */
  late: 'order',
  /** A head that no known key has signed. */
  signature: 'signature',
  /** A key that is described otherwise than before, or that signed when it did not count. */
  keys: 'signature',
} as const;
export type MonitorFindingKind = keyof typeof findingKinds;

export interface MonitorFinding {
  readonly kind: MonitorFindingKind;
  readonly message: string;
  /** The signed heads that show it, in base64url. */
  readonly heads: readonly string[];
}

/** As those of `verify`: what is about signatures takes the ground from the rest. */
export const exitCodes = { nothing: 0, usage: 1, signature: 3, order: 4, internal: 70 } as const;

export function exitCodeOf(kinds: Iterable<MonitorFindingKind>): number {
  const found = [...kinds].map(kind => exitCodes[findingKinds[kind]]);
  return found.length === 0 ? exitCodes.nothing : Math.min(...found);
}
