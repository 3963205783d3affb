/** The key that a monitor counter-signs with: created once in its directory, readable by its owner alone. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'monitor.key';
const OTHERS = 0o077;
const KEY_BYTES = 32;

export interface OwnKey {
  readonly privateKey: KeyObject;
  /** 32 bytes in base64url, for the announcement of a campaign. */
  readonly publicKey: string;
}

/** The directory is not as required; `message` says what was expected. */
export class DirectoryFault extends Error {}

/** Throws DirectoryFault if the key is readable by others, or is not an Ed25519 key. */
export function ownKey(directory: string): OwnKey {
  const file = join(directory, FILE);
  try {
    const { privateKey } = generateKeyPairSync('ed25519');
    const made = privateKey.export({ format: 'pem', type: 'pkcs8' });
    writeFileSync(file, made, { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  if (process.platform !== 'win32' && (statSync(file).mode & OTHERS) !== 0)
    throw new DirectoryFault(`${file} is readable by users other than its owner; expected mode 600`);
  try {
    const privateKey = createPrivateKey(readFileSync(file));
    if (privateKey.asymmetricKeyType !== 'ed25519')
      throw new Error(`its type is ${privateKey.asymmetricKeyType}`);
    const raw = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES);
    return { privateKey, publicKey: raw.toString('base64url') };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DirectoryFault(`${file} is not an Ed25519 private key: ${why}`);
  }
}
