/**
 * Secrets and signing keys that nobody configured: created once, and stored beside the private stack in files that only their
 * owner can read.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../process/config.ts';
import { isToken } from './bearer-tokens.ts';
import { addKey, readKeys } from './key-files.ts';
import { keyUses } from './signing-keys.ts';

const keptSecrets = [
  'TICKET_SECRET',
  'OPERATOR_TOKEN',
  'SHOP_TOKEN',
  'RECEIPT_SALT_SECRET',
  'DRAW_SECRET',
  'ACCOUNTS_SECRET',
  'OPERATOR_SECRET',
] as const;

/** Below the private stack's directory: the token of this machine (stack/machine-token.ts). */
export const MACHINE_TOKEN_FILE = 'operator-token';
/** Of OPERATOR_TOKEN, which makes that token. */
const OPERATOR_SECRET_FILE = 'operator-environment-token';

/** Below the private stack's directory. */
export const KEYS_DIRECTORY = 'keys';

/** Every secret, as returned by `secretFor`. */
export function secretsFor(dir: string, env: Environment): Record<(typeof keptSecrets)[number], string> {
  const [ticket, operator, shop, salt, draw, accounts, sealing] = keptSecrets;
  return {
    [ticket]: secretFor(ticket, dir, env),
    [operator]: secretFor(operator, dir, env),
    [shop]: secretFor(shop, dir, env),
    [salt]: secretFor(salt, dir, env),
    [draw]: secretFor(draw, dir, env),
    [accounts]: secretFor(accounts, dir, env),
    [sealing]: secretFor(sealing, dir, env),
  };
}

/** The source of the signing keys: the environment, else `keys` in `dir`, created if it has none. */
export function signingKeysFor(
  dir: string,
  env: Environment,
): { readonly SIGNING_KEYS_DIR?: string; readonly SIGNING_KEY?: string } {
  const { SIGNING_KEYS_DIR: given = '', SIGNING_KEY: key = '' } = env;
  if (given !== '' || key !== '') return { SIGNING_KEYS_DIR: given, SIGNING_KEY: key };
  const directory = join(dir, KEYS_DIRECTORY);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const keys = readKeys(directory);
  for (const use of keyUses) {
    if (!keys.some(each => each.use === use)) addKey(directory, use, Date.now());
  }
  return { SIGNING_KEYS_DIR: directory };
}

/** The secret from the environment, else from its file in `dir`, else a new one that is stored there. */
export function secretFor(name: (typeof keptSecrets)[number], dir: string, env: Environment): string {
  const given = env[name];
  if (given !== undefined && given !== '') return given;
  const file = join(
    dir,
    name === 'OPERATOR_TOKEN' ? OPERATOR_SECRET_FILE : name.toLowerCase().replaceAll('_', '-'),
  );
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (name === 'OPERATOR_TOKEN') moveFormer(dir, file);
  try {
    // Exclusive: of two processes that start at once, one creates it and both read it.
    writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return readFileSync(file, 'utf8').trim();
}

/** Older starts kept OPERATOR_TOKEN where the token of this machine is now. */
function moveFormer(dir: string, file: string): void {
  const former = join(dir, MACHINE_TOKEN_FILE);
  if (existsSync(file) || !existsSync(former)) return;
  if (!isToken('operator', readFileSync(former, 'utf8').trim())) renameSync(former, file);
}
