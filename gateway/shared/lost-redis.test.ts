/** What a gateway and an engine log while their Redis is gone: as processes, over a Redis that is killed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { choosePorts } from '../../engine/stack/servers/ports.ts';
import { RedisProcess, redisProgram } from '../../engine/test/redis-process.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { logLinesOf, type System, startSystem, WARN } from '../../engine/test/system.ts';

/** Clients try again after 500 ms at most: some six attempts. */
const GONE_MS = 3_000;
/** The Redis is the log as well where there is no Kafka. */
const log = availableLogs().includes('kafka') ? 'kafka' : 'redis';

let dir: string;
let server: RedisProcess;
let system: System;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fairline-lost-'));
  const [port = 0] = await choosePorts(1, []);
  const configuration = 'save ""\nappendonly yes\nappendfsync always\nmaxmemory-policy noeviction\n';
  server = new RedisProcess({ program: await redisProgram(), port, dir, configuration });
  await server.start();
  const env = { LOG_LEVEL: 'info' };
  const redisUrl = new URL(`redis://127.0.0.1:${port}`);
  system = await startSystem({ log, redisUrl, gatewayEnv: env, engineEnv: env });
});
after(async () => {
  await system.close();
  server.client.disconnect();
  await server.kill();
  await rm(dir, { recursive: true, force: true });
});

test('a lost Redis is one line of a gateway, one of an engine, and one each when it is back', async () => {
  const [gateway] = system.gateways;
  assert.ok(gateway !== undefined);
  await server.kill();
  await sleep(GONE_MS);
  await server.start();
  const lost = 'lost the connection to Redis; trying again until it is back';
  const back = 'connected to Redis again';
  for (const process of [gateway, system.engine]) {
    const told = (): string[] =>
      logLinesOf(process).flatMap(({ msg }) => (msg === lost || msg === back ? msg : []));
    await eventually(() => told().includes(back));
    assert.deepEqual(told(), [lost, back]);
  }
  await eventually(async () => (await fetch(`${gateway.url}/readyz`)).ok, { timeoutMs: 180_000 });
  // Whatever else warns of it warns once as well.
  for (const process of [gateway, system.engine]) {
    const warned = logLinesOf(process).filter(({ level }) => level >= WARN);
    const messages = warned.map(({ msg }) => msg);
    assert.deepEqual(messages, [...new Set(messages)]);
  }
});
