import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoryBroken, Teller } from './story-teller.ts';

function answer(status: number, body: Record<string, unknown> = {}) {
  return { status, headers: new Headers(), body };
}

test('counts, prints and keeps a failed check as a fault', () => {
  const lines: string[] = [];
  const teller = new Teller(line => lines.push(line));
  teller.chapter('1. One');
  assert.equal(teller.equal('two', 2, 2), true);
  assert.equal(teller.equal('three', { a: 3 }, { a: 4 }), false);
  teller.refused('it', answer(409, { type: 'urn:fairline:problem:closed' }), 'closed');
  teller.refused('it', answer(202, { type: 'about:blank' }), 'closed');
  assert.deepEqual(teller.told, [{ chapter: '1. One', checks: 4, faults: 2 }]);
  assert.deepEqual(teller.faults, [
    '1. One: three should be {"a":4}; it was {"a":3}',
    '1. One: it should be refused as closed; it was {"type":"about:blank"}',
  ]);
  assert.equal(lines.filter(line => line.includes('OFF')).length, 2);
});

test('an unexpected answer to a required step ends the story with one fault', () => {
  const teller = new Teller(() => undefined);
  teller.chapter('1. One');
  assert.equal(teller.need('it', answer(201, { id: 7 }), 201).body.id, 7);
  assert.throws(
    () => teller.need('it', answer(503), 201),
    (error: unknown) => {
      teller.broken(error);
      return error instanceof StoryBroken;
    },
  );
  assert.equal(teller.faults.length, 1);
  teller.broken(new Error('the socket closed'));
  assert.deepEqual(teller.faults[1], 'the story ended early: the socket closed');
});
