import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { WorkSharing } from './work-sharing.ts';

const FIRST = { campaignId: 1, progress: 5 };
const OTHER = { campaignId: 2, progress: 9 };

/** An engine whose step on the first campaign found nothing to do, at 0 ms. */
function leftFirst(): WorkSharing {
  const sharing = new WorkSharing();
  sharing.note(FIRST.campaignId, true, 0);
  sharing.note(OTHER.campaignId, false, 0);
  return sharing;
}

test('a campaign whose step found nothing to do is left to others, and those that were worked on are not', () => {
  deepEqual(leftFirst().choose([FIRST, OTHER], 1), [OTHER]);
});

test('one that is due and stays untouched is taken again', () => {
  const sharing = leftFirst();
  sharing.choose([FIRST], 100);
  deepEqual(sharing.choose([FIRST], 499), []);
  deepEqual(sharing.choose([FIRST], 500), [FIRST]);
  sharing.note(FIRST.campaignId, false, 510);
  deepEqual(sharing.choose([{ ...FIRST, progress: 6 }], 520), [{ ...FIRST, progress: 6 }]);
});

test('one that others go on with is left to them, however long', () => {
  const sharing = leftFirst();
  for (let progress = 1; progress <= 100; progress++)
    deepEqual(sharing.choose([{ ...FIRST, progress }], 300 * progress), []);
});

test('one that nobody worked on for long is anybody’s', () => {
  deepEqual(leftFirst().choose([FIRST], 10_001), [FIRST]);
});
