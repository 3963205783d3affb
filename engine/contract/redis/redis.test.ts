import { equal, ok } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { eventually } from '../../test/support.ts';
import { connectRedis } from './redis.ts';

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
