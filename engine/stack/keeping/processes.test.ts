import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identify, identityIn, isRunning, self } from './processes.ts';

/** As macOS prints it. */
const SLEEPING = 'Ss   Mon Nov 30 08:08:26 2026    \n';

test('a process that changes from sleeping to running is the same, one with its number started later is not', () => {
  const id = identityIn(7, SLEEPING);
  assert.deepEqual(id, { pid: 7, startedAt: 'Mon Nov 30 08:08:26 2026' });
  assert.deepEqual(identityIn(7, SLEEPING.replace('Ss ', 'R+ ')), id);
  assert.notDeepEqual(identityIn(7, SLEEPING.replace(':26', ':27')), id);
});

test('a zombie does not run, nor does a process of which nothing is printed', () => {
  assert.equal(identityIn(7, 'Z+   Mon Nov 30 08:08:26 2026\n'), undefined);
  assert.equal(identityIn(7, '\n'), undefined);
});

test('this process runs, and no process has a number beyond all', () => {
  assert.ok(isRunning(self()));
  assert.equal(identify(2 ** 30), undefined);
});
