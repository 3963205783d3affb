/** Valid books, changed and signed again, with the expected findings. */
import assert from 'node:assert/strict';
import type { EntryObject, Parts } from './made.ts';
import { makeBook } from './maker.ts';
import { codesAfter } from './run.ts';

export const coupon = makeBook({ kind: 'coupon', entries: 30, stock: 7 });
export const raffle = makeBook({ kind: 'raffle', entries: 30, tiers: [1, 3], alternates: 2 });
export const drand = makeBook({ kind: 'raffle', entries: 12, randomness: 'drand' });

/** The change, the book, and a code that must be among the findings. */
export type Change = readonly [
  name: string,
  made: typeof coupon,
  change: (parts: Parts) => void,
  codes: readonly string[],
];

export function entryWith(parts: Parts, outcome: string): EntryObject {
  const found = parts.entries.find(entry => entry.outcome === outcome);
  assert.ok(found, outcome);
  return found;
}

export function entryAt(parts: Parts, index: number): EntryObject {
  const found = parts.entries[index];
  assert.ok(found, String(index));
  return found;
}

export async function assertNamed(changes: readonly Change[]): Promise<void> {
  for (const [name, made, change, codes] of changes) {
    // Some changes cause further findings in later lines; the expected one must be among them.
    const found = await codesAfter(made, change);
    for (const code of codes) assert.ok(found.includes(code), `${name}: ${code} is not among ${found}`);
  }
}
