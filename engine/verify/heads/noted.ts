/** Compares values that a user noted when the campaign showed them with those shown now. */
import type { Raise } from '../book/raises.ts';
import type { Rules } from '../draw/rules.ts';
import { type Findings, shown, Unreadable } from '../findings.ts';
import { HASH_BYTES } from '../hashing/lanes.ts';
import { areEqual, fromBase64Url, toBase64Url } from '../text/bytes.ts';

/** Adds a finding if the pool does not have the noted root. Throws Unreadable if that is not a root. */
export function checkNotedRoot(noted: string, root: Uint8Array, findings: Findings): void {
  if (areEqual(bytesOf(noted, 'the noted root of the pool'), root)) return;
  findings.add(
    'pool-root-noted',
    `the pool has root ${toBase64Url(root)}, but ${noted} was noted: its entrants, or their tickets, groups or exclusions, have changed since`,
  );
}

/**
 * Adds a finding if neither the rules nor those before a raise of the stock have the noted hash. Throws Unreadable if that is not
 * a hash.
 */
export function checkNotedRules(
  noted: string,
  { hash }: Rules,
  raises: readonly Raise[],
  findings: Findings,
): void {
  const bytes = bytesOf(noted, 'the noted hash of the rules');
  const announced = [hash, ...raises.flatMap(raise => [raise.hashBefore, raise.hash])];
  if (announced.some(each => areEqual(bytes, each))) return;
  findings.add(
    'rules-hash',
    `the rules have hash ${toBase64Url(hash)}, but ${noted} was noted: the rules or their monitors have changed since`,
  );
}

function bytesOf(noted: string, what: string): Uint8Array {
  const bytes = fromBase64Url(noted, HASH_BYTES);
  if (bytes === undefined)
    throw new Unreadable('malformed', `${what} is ${shown(noted)}, not ${HASH_BYTES} bytes in base64url`);
  return bytes;
}
