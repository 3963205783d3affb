import { deepEqual, match, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import type { LogConsumer } from './contract/log/log.ts';
import { intakeOf } from './intake/log-intake.ts';
import { tryEach } from './retrying/try-each.ts';
import { testRandomness } from './test/randomness.ts';
import { TestLedger } from './test/settling.ts';
import { Tidying } from './tidying.ts';

const LOG_NAME = 'test';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

test('a step that fails holds up no other, and is logged once until it succeeds', async () => {
  await ledger.pool.query(
    `insert into log_partitions (log_name, partition, next_position) values ($1, 0, '5'), ($1, 1, '7'), ($1, 2, '9')`,
    [LOG_NAME],
  );
  const lines: { readonly level: number; readonly msg: string }[] = [];
  const log = pino({ level: 'info' }, { write: line => lines.push(JSON.parse(line)) });
  const done: string[] = [];
  let fails = true;
  const consumer: LogConsumer = {
    kind: 'kafka',
    name: LOG_NAME,
    assigned: () => [0, 1],
    run: () => Promise.reject(new Error('nothing is ingested here')),
    trim: async (partition, position) => {
      if (fails && partition === 0) throw new Error('the partition is away');
      done.push(`${partition} to ${position}`);
    },
    close: async () => undefined,
  };
  const tidying = new Tidying({
    deps: {
      pool: ledger.pool,
      publish: () => Promise.reject(new Error('nothing is published here')),
      nowUs: () => Promise.reject(new Error('no time is asked for here')),
      confirmations: async () => undefined,
      blocks: {
        tell: () => Promise.reject(new Error('nobody is blocked here')),
        missing: async () => undefined,
      },
      leaseMs: 1_000,
      longestLeaseMs: async () => 1_000,
      randomness: testRandomness(),
      log,
    },
    intake: intakeOf(consumer, { pool: ledger.pool, log }),
    settlementCycle: {
      clearShelved: async () => {
        done.push('cleared');
      },
    },
    shelveAfterMs: 1_000,
    metrics: { scheduledDone: () => undefined },
    log,
  });
  for (let turn = 0; turn < 2; turn++)
    await rejects(tidying.run(), { message: 'partition 0: the partition is away' });
  deepEqual(done, ['1 to 7', 'cleared', '1 to 7', 'cleared']);
  fails = false;
  await tidying.run();
  deepEqual(done.slice(4), ['0 to 5', '1 to 7', 'cleared']);
  const { warn, info } = pino.levels.values;
  deepEqual(
    lines.map(({ level, msg }) => [level, msg]),
    [
      [warn, 'trimming the log: failed, retrying'],
      [info, 'trimming the log: recovered'],
    ],
  );
});

test('all errors are reported, in order', async () => {
  const error = await tryEach(
    [1, 2, 3],
    each => `number ${each}`,
    async each => {
      if (each !== 2) throw new TypeError(`no ${each}`);
    },
  ).catch((thrown: unknown) => thrown);
  match(String(error), /^AggregateError: number 1: no 1; number 3: no 3$/);
});
