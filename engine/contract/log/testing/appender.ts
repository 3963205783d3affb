import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../test/support.ts';
import { LogUnavailable } from '../log.ts';
import type { TestLedger, TestLog } from './ledger.ts';

/** A gateway without HTTP: appends 0, 1, 2, ... to one partition, one at a time, each number once. */
export class Appender {
  readonly acknowledged: number[] = [];
  readonly faults: unknown[] = [];
  failed = 0;
  #next = 0;
  #isEnding = false;
  readonly #ended: Promise<void>;

  constructor(producer: TestLog, partition: number) {
    this.#ended = this.#append(producer, partition);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#ended;
  }

  async #append(producer: TestLog, partition: number): Promise<void> {
    while (!this.#isEnding) {
      const number = this.#next++;
      try {
        await producer.append(partition, Buffer.from(String(number)));
        this.acknowledged.push(number);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) this.faults.push(error);
        this.failed += 1;
        await sleep(20);
      }
    }
  }
}

/**
 * Appends to the partition while `outage` happens, and until appends succeed again; then checks that the ledger has read
 * everything that was acknowledged, in order. Returns the appender.
 */
export async function appendThrough(
  producer: TestLog,
  ledger: TestLedger,
  partition: number,
  outage: (appender: Appender) => Promise<void>,
): Promise<Appender> {
  const offset = ledger.rowsOf(partition).length;
  const appender = new Appender(producer, partition);
  try {
    await eventually(() => appender.acknowledged.length > 20);
    await outage(appender);
    const before = appender.acknowledged.length;
    await eventually(() => appender.acknowledged.length > before + 20, { timeoutMs: 60_000 });
  } finally {
    await appender.end();
  }
  assert.deepEqual(appender.faults, []);
  const last = String(appender.acknowledged.at(-1));
  await eventually(() => ledger.rowsOf(partition).at(-1) === last, { timeoutMs: 90_000 });
  const read = ledger.rowsOf(partition).slice(offset).map(Number);
  const readAtAll = new Set(read);
  assert.deepEqual(
    appender.acknowledged.filter(number => !readAtAll.has(number)),
    [],
    'acknowledged but never read',
  );
  // An append that was given up may show up behind later ones.
  const acknowledged = new Set(appender.acknowledged);
  const inOrder = read.filter(number => acknowledged.has(number));
  assert.deepEqual(
    inOrder.filter((number, at) => at > 0 && number <= (inOrder[at - 1] ?? 0)),
    [],
    'read twice or out of order',
  );
  assert.deepEqual(ledger.faults, []);
  return appender;
}
