import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { LeftToOthers } from './left-to-others.ts';

const CHANGE = { campaignId: 1, revision: 7 };

test('a change that the board shows is published', () => {
  equal(new LeftToOthers().shareOf(CHANGE, 7, 0), 'published');
  equal(new LeftToOthers().shareOf(CHANGE, 8, 0), 'published');
});

test('a change that nobody publishes is ours after a while', () => {
  const left = new LeftToOthers();
  equal(left.shareOf(CHANGE, 6, 0), 'left');
  equal(left.shareOf({ ...CHANGE, revision: 8 }, 6, 299), 'left');
  equal(left.shareOf({ ...CHANGE, revision: 8 }, 6, 300), 'ours');
});

test('while another engine goes on, its changes are left to it, however late we look', () => {
  const left = new LeftToOthers();
  for (let revision = 7; revision < 100; revision++)
    equal(left.shareOf({ ...CHANGE, revision }, revision - 1, 1_000 * revision), 'left');
});

test('what we have published begins anew', () => {
  const left = new LeftToOthers();
  equal(left.shareOf(CHANGE, 6, 0), 'left');
  left.drop(CHANGE.campaignId);
  equal(left.shareOf({ ...CHANGE, revision: 8 }, 7, 1_000), 'left');
});
