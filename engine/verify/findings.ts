/** All findings. Programs rely on codes and exit codes: add new ones, never rename one. */

/** What a finding is about, with the exit code of a run without findings of a lower code. */
export const exitCodes = { document: 2, signature: 3, order: 4, outcome: 5 } as const;
export type FindingKind = keyof typeof exitCodes;

export const EXIT_ALL_RIGHT = 0;
export const EXIT_USAGE = 1;

export const findingKinds = {
  // The document cannot be read, so its content is unknown.
  unreadable: 'document',
  truncated: 'document',
  'too-large': 'document',
  malformed: 'document',
  'not-canonical': 'document',
  'wrong-counts': 'document',
  // Who signed, and whether the signature is valid.
  'unknown-key': 'signature',
  'key-not-valid': 'signature',
  'key-revoked': 'signature',
  'key-conflict': 'signature',
  'slice-signature': 'signature',
  'book-signature': 'signature',
  'monitor-record': 'signature',
  'log-signature': 'signature',
  // Who is in the book, and in which order; or what is in the operator log.
  'slice-order': 'order',
  'slice-forked': 'order',
  'slice-chain': 'order',
  'slice-items': 'order',
  'slice-root': 'order',
  'slice-hidden': 'order',
  'chain-start': 'order',
  'chain-end': 'order',
  'epoch-missing': 'order',
  'incarnation-missing': 'order',
  'incarnation-unknown': 'order',
  'incarnation-twice': 'order',
  'entry-hidden': 'order',
  'entry-after-close': 'order',
  'slice-instant': 'order',
  'wrong-gateway': 'order',
  'stamp-order': 'order',
  'outside-window': 'order',
  'entered-twice': 'order',
  'pool-count': 'order',
  'pool-root': 'order',
  'pool-root-noted': 'order',
  'kept-head-missing': 'order',
  'kept-head-differs': 'order',
  'kept-head-late': 'order',
  'receipt-campaign': 'order',
  'receipt-gateway': 'order',
  'receipt-root': 'order',
  'receipt-slice-missing': 'order',
  'receipt-left-out': 'order',
  'receipt-differs': 'order',
  'log-row': 'order',
  'log-order': 'order',
  'log-head': 'order',
  'log-cut': 'order',
  // Whether the outcomes follow from the rules.
  'rules-hash': 'outcome',
  outcome: 'outcome',
  'withdrawal-missing': 'outcome',
  'withdrawal-ignored': 'outcome',
  claims: 'outcome',
  serial: 'outcome',
  'stock-raised': 'outcome',
  randomness: 'outcome',
  'drand-chain': 'outcome',
  'drand-round': 'outcome',
  'drand-signature': 'outcome',
  seed: 'outcome',
  'draw-key': 'outcome',
  'draw-order': 'outcome',
  'proof-differs': 'outcome',
} as const satisfies Readonly<Record<string, FindingKind>>;
export type FindingCode = keyof typeof findingKinds;

export interface Finding {
  readonly code: FindingCode;
  readonly kind: FindingKind;
  /** In plain words: what was found, where, and what was expected. */
  readonly message: string;
}

/** A document cannot be read any further; carries the finding that ends it. */
export class Unreadable extends Error {
  readonly code: FindingCode;
  constructor(code: FindingCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Enough to see what is wrong; a wholly fabricated book would have millions. */
const MOST_A_CODE = 20;

/** The findings so far. */
export class Findings {
  readonly #found: Finding[] = [];
  readonly #countByCode = new Map<FindingCode, number>();

  add(code: FindingCode, message: string): void {
    const count = (this.#countByCode.get(code) ?? 0) + 1;
    this.#countByCode.set(code, count);
    if (count <= MOST_A_CODE) this.#found.push({ code, kind: findingKinds[code], message });
  }

  /** Adds the finding that `error` carries; rethrows any other error, which is a fault of this program. */
  addUnreadable(error: unknown): void {
    if (!(error instanceof Unreadable)) throw error;
    this.add(error.code, error.message);
  }

  has(code: FindingCode): boolean {
    return this.#countByCode.has(code);
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /** At most MOST_A_CODE per code; the last one of a code then says how many more there were. */
  get all(): readonly Finding[] {
    const left = [...this.#countByCode].filter(([, count]) => count > MOST_A_CODE);
    return [
      ...this.#found,
      ...left.map(([code, count]) => ({
        code,
        kind: findingKinds[code],
        message: `and ${count - MOST_A_CODE} more of this kind`,
      })),
    ];
  }
}

/** The exit code for these findings: the smallest of their kinds, because an earlier kind undermines the later ones. */
export function exitCodeOf(findings: readonly Finding[]): number {
  return findings.length === 0 ? EXIT_ALL_RIGHT : Math.min(...findings.map(({ kind }) => exitCodes[kind]));
}

/** A value for a message: shortened, because it may be anything. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}
