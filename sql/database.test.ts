import { deepEqual, match, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { startProxyTo } from '../engine/test/proxy.ts';
import { eventually, testDatabase } from '../engine/test/support.ts';
import { openPool, queryRepeated, transaction } from './database.ts';

test('a server that has vanished in a transaction is given up, and the next one has a new connection', async () => {
  const database = await testDatabase();
  const { proxy, url } = await startProxyTo(database.url);
  const pool = openPool(url, {
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

test('a repeated statement is planned anew after its table has grown, though nobody analyzed it', async () => {
  const database = await testDatabase();
  const pool = openPool(database.url, { max: 1, applicationName: 'test', onError: () => undefined });
  const lookUp = () =>
    queryRepeated(pool, {
      name: 'look_up',
      text: 'select number from grown where number = $1',
      values: [1],
    });
  const plan = async (): Promise<string> =>
    JSON.stringify((await pool.query('explain execute look_up (1)')).rows);
  try {
    await pool.query(`create table grown (number integer primary key) with (autovacuum_enabled = off)`);
    await pool.query('insert into grown values (1); analyze grown');
    // The server plans for the values of the first five executions, and once for all after that.
    for (let times = 0; times < 7; times++) await lookUp();
    match(await plan(), /Seq Scan/);
    await pool.query('insert into grown select generate_series(2, 100000)');
    await eventually(async () => {
      deepEqual((await lookUp()).rows, [{ number: 1 }]);
      return /Index/.test(await plan());
    });
  } finally {
    await pool.end();
    await database.drop();
  }
});
