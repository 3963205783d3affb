import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Closing, closingAfter } from './closing.ts';

function part(name: string, stopped: string[]): Promise<{ stop(): Promise<void> }> {
  return Promise.resolve({
    stop: async () => {
      stopped.push(name);
    },
  });
}

test('stops what it started once, in reverse order', async () => {
  const stopped: string[] = [];
  const closing = new Closing();
  for (const name of ['servers', 'engine', 'gateway']) await closing.own(part(name, stopped));
  await Promise.all([closing.close(), closing.close()]);
  assert.deepEqual(stopped, ['gateway', 'engine', 'servers']);
});

test('a failing stop does not prevent the others', async () => {
  const stopped: string[] = [];
  const closing = new Closing();
  await closing.own(part('servers', stopped));
  await closing.own(Promise.resolve({ stop: () => Promise.reject(new Error('stuck')) }));
  await assert.rejects(closing.close(), /not everything/);
  assert.deepEqual(stopped, ['servers']);
});

test('stops at once what starts after the end', async () => {
  const stopped: string[] = [];
  const closing = new Closing();
  await closing.close();
  await assert.rejects(closing.own(part('late', stopped)), /ended before/);
  assert.deepEqual(stopped, ['late']);
});

test('failing work leaves nothing running', async () => {
  const stopped: string[] = [];
  const work = closingAfter(async closing => {
    await closing.own(part('servers', stopped));
    throw new Error('the work failed');
  });
  await assert.rejects(work, /the work failed/);
  assert.deepEqual(stopped, ['servers']);
});
