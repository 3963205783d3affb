import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { LeftToOthers } from './left-to-others.ts';

const CHANGE = { campaignId: 1, revision: 7 };

test('a change that the board shows counts as published', () => {
  equal(new LeftToOthers().shareOf(CHANGE, 7, 0), 'published');
  equal(new LeftToOthers().shareOf(CHANGE, 8, 0), 'published');
});

test('takes over a change that nobody publishes after a while', () => {
  const left = new LeftToOthers();
  equal(left.shareOf(CHANGE, 6, 0), 'left');
  equal(left.shareOf({ ...CHANGE, revision: 8 }, 6, 299), 'left');
  equal(left.shareOf({ ...CHANGE, revision: 8 }, 6, 300), 'ours');
});

test('leaves changes to another active engine, however late it looks', () => {
  const left = new LeftToOthers();
  for (let revision = 7; revision < 100; revision++)
    equal(left.shareOf({ ...CHANGE, revision }, revision - 1, 1_000 * revision), 'left');
});

test('waits again after its own publication', () => {
  const left = new LeftToOthers();
  equal(left.shareOf(CHANGE, 6, 0), 'left');
  left.drop(CHANGE.campaignId);
  equal(left.shareOf({ ...CHANGE, revision: 8 }, 7, 1_000), 'left');
});
