import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { programArguments } from '../test/program.ts';
import { stopAll } from './keeping/control.ts';
import { isRunning, type ProcessId, waitForEnd } from './keeping/processes.ts';
import { readRecord, SERVER_NAMES, type ServerName } from './keeping/records.ts';
import { type Stack, StackError, type StackOptions, startStack } from './stack.ts';

const HOLD = fileURLToPath(new URL('testing/hold.ts', import.meta.url));
// Long enough for a loaded machine; reached only by a server that does not stop.
const END_LIMIT_MS = 60_000;

let root = '';
let dir = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'stack-'));
  dir = join(root, 'a stack with a space and ü');
});
afterEach(async () => {
  assert.deepEqual(await stopAll(dir, () => undefined), [], 'the test left servers running');
});
after(() => rm(root, { recursive: true, force: true }));

function start(env: StackOptions['env'] = { LOG: 'redis' }): Promise<Stack> {
  return startStack({ dir, env });
}

async function query(stack: Stack, statement: string): Promise<unknown> {
  const client = new Client({ connectionString: stack.env.DATABASE_URL });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function withRedis<T>(stack: Stack, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(stack.env.REDIS_URL, { retryStrategy: () => null });
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

/** The servers that run in `dir`, with their keepers. */
function processes(): ProcessId[] {
  const records = SERVER_NAMES.map(name => readRecord(dir, name));
  const ids = records.flatMap(record => [record?.process, record?.keeper]);
  return ids.filter(id => id !== undefined).filter(isRunning);
}

function serverOf(name: ServerName): ProcessId {
  const id = readRecord(dir, name)?.process;
  assert.ok(id !== undefined && isRunning(id), `${name} runs`);
  return id;
}

async function assertAllEnd(ids: readonly ProcessId[]): Promise<void> {
  for (const id of ids) assert.ok(await waitForEnd(id, END_LIMIT_MS), `process ${id.pid} still runs`);
}

/** A separate process that has started the stack and waits. */
async function startOwner(): Promise<ChildProcess> {
  const owner = spawn(process.execPath, [...programArguments(HOLD), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(owner.stdout !== null);
  await once(createInterface({ input: owner.stdout }), 'line');
  return owner;
}

async function killAndWait(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

test('data survives a stop and a restart', async () => {
  const first = await start();
  await query(first, 'CREATE TABLE kept (word text)');
  await query(first, "INSERT INTO kept VALUES ('ledger')");
  await withRedis(first, client => client.set('kept', 'rank'));
  const running = processes();
  await first.stop();
  await first.stop();
  assert.deepEqual(running.filter(isRunning), []);
  const second = await start();
  assert.deepEqual(second.env, first.env);
  assert.deepEqual(await query(second, 'SELECT word FROM kept'), [{ word: 'ledger' }]);
  assert.equal(await withRedis(second, client => client.get('kept')), 'rank');
  await second.stop();
});

test('configures the servers for a queue, accessible by password only', async () => {
  const stack = await start();
  const settings = await query(
    stack,
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync','synchronous_commit','max_connections','listen_addresses') ORDER BY 1",
  );
  assert.deepEqual(settings, [
    { name: 'fsync', setting: 'on' },
    { name: 'listen_addresses', setting: '127.0.0.1' },
    { name: 'max_connections', setting: '200' },
    { name: 'synchronous_commit', setting: 'on' },
  ]);
  await withRedis(stack, async client => {
    assert.deepEqual(await client.config('GET', 'appendfsync'), ['appendfsync', 'always']);
    assert.deepEqual(await client.config('GET', 'appendonly'), ['appendonly', 'yes']);
    assert.deepEqual(await client.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction']);
  });
  const wrong = stack.env.DATABASE_URL.replace(/:[^:@]+@/, ':guess@');
  await assert.rejects(
    query({ ...stack, env: { ...stack.env, DATABASE_URL: wrong } }, 'SELECT 1'),
    /password/,
  );
  for (const name of ['postgres.json', 'redis.json', 'redis/redis.conf']) {
    assert.equal((await stat(join(dir, name))).mode & 0o077, 0, `${name} is readable by its owner only`);
  }
  await stack.stop();
});

test('two concurrent starts end with one set of servers, which their starter stops', async () => {
  const [one, other] = await Promise.all([start(), start()]);
  assert.deepEqual(one.env, other.env);
  const servers = [serverOf('postgres'), serverOf('redis')];
  const keepers = [readRecord(dir, 'postgres')?.keeper?.pid, readRecord(dir, 'redis')?.keeper?.pid];
  assert.equal(keepers[0], keepers[1]);
  const reusing = one.notes.length > 0 ? one : other;
  await reusing.stop();
  assert.ok(servers.every(isRunning));
  await (reusing === one ? other : one).stop();
  assert.deepEqual(servers.filter(isRunning), []);
});

for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM'] as const) {
  test(`${signal} to the owner leaves nothing running`, async () => {
    const owner = await startOwner();
    const running = processes();
    assert.equal(running.length, 4);
    await killAndWait(owner, signal);
    await assertAllEnd(running);
  });
}

test('killed keeper: its owner stops the servers, and without an owner the next start takes over', async () => {
  const stack = await start();
  const ofFirst = processes();
  process.kill(readRecord(dir, 'redis')?.keeper?.pid ?? 0, 'SIGKILL');
  await stack.stop();
  assert.deepEqual(ofFirst.filter(isRunning), []);

  const owner = await startOwner();
  const servers = [serverOf('postgres'), serverOf('redis')];
  process.kill(readRecord(dir, 'redis')?.keeper?.pid ?? 0, 'SIGKILL');
  await killAndWait(owner, 'SIGKILL');
  const next = await start();
  assert.deepEqual([serverOf('postgres'), serverOf('redis')], servers);
  assert.deepEqual(await query(next, 'SELECT 1 AS one'), [{ one: 1 }]);
  await next.stop();
  assert.deepEqual(servers.filter(isRunning), []);
});

test('replaces a remembered port that is in use, and keeps the data', async () => {
  const before = await start();
  await withRedis(before, client => client.set('moved', 'yes'));
  const [port = 0] = readRecord(dir, 'redis')?.ports ?? [];
  await before.stop();
  const squatter = createServer().listen(port, '127.0.0.1');
  await once(squatter, 'listening');
  try {
    const stack = await start();
    assert.notEqual(stack.env.REDIS_URL, before.env.REDIS_URL);
    assert.equal(await withRedis(stack, client => client.get('moved')), 'yes');
    await stack.stop();
  } finally {
    squatter.close();
  }
});

test('the next start recovers crashed servers, and starts only those', async () => {
  const stack = await start();
  await query(stack, 'CREATE TABLE crash (word text)');
  await query(stack, "INSERT INTO crash VALUES ('committed')");
  await withRedis(stack, client => client.set('crash', 'appended'));
  const crashed = [serverOf('postgres'), serverOf('redis')];
  for (const { pid } of crashed) process.kill(pid, 'SIGKILL');
  await assertAllEnd(crashed);
  const appended = join(dir, 'redis', 'appendonlydir');
  const [incremental] = (await readdir(appended))
    .filter(name => name.endsWith('.incr.aof'))
    .sort()
    .slice(-1);
  const file = await open(join(appended, incremental ?? ''), 'a');
  await file.write('*3\r\n$3\r\nSET\r\n$5\r\ncr');
  await file.close();
  const again = await start();
  assert.deepEqual(again.env, stack.env);
  assert.deepEqual(await query(again, 'SELECT word FROM crash'), [{ word: 'committed' }]);
  assert.equal(await withRedis(again, client => client.get('crash')), 'appended');
  await again.stop();
  await stack.stop();
});

test('starts no given server, and writes nothing', async () => {
  const elsewhere = join(root, 'unused');
  const env = { DATABASE_URL: 'postgres://a/b', REDIS_URL: 'redis://c', KAFKA_BROKERS: 'd:9092' };
  const stack = await startStack({ dir: elsewhere, env });
  assert.deepEqual(stack.env, { ...env, LOG: 'kafka' });
  await stack.stop();
  await assert.rejects(stat(elsewhere), { code: 'ENOENT' });
});

test('refuses an unusable directory with the remedy', async () => {
  const file = join(root, 'file');
  await writeFile(file, '');
  await assert.rejects(
    startStack({ dir: join(file, 'stack'), env: { LOG: 'redis' } }),
    (error: unknown) => error instanceof StackError && error.remedy === 'move that file away',
  );
});

test('without Java, falls back to Redis Streams and says so; an explicit Kafka stops the start', async () => {
  const withoutJava = { JAVA_HOME: join(root, 'nowhere') };
  const stack = await start(withoutJava);
  assert.equal(stack.env.LOG, 'redis');
  assert.equal(stack.env.KAFKA_BROKERS, undefined);
  assert.deepEqual(stack.notes, ['no Java 17: the log is Redis Streams']);
  await stack.stop();
  await assert.rejects(
    start({ ...withoutJava, LOG: 'kafka' }),
    (error: unknown) => error instanceof StackError && /install a JRE of version 17/.test(error.remedy),
  );
  assert.deepEqual(processes(), [], 'servers already started were stopped');
});

test('Kafka keeps its records over a restart', async t => {
  const has = (command: string, argument: string): boolean => spawnSync(command, [argument]).status === 0;
  if (!has('java', '-version') || !has('mvn', '--version')) {
    t.diagnostic('NOT TESTED: private Kafka, because java or mvn is not on PATH');
    return;
  }
  const first = await start({ LOG: 'kafka' });
  const topic = 'kept';
  await withKafka(first, async client => {
    const admin = client.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }] });
    await admin.disconnect();
    const producer = client.producer();
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: [{ partition: 1, value: 'slice' }] });
    await producer.disconnect();
  });
  await first.stop();
  const second = await start({ LOG: 'kafka' });
  assert.equal(second.env.KAFKA_BROKERS, first.env.KAFKA_BROKERS);
  assert.equal(second.env.KAFKA_REPLICATION, '1');
  await withKafka(second, async client => {
    const admin = client.admin();
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(topic);
    assert.deepEqual(offsets.map(({ partition, high }) => [partition, high]).sort(), [
      [0, '0'],
      [1, '1'],
    ]);
    await admin.disconnect();
  });
  await second.stop();
});

async function withKafka(stack: Stack, use: (client: Kafka) => Promise<void>): Promise<void> {
  await use(new Kafka({ brokers: [stack.env.KAFKA_BROKERS ?? ''], logLevel: logLevel.NOTHING }));
}
