/** Adding a key to SIGNING_KEYS_DIR, which takes over once every process knows it. */
import { addKey, KeyFileError, readKeys } from './key-files.ts';
import { LOOK_AGAIN_MS } from './key-ring.ts';
import {
  inOrder,
  type KeyUse,
  MOST_LISTED_KEYS,
  publicKeys,
  RECEIPT_USES,
  type SigningKey,
} from './signing-keys.ts';

/** By then every process has read the directory several times. */
const TAKES_OVER_MS = 5 * LOOK_AGAIN_MS;

export interface RotationOptions {
  readonly nowMs: number;
  /** Whether processes have a key from SIGNING_KEY. */
  readonly isGiven: boolean;
  readonly most?: number;
}

/**
 * Creates a key, which signs at once if no process has another one for this use, and else a little later. Throws KeyFileError, also
 * if there are so many keys that no process would start with one more.
 */
export function rotateKey(
  directory: string,
  use: KeyUse,
  { nowMs, isGiven, most = MOST_LISTED_KEYS }: RotationOptions,
): SigningKey {
  const keys = keysIn(directory);
  const listed = publicKeys(keys).length;
  // SIGNING_KEY counts for each use, and may be set where this is not.
  const room = most - RECEIPT_USES.length;
  if (RECEIPT_USES.some(each => each === use) && listed >= room)
    throw new KeyFileError(
      `${directory} has ${listed} keys for slices and books, and a verifier reads ${most}, with two for SIGNING_KEY: rotate less often, and remove the files of keys that have signed nothing`,
    );
  const isFirst = !isGiven && inOrder(keys, use).length === 0;
  return addKey(directory, use, isFirst ? nowMs : nowMs + TAKES_OVER_MS);
}

/** None if there is no such directory yet. */
function keysIn(directory: string): readonly SigningKey[] {
  try {
    return readKeys(directory);
  } catch (error) {
    if (error instanceof KeyFileError && isMissing(error.cause)) return [];
    throw error;
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}
