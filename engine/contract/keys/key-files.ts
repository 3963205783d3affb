/**
 * Signing keys in a directory that only their owner can read.
 *
 * `<id>.key`: JSON `{"from":"<ISO instant>","private":"<PKCS#8 in base64>","use":"slices" or "books"}`.
 *
 * `<id>.revoked`: the instant from which on the key must no longer be trusted.
 *
 * Files are only ever added. Processes that sign read the directory again every few seconds, so a new key, or a revocation,
 * needs no restart.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isoOfMs } from '../api/instants.ts';
import { messageOf } from '../process/message-of.ts';
import {
  type KeyUse,
  keyUses,
  newPrivateKey,
  type SigningKey,
  signingKey,
  WrongKey,
} from './signing-keys.ts';

/** A key file, or its directory, is invalid; `message` names it and says what was expected. */
export class KeyFileError extends Error {}

const KEY_FILE = /^([0-9a-f]{16})\.key$/;
const OTHERS_READ = 0o077;
const OTHERS_WRITE = 0o022;

/** All keys in the directory, unordered. Throws KeyFileError. */
export function readKeys(directory: string): readonly SigningKey[] {
  const names = attempt(`cannot read directory ${directory}`, () => readdirSync(directory));
  requireMode(directory, OTHERS_WRITE, 'is writable by users other than its owner; chmod go-w');
  return names.flatMap(name => {
    const [, id] = KEY_FILE.exec(name) ?? [];
    return id === undefined ? [] : [readKey(directory, id)];
  });
}

/** Creates a key that signs from `fromMs` on. Throws KeyFileError. */
export function addKey(directory: string, use: KeyUse, fromMs: number): SigningKey {
  const pkcs8 = newPrivateKey();
  const key = signingKey(pkcs8, { use, fromMs, revokedMs: undefined });
  const text = JSON.stringify({ from: isoOfMs(fromMs), private: pkcs8, use });
  attempt(`cannot store key ${key.id} in ${directory}`, () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, `${key.id}.key`), `${text}\n`, { mode: 0o600, flag: 'wx' });
  });
  return key;
}

/** Marks a key as revoked from `atMs` on. Throws KeyFileError, also if it was revoked before. */
export function revokeKey(directory: string, id: string, atMs: number): void {
  const text = `${isoOfMs(atMs)}\n`;
  attempt(`cannot revoke key ${id}`, () =>
    writeFileSync(join(directory, `${id}.revoked`), text, { mode: 0o600, flag: 'wx' }),
  );
}

function readKey(directory: string, id: string): SigningKey {
  const file = join(directory, `${id}.key`);
  requireMode(file, OTHERS_READ, 'is readable by users other than its owner; chmod 600');
  const text = attempt(`cannot read key file ${file}`, () => readFileSync(file, 'utf8'));
  const {
    from,
    private: pkcs8,
    use,
  } = attempt(`key file ${file} is not JSON`, () => Object(JSON.parse(text)));
  const fromMs = typeof from === 'string' ? Date.parse(from) : Number.NaN;
  const known = keyUses.find(each => each === use);
  if (Number.isNaN(fromMs) || known === undefined || typeof pkcs8 !== 'string') {
    throw new KeyFileError(
      `invalid key file ${file}; expected {"from":"<ISO instant>","private":"<PKCS#8 in base64>","use":"${keyUses.join('" or "')}"}`,
    );
  }
  const revokedMs = readRevocation(directory, id);
  try {
    const key = signingKey(pkcs8, { use: known, fromMs, revokedMs });
    if (key.id !== id) throw new KeyFileError(`key file ${file} holds key ${key.id}`);
    return key;
  } catch (error) {
    if (error instanceof WrongKey) throw new KeyFileError(`key file ${file}: ${error.message}`);
    throw error;
  }
}

function readRevocation(directory: string, id: string): number | undefined {
  const file = join(directory, `${id}.revoked`);
  const text = attempt(`cannot read file ${file}`, () => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  });
  if (text === undefined) return undefined;
  const ms = Date.parse(text.trim());
  if (Number.isNaN(ms)) {
    throw new KeyFileError(`file ${file} has ${JSON.stringify(text.slice(0, 60))}; expected an ISO instant`);
  }
  return ms;
}

/** Windows has no such modes: there, the owner is responsible for who may read the directory. */
function requireMode(path: string, forbidden: number, fault: string): void {
  if (process.platform === 'win32') return;
  const { mode } = attempt(`cannot stat ${path}`, () => statSync(path));
  if ((mode & forbidden) !== 0) {
    throw new KeyFileError(`${path} has mode ${(mode & 0o777).toString(8)}: it ${fault}`);
  }
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    throw new KeyFileError(`${what}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
