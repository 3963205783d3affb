import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { isoMicrosecondsOf, isoOfMs, isoOfUs, isoOrNull } from './instants.ts';

test('shows an instant by the unit that it is given in', () => {
  equal(isoOfMs(1_900_000_000_001), '2030-03-17T17:46:40.001Z');
  equal(isoOrNull(1_900_000_000_001), '2030-03-17T17:46:40.001Z');
  equal(isoOrNull(0), '1970-01-01T00:00:00.000Z');
  equal(isoOfUs(1_900_000_000_001_999), '2030-03-17T17:46:40.001Z');
  equal(isoMicrosecondsOf(1_900_000_000_001_009), '2030-03-17T17:46:40.001009Z');
  equal(isoMicrosecondsOf(1_900_000_000_000_000), '2030-03-17T17:46:40.000000Z');
});

test('shows no instant as null', () => {
  equal(isoOrNull(null), null);
  equal(isoOrNull(undefined), null);
});
