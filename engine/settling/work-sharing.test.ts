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

test('leaves a campaign with an idle step to others, and keeps those it worked on', () => {
  deepEqual(leftFirst().choose([FIRST, OTHER], 1), [OTHER]);
});

test('takes back a campaign that is due and stays untouched', () => {
  const sharing = leftFirst();
  sharing.choose([FIRST], 100);
  deepEqual(sharing.choose([FIRST], 499), []);
  deepEqual(sharing.choose([FIRST], 500), [FIRST]);
  sharing.note(FIRST.campaignId, false, 510);
  deepEqual(sharing.choose([{ ...FIRST, progress: 6 }], 520), [{ ...FIRST, progress: 6 }]);
});

test('leaves a campaign to others for as long as they make progress', () => {
  const sharing = leftFirst();
  for (let progress = 1; progress <= 100; progress++)
    deepEqual(sharing.choose([{ ...FIRST, progress }], 300 * progress), []);
});

test('takes a campaign that nobody worked on for long', () => {
  deepEqual(leftFirst().choose([FIRST], 10_001), [FIRST]);
});
