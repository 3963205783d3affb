import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valueIn } from './gauges.ts';

const TEXT = `# HELP refused_total x
refused_total{reason="log"} 3
refused_total{reason="sold_out"} 12
refused_total_more 5
lag_seconds 0.25
broken NaN
`;

test('reads metrics by name and label', () => {
  assert.equal(valueIn(TEXT, 'refused_total', 'reason="sold_out"'), 12);
  assert.equal(valueIn(TEXT, 'refused_total', 'reason="none"'), undefined);
  assert.equal(valueIn(TEXT, 'lag_seconds'), 0.25);
  assert.equal(valueIn(TEXT, 'broken'), undefined);
  assert.equal(valueIn(TEXT, 'absent'), undefined);
});
