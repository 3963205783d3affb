import { equal } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Locks } from './locks.ts';
import { type TestDatabase, testDatabase } from './test/support.ts';

const IDLE_LIMIT_MS = 400;

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database.drop());

test("a lock survives work elsewhere that exceeds the session's idle time-out", async () => {
  const make = (): Locks =>
    new Locks({
      databaseUrl: database.url,
      applicationName: 'test',
      onError: () => undefined,
      idleLimitMs: IDLE_LIMIT_MS,
    });
  const [one, other] = [make(), make()];
  try {
    equal(await one.take({ name: 'registry' }), true);
    await sleep(3 * IDLE_LIMIT_MS);
    equal(await other.take({ name: 'registry' }), false);
    await one.release({ name: 'registry' });
    equal(await other.take({ name: 'registry' }), true);
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
});
