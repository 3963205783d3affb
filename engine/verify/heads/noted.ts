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

/** Which rules have the noted hash: those of the book or the proof, or those before a raise that the book states. */
export type NotedRules = 'same' | 'before a raise';

/** Undefined, with a finding, if no such rules have the noted hash. Throws Unreadable if that is not a hash. */
export function checkNotedRules(
  noted: string,
  { hash }: Rules,
  raises: readonly Raise[],
  findings: Findings,
): NotedRules | undefined {
  const bytes = bytesOf(noted, 'the noted hash of the rules');
  if (areEqual(bytes, hash)) return 'same';
  if (raises.some(raise => areEqual(bytes, raise.hashBefore) || areEqual(bytes, raise.hash)))
    return 'before a raise';
  findings.add(
    'rules-hash',
    `the rules have hash ${toBase64Url(hash)}, but ${noted} was noted: the rules or their monitors have changed since`,
  );
  return undefined;
}

function bytesOf(noted: string, what: string): Uint8Array {
  const bytes = fromBase64Url(noted, HASH_BYTES);
  if (bytes === undefined)
    throw new Unreadable('malformed', `${what} is ${shown(noted)}, not ${HASH_BYTES} bytes in base64url`);
  return bytes;
}
