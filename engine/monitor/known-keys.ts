/**
 * The keys that slices are signed with, as first shown. A key may be ended or revoked later, and keys may be added; its bytes
 * and the beginning of its validity never change. If keys were given (`--keys`), no others count.
 */
import { Findings } from '../verify/findings.ts';
import { defaultLimits } from '../verify/limits.ts';
import { nodePrimitives } from '../verify/node.ts';
import { nameOf } from '../verify/receipts/head.ts';
import { type KeyRing, type PublicKey, readKeysDocument, Signers } from '../verify/receipts/keys.ts';
import { isoOf } from '../verify/receipts/leaf.ts';
import { toBase64Url } from '../verify/text/bytes.ts';
import type { ShownHead } from './chain-watch.ts';
import type { MonitorFinding } from './finding.ts';

export class KnownKeys {
  readonly isPinned: boolean;
  readonly #keys = new Map<string, PublicKey>();

  /** `kept`: keys of an earlier run, or the given ones. */
  constructor(kept: KeyRing | undefined, isPinned: boolean) {
    this.isPinned = isPinned;
    for (const [name, key] of kept ?? []) this.#keys.set(name, key);
  }

  /** Takes the keys that the service lists now; reports keys whose description has changed. */
  learn(listed: KeyRing): readonly MonitorFinding[] {
    const findings: MonitorFinding[] = [];
    for (const [name, key] of listed) {
      const known = this.#keys.get(name);
      if (known !== undefined && !isSame(known, key)) {
        findings.push({
          kind: 'keys',
          message: `the description of key ${key.id} of ${key.use} has changed`,
          heads: [],
        });
      } else if (known !== undefined || !this.isPinned) this.#keys.set(name, key);
    }
    return findings;
  }

  knows({ head }: ShownHead): boolean {
    return this.#keys.has(`slices ${head.keyId}`);
  }

  /**
   * Checks the signature of a head: `signature` if no known key has signed it, `keys` if the key was not valid then;
   * undefined if it is right.
   */
  async check({ head, text }: ShownHead): Promise<MonitorFinding | undefined> {
    const findings = new Findings();
    const signers = new Signers(this.#keys, new Map(), findings);
    const key = signers.keyFor(head.keyId, 'slices', head.lastUs, nameOf(head));
    if (key !== undefined && !(await nodePrimitives.verifyEd25519(key.bytes, head.signed, head.signature)))
      return {
        kind: 'signature',
        message: `${nameOf(head)} is not signed by its key ${head.keyId}`,
        heads: [text],
      };
    const [first] = findings.all;
    if (first === undefined) return undefined;
    return { kind: key === undefined ? 'signature' : 'keys', message: first.message, heads: [text] };
  }

  /** In the format of `GET /v1/keys`: for `--keys` of verify, and for the next run. */
  document(): string {
    const iso = (us: number | null): string | null => (us === null ? null : isoOf(us));
    const keys = [...this.#keys.values()].map(({ id, bytes, fromUs, untilUs, revokedUs, use }) => ({
      ...{
        id,
        public: toBase64Url(bytes),
        from: iso(fromUs),
        until: iso(untilUs),
        revoked: iso(revokedUs),
        use,
      },
    }));
    return `${JSON.stringify({ keys })}\n`;
  }
}

/** Throws Unreadable. */
export function readKeys(document: Uint8Array): KeyRing {
  return readKeysDocument(document, defaultLimits, nodePrimitives);
}

/** A revocation is final. */
function isSame(known: PublicKey, key: PublicKey): boolean {
  const isRevoked = known.revokedUs === null || known.revokedUs === key.revokedUs;
  return toBase64Url(known.bytes) === toBase64Url(key.bytes) && known.fromUs === key.fromUs && isRevoked;
}
