import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { makeEntrants, measureDraw, measureHashes } from './measure.ts';

test('measures all stages, for any tickets', () => {
  for (const tickets of [1, 3]) {
    const entrants = makeEntrants(5_000, tickets);
    const stages = measureDraw(entrants, 20);
    for (const stage of ['freeze', 'root', 'draw', 'proof'] as const) ok(stages[stage] > 0, stage);
    ok(measureHashes(entrants) > 0);
  }
});

test('draws all entrants when there are fewer than winners', () => {
  ok(measureDraw(makeEntrants(10, 1), 20).draw > 0);
});
