import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { startProxy } from '../engine/test/proxy.ts';
import { testDatabase } from '../engine/test/support.ts';
import { openPool, transaction } from './database.ts';

test('a server that has vanished in a transaction is given up, and the next one has a new connection', async () => {
  const database = await testDatabase();
  const url = new URL(database.url);
  const proxy = await startProxy({ host: url.hostname, port: Number(url.port || 5432) });
  url.host = `127.0.0.1:${proxy.port}`;
  const pool = openPool(url.href, {
    ...{ max: 1, applicationName: 'test', onError: () => undefined },
    answerTimeoutMs: 300,
  });
  try {
    const lost = transaction(pool, async db => {
      await db.query('create table written (number integer)');
      proxy.forsake();
      await db.query('insert into written values (1)');
    });
    await rejects(lost, /timeout/);
    const { rows } = await transaction(pool, db => db.query('select 1 as number'));
    deepEqual(rows, [{ number: 1 }]);
  } finally {
    await pool.end();
    await proxy.close();
    await database.drop();
  }
});
