import { equal, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Locks } from './locks.ts';
import { type NetworkProxy, startProxy } from './test/proxy.ts';
import { eventually, type TestDatabase, testDatabase } from './test/support.ts';

const IDLE_LIMIT_MS = 400;
const ANSWER_TIMEOUT_MS = 300;

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database.drop());

function makeLocks(databaseUrl: string, answerTimeoutMs?: number): Locks {
  return new Locks({
    ...{ databaseUrl, applicationName: 'test', onError: () => undefined, idleLimitMs: IDLE_LIMIT_MS },
    ...(answerTimeoutMs === undefined ? {} : { answerTimeoutMs }),
  });
}

/** Locks whose connections go through a proxy. */
async function proxied(): Promise<{ readonly proxy: NetworkProxy; readonly locks: Locks }> {
  const url = new URL(database.url);
  const proxy = await startProxy({ host: url.hostname, port: Number(url.port || 5432) });
  url.host = `127.0.0.1:${proxy.port}`;
  return { proxy, locks: makeLocks(url.href, ANSWER_TIMEOUT_MS) };
}

test("a lock survives work elsewhere that exceeds the session's idle time-out", async () => {
  const [one, other] = [makeLocks(database.url), makeLocks(database.url)];
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

test('a query without an answer ends the session: no lock stays that nobody knows of', async () => {
  const { proxy, locks: one } = await proxied();
  const other = makeLocks(database.url);
  const five = { name: 'partition', partition: 5 } as const;
  try {
    await one.take({ name: 'partition', partition: 1 });
    proxy.hold();
    await rejects(one.take(five));
    // Had it stayed, the session would hold this one twice now.
    proxy.release();
    await eventually(() => one.take(five));
    await one.release(five);
    await eventually(() => other.take(five));
    await eventually(() => other.take({ name: 'partition', partition: 1 }));
  } finally {
    await Promise.all([one.close(), other.close()]);
    await proxy.close();
  }
});

test('a server that has vanished without a word is given up for a new connection', async () => {
  const { proxy, locks } = await proxied();
  try {
    equal(await locks.take({ name: 'registry' }), true);
    proxy.forsake();
    await rejects(locks.take({ name: 'registry' }));
    await eventually(() => locks.take({ name: 'registry' }));
  } finally {
    await locks.close();
    await proxy.close();
  }
});
