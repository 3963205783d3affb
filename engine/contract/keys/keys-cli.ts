/**
 * `npm run keys -- list | rotate [slices|books|passes] | revoke <id>`: the signing keys in SIGNING_KEYS_DIR, or those of the
 * private stack if that is not set. Running gateways and engines that use the directory follow within seconds.
 */
import { join } from 'node:path';
import { isoOfMs } from '../api/instants.ts';
import { KeyFileError, readKeys, revokeKey } from './key-files.ts';
import { rotateKey } from './rotation.ts';
import { KEYS_DIRECTORY } from './secrets.ts';
import { describeKeys, inOrder, keyAt, keyUses } from './signing-keys.ts';

const USAGE = 'npm run keys -- list | rotate [slices|books|passes] | revoke <id>';
class UsageError extends Error {}

function list(directory: string): void {
  const keys = readKeys(directory);
  for (const { id, use, from, until, revoked } of keyUses.flatMap(each => describeKeys(keys, each))) {
    const ends = revoked === null ? (until === null ? '' : `  until ${until}`) : `  REVOKED ${revoked}`;
    process.stdout.write(`${id}  ${use.padEnd(6)}  from ${from}${ends}\n`);
  }
}

function rotate(directory: string, wanted: string): void {
  const use = keyUses.find(each => each === wanted);
  if (use === undefined) throw new UsageError(`${shown(wanted)} is not a use of a key; usage: ${USAGE}`);
  const key = rotateKey(directory, use, { nowMs: Date.now(), isGiven: Boolean(process.env.SIGNING_KEY) });
  process.stdout.write(`${key.id} signs ${use} from ${isoOfMs(key.fromMs)}\n`);
}

function revoke(directory: string, id: string): void {
  const keys = readKeys(directory);
  const key = keys.find(each => each.id === id);
  if (key === undefined) {
    const known = keys.map(each => each.id).join(', ') || 'none';
    throw new UsageError(`no key ${shown(id)} in ${directory}; expected one of: ${known}`);
  }
  const nowMs = Date.now();
  if (keyAt(inOrder(keys, key.use), nowMs) === key) {
    throw new UsageError(
      `${id} is the current key for ${key.use}; run \`npm run keys -- rotate ${key.use}\` first, and revoke it when the new key is in effect`,
    );
  }
  revokeKey(directory, id, nowMs);
  process.stdout.write(`${id} is revoked\n`);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

function main(): void {
  const directory =
    process.env.SIGNING_KEYS_DIR || join(import.meta.dirname, '../../../.stack', KEYS_DIRECTORY);
  const [command, argument, ...rest] = process.argv.slice(2);
  if (rest.length > 0) throw new UsageError(`unexpected argument ${shown(rest[0] ?? '')}; usage: ${USAGE}`);
  if (command === 'list' && argument === undefined) list(directory);
  else if (command === 'rotate') rotate(directory, argument ?? 'slices');
  else if (command === 'revoke' && argument !== undefined) revoke(directory, argument);
  else throw new UsageError(`unknown command ${shown(process.argv.slice(2).join(' '))}; usage: ${USAGE}`);
}

try {
  main();
} catch (error) {
  const isPlain = error instanceof KeyFileError || error instanceof UsageError;
  process.stderr.write(`${isPlain ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
