import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Loop } from './loop.ts';
import { eventually } from './test/support.ts';

const FOREVER_MS = 1_000_000;

/** Work whose turns end when the test says so. */
class Work {
  turns = 0;
  atOnce = 0;
  mostAtOnce = 0;
  #end: ((waitMs: number | Error) => void) | undefined;

  readonly run = async (): Promise<number> => {
    this.turns += 1;
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    const result = await new Promise<number | Error>(resolve => {
      this.#end = resolve;
    });
    this.atOnce -= 1;
    if (result instanceof Error) throw result;
    return result;
  };

  end(result: number | Error): void {
    this.#end?.(result);
  }
}

function makeLoop(work: Work): { loop: Loop; events: string[] } {
  const events: string[] = [];
  const loop = new Loop({
    work: work.run,
    minGapMs: 1,
    onError: (_, failures) => events.push(`failed ${failures}`),
    onRecovered: () => events.push('recovered'),
  });
  loop.start();
  return { loop, events };
}

test('many requests during a run cause one more, and runs never overlap', async () => {
  const work = new Work();
  const { loop } = makeLoop(work);
  for (let request = 0; request < 10; request++) loop.request();
  equal(work.turns, 1);
  work.end(FOREVER_MS);
  await eventually(() => work.turns === 2);
  work.end(FOREVER_MS);
  for (let index = 0; index < 10; index++) await turn();
  equal(work.turns, 2);
  loop.request();
  await eventually(() => work.turns === 3);
  equal(work.mostAtOnce, 1);
  work.end(FOREVER_MS);
  await loop.close();
});

test('without a request, waits as long as the last run asked', async () => {
  const work = new Work();
  const { loop } = makeLoop(work);
  work.end(1);
  await eventually(() => work.turns === 2);
  work.end(FOREVER_MS);
  await loop.close();
  equal(work.turns, 2);
});

test('a run that took long is not followed by a wait as long', async t => {
  const work = new Work();
  const now = performance.now.bind(performance);
  let tookMs = 0;
  t.mock.method(performance, 'now', () => now() + tookMs);
  const { loop } = makeLoop(work);
  t.after(() => loop.close());
  tookMs = FOREVER_MS;
  work.end(1);
  await eventually(() => work.turns === 2);
  work.end(FOREVER_MS);
});

test('reports a failed run and retries', async () => {
  const work = new Work();
  const { loop, events } = makeLoop(work);
  work.end(new Error('first'));
  await eventually(() => work.turns === 2);
  work.end(new Error('second'));
  await eventually(() => work.turns === 3);
  work.end(FOREVER_MS);
  await eventually(() => events.length === 3);
  deepEqual(events, ['failed 1', 'failed 2', 'recovered']);
  await loop.close();
});

test('close waits for the current run and starts no other', async () => {
  const work = new Work();
  const { loop } = makeLoop(work);
  loop.request();
  let isClosed = false;
  const closing = loop.close().then(() => {
    isClosed = true;
  });
  await turn();
  equal(isClosed, false);
  work.end(0);
  await closing;
  equal(work.turns, 1);
});
