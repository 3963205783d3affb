import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { withTimeout } from './with-timeout.ts';

const never = new Promise<string>(() => undefined);

function timers(): number {
  return process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length;
}

test('what is in time resolves or rejects as it would by itself, and leaves no timer', async () => {
  const before = timers();
  const late = (): never => {
    throw new Error('called');
  };
  equal(await withTimeout(10_000, Promise.resolve('in time'), late), 'in time');
  await rejects(withTimeout(10_000, Promise.reject(new Error('failed')), late), /^Error: failed$/);
  equal(timers(), before);
});

test('what is late resolves or rejects like the replacement', async () => {
  equal(await withTimeout(1, never, () => 'late'), 'late');
  await rejects(
    withTimeout(1, never, () => Promise.reject(new Error('no answer'))),
    /^Error: no answer$/,
  );
});

test('work that fails afterwards is no unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  let fail: (reason: Error) => void = () => undefined;
  const work = new Promise<void>((_resolve, reject) => {
    fail = reject;
  });
  await withTimeout(1, work, () => undefined);
  fail(new Error('late failure'));
  await new Promise(resolve => setTimeout(resolve, 5));
  process.off('unhandledRejection', note);
  deepEqual(unhandled, []);
});
