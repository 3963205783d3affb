import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { type Claimant, claimantText, parseClaimant } from './claimant.ts';

const all: readonly Claimant[] = [
  { state: 'waitlisted', waitlistPosition: 17 },
  {
    state: 'offered',
    serial: 3,
    code: 'P9E7-HC7X-DYNM-7DCQ',
    claimByUs: 1_900_000_000_000_000,
    outageUs: 0,
    isMoved: false,
  },
  {
    state: 'offered',
    serial: 3,
    code: 'P9E7-HC7X-DYNM-7DCQ',
    claimByUs: 1_900_000_000_000_000,
    outageUs: 2_000_000,
    isMoved: true,
  },
  { state: 'claimed', serial: 3, code: 'P9E7-HC7X-DYNM-7DCQ', endedUs: 1_900_000_000_000_001 },
  { state: 'lapsed', endedUs: 5 },
  { state: 'declined', endedUs: 6 },
  { state: 'left', endedUs: 7 },
];

test('parses what it formats, whatever the move', () => {
  for (const claimant of all) deepEqual(parseClaimant(claimantText(12, claimant)), claimant);
});

test('parses an absent claimant, and rejects anything no engine writes', () => {
  equal(parseClaimant(null), undefined);
  throws(() => parseClaimant('1:P9E7-HC7X-DYNM-7DCQ'), /malformed claimant/);
});
