import { equal, ok, rejects } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { startProxy } from '../../test/proxy.ts';
import { eventually, serversFromEnv } from '../../test/support.ts';
import { connectRedis, waitForRedis } from './redis.ts';

test('a Cluster client keeps connecting when its last node fails during a host lookup', async t => {
  // No server listens there.
  const client = connectRedis('redis://localhost:1,redis://localhost:2', {
    commandTimeoutMs: 1_000,
    onError: () => undefined,
  });
  t.after(() => client.disconnect());
  equal(client.status, 'connecting');
  const pool: unknown = Reflect.get(client, 'connectionPool');
  ok(pool instanceof EventEmitter);
  // As when the connection to its last node has ended.
  pool.emit('drain');
  equal(client.status, 'close');
  await eventually(() => client.status === 'reconnecting');
});

test('a server that has vanished without a word is given up for a new connection', async t => {
  const url = new URL(serversFromEnv().redisUrl);
  const proxy = await startProxy({ host: url.hostname, port: Number(url.port || 6379) });
  url.host = `127.0.0.1:${proxy.port}`;
  const client = connectRedis(url.href, { commandTimeoutMs: 100, onError: () => undefined });
  t.after(async () => {
    client.disconnect();
    await proxy.close();
  });
  await waitForRedis(client, 10_000);
  proxy.forsake();
  await rejects(client.ping());
  equal(await eventually(() => client.ping()), 'PONG');
});
