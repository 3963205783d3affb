/**
 * Keys that sign slices, books and passes to shops: Ed25519 (RFC 8032) through node:crypto.
 *
 * Of the keys of one use, sorted by `from`, each one signs from its own `from` until the next one's. An older key does not take
 * over from a revoked one, so nothing is signed until there is another key. Old keys stay listed: their signatures must remain
 * verifiable forever.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import type { Static } from 'typebox';
import Type from 'typebox';
import { isoOfMs, isoOrNull } from '../api/instants.ts';
import { KEY_ID_BYTES } from '../record/slice-head.ts';

export const keyUses = ['slices', 'books', 'passes'] as const;
export type KeyUse = (typeof keyUses)[number];
/** Uses whose signatures are verified forever. Keys for passes are published as a JWKS, to the shops that check them. */
export const RECEIPT_USES = ['slices', 'books'] as const;

/**
 * Keys for slices and books together. A verifier reads no longer list unless told otherwise (engine/verify/limits.ts), and each book
 * has all of them. A rotation of both each day reaches it in five years.
 */
export const MOST_LISTED_KEYS = 4_096;

export interface SigningKey {
  /** The first 8 bytes of H(raw public key), as they appear in signed data, and as hexadecimal digits. */
  readonly keyId: Buffer;
  readonly id: string;
  /** The raw public key, 32 bytes. */
  readonly publicBytes: Buffer;
  readonly privateKey: KeyObject;
  readonly use: KeyUse;
  readonly fromMs: number;
  readonly revokedMs: number | undefined;
}

const Instant = Type.String({ format: 'date-time' });

/** The public part of a key. */
export const PublicKey = Type.Object(
  {
    id: Type.String({ description: 'The first 8 bytes of SHA-256(public), in hexadecimal digits' }),
    public: Type.String({ description: 'The raw Ed25519 public key, 32 bytes in base64url' }),
    from: Instant,
    until: Type.Union([Instant, Type.Null()], { description: 'When the next key takes or took over' }),
    revoked: Type.Union([Instant, Type.Null()], {
      description: 'From then on, trust a signature of this key only if it is known to be older',
    }),
    use: Type.Union([Type.Literal('slices'), Type.Literal('books')]),
  },
  { additionalProperties: false },
);
export type PublicKey = Static<typeof PublicKey>;

/** The input is not an Ed25519 private key in PKCS#8. */
export class WrongKey extends Error {}

/** A new private key: PKCS#8 in base64. */
export function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
}

/** Reads a key from PKCS#8 in base64. Throws WrongKey, without the key in its message. */
export function signingKey(
  pkcs8: string,
  { use, fromMs, revokedMs }: Pick<SigningKey, 'use' | 'fromMs' | 'revokedMs'>,
): SigningKey {
  const privateKey = readPrivateKey(pkcs8);
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicBytes = Buffer.from(x, 'base64url');
  const keyId = createHash('sha256').update(publicBytes).digest().subarray(0, KEY_ID_BYTES);
  return { keyId, id: keyId.toString('hex'), publicBytes, privateKey, use, fromMs, revokedMs };
}

function readPrivateKey(pkcs8: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey({ key: Buffer.from(pkcs8, 'base64'), format: 'der', type: 'pkcs8' });
  } catch {
    key = undefined;
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new WrongKey('not an Ed25519 private key in PKCS#8, base64');
  }
  return key;
}

/** The key that signs at an instant, of keys of one use in the order of `from`; undefined if there is none. */
export function keyAt(keys: readonly SigningKey[], nowMs: number): SigningKey | undefined {
  const last = keys.findLast(({ fromMs }) => fromMs <= nowMs);
  return last?.revokedMs !== undefined && last.revokedMs <= nowMs ? undefined : last;
}

/** Keys of one use, in the order in which they take over from each other. */
export function inOrder(keys: readonly SigningKey[], use: KeyUse): readonly SigningKey[] {
  return keys
    .filter(key => key.use === use)
    .sort((a, b) => a.fromMs - b.fromMs || Buffer.compare(a.keyId, b.keyId));
}

/** The public description of the keys for slices and books. */
export function publicKeys(keys: readonly SigningKey[]): readonly PublicKey[] {
  return RECEIPT_USES.flatMap(use => describeKeys(keys, use));
}

/** The description of the keys of one use. */
export function describeKeys<U extends KeyUse>(
  keys: readonly SigningKey[],
  use: U,
): readonly (Omit<PublicKey, 'use'> & { readonly use: U })[] {
  return inOrder(keys, use).map((key, index, all) => ({
    id: key.id,
    public: key.publicBytes.toString('base64url'),
    from: isoOfMs(key.fromMs),
    until: isoOrNull(all[index + 1]?.fromMs),
    revoked: isoOrNull(key.revokedMs),
    use,
  }));
}
