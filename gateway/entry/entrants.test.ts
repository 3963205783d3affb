import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Entrants } from './entrants.ts';

/** How many of `count` users are remembered. */
function known(entrants: Entrants, campaignId: number, prefix: string, count: number): number {
  let found = 0;
  for (let number = 0; number < count; number++)
    if (entrants.has(campaignId, `${prefix}${number}`)) found += 1;
  return found;
}

test('remembers each user per campaign, and keeps the latest ones at capacity', () => {
  const entrants = new Entrants(1 << 16, () => 0.123_456_789);
  assert.equal(known(entrants, 7, 'u', 1_000), 0);
  for (let number = 0; number < 10_000; number++) entrants.note(7, `u${number}`);
  assert.ok(known(entrants, 7, 'u', 10_000) > 9_000, 'few share a slot with another');
  assert.equal(known(entrants, 8, 'u', 10_000), 0);
  assert.equal(known(entrants, 7, 'v', 10_000), 0);
  for (let number = 0; number < 1_000_000; number++) entrants.note(9, `w${number}`);
  assert.ok(known(entrants, 7, 'u', 10_000) < 10, 'old entrants are overwritten');
  for (let number = 0; number < 100; number++) entrants.note(7, `last${number}`);
  assert.ok(known(entrants, 7, 'last', 100) >= 99);
});
