/** Readings follow the ownership, whatever they read from. */
import { deepEqual, equal } from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { pino } from 'pino';
import type { LogHandler } from './log.ts';
import { Owning, type PartitionSource } from './owning.ts';
import { Readings } from './reading.ts';

let warnings: number;
const counting = pino(
  { level: 'warn' },
  {
    write: () => {
      warnings += 1;
    },
  },
);
let owned: number[];
let isDown: boolean;
let givenBack: number;
/** Finishes the current batch. */
let finish: () => void;
let readings: Readings;
let owning: Owning;

/** A source that records the calls it gets, in order. */
function sourceOf(asked: string[]): PartitionSource {
  return {
    reader: partition => ({
      hold: () => undefined,
      seek: async position => {
        asked.push(`${partition} is read from '${position}'`);
      },
    }),
    lost: partition => {
      asked.push(`${partition} is lost`);
    },
  };
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

beforeEach(() => {
  owned = [0, 2];
  isDown = false;
  givenBack = 0;
  warnings = 0;
  const handler: LogHandler = {
    start: async () => '7',
    batch: () =>
      new Promise(resolve => {
        finish = resolve;
      }),
  };
  readings = new Readings(handler, counting);
  const ownership = {
    poll: async () => {
      if (isDown) throw new Error('Postgres is down');
      return owned;
    },
    giveBack: async () => {
      givenBack += 1;
    },
  };
  owning = new Owning(ownership, readings, counting);
});

test('reads owned partitions, drops lost ones, and drops all while ownership is unknown', async () => {
  const asked: string[] = [];
  await owning.attach(sourceOf(asked));
  await turn();
  owned = [2, 3];
  await owning.look();
  await turn();
  deepEqual(readings.assigned(), [2, 3]);
  isDown = true;
  for (let look = 0; look < 3; look++) await owning.look();
  deepEqual(readings.assigned(), []);
  equal(warnings, 1, 'it warns once');
  const begun = ["0 is read from '7'", "2 is read from '7'"];
  deepEqual(asked, [...begun, '0 is lost', "3 is read from '7'", '2 is lost', '3 is lost']);
});

test('restarts everything from a new source, even if the old one was never detached', async () => {
  await owning.attach(sourceOf([]));
  await turn();
  const asked: string[] = [];
  await owning.attach(sourceOf(asked));
  await turn();
  deepEqual(asked, ["0 is read from '7'", "2 is read from '7'"]);
});

test('without a source, releases everything once the batch in hand is done', async () => {
  await owning.attach(sourceOf([]));
  await turn();
  const inHand = readings.take(0, '8', []);
  owning.detach();
  await turn();
  deepEqual([readings.assigned(), givenBack], [[], 0]);
  finish();
  await inHand;
  await owning.look();
  equal(givenBack, 1);
  await owning.look();
  equal(givenBack, 1, 'once');
  await owning.attach(sourceOf([]));
  deepEqual(readings.assigned(), [0, 2]);
});
