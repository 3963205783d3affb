import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { deleteData, stopAll } from '../../engine/stack/keeping/control.ts';
import { takeLock } from '../../engine/stack/keeping/lock.ts';
import { readRecord, SERVER_NAMES, type ServerName } from '../../engine/stack/keeping/records.ts';
import type { KafkaNeed } from '../../engine/stack/plan.ts';
import { type StackEnv, startStack } from '../../engine/stack/stack.ts';

/** How often Redis syncs its file to disk: before each answer, or once a second. */
export type Fsync = 'always' | 'everysec';

export interface Database {
  readonly url: string;
  /** Drops the database, with all its connections. */
  drop(): Promise<void>;
}

/** PostgreSQL, Redis and, if available, Kafka, for one piece of work. */
export interface Servers {
  readonly env: StackEnv;
  /** The process ids of servers that can be measured. */
  readonly pids: Readonly<Partial<Record<ServerName, number>>>;
  /** What a person should know about the start, such as why there is no Kafka. */
  readonly notes: readonly string[];
  /** Restarts servers that have ended by themselves, with the same addresses and data; resolves when they serve. */
  startAgain(): Promise<void>;
  /** Creates an empty database for the caller alone. */
  createDatabase(): Promise<Database>;
  setFsync(fsync: Fsync): Promise<void>;
  stop(): Promise<void>;
}

export interface ServersOptions {
  /** Used by this work alone: its data is deleted, before and after. */
  readonly dir: string;
  readonly kafka: KafkaNeed;
  readonly say: (line: string) => void;
}

/**
 * Starts new private servers without any data, whatever the environment names: figures must not depend on earlier data, and
 * a load must not reach somebody's server. Waits while other work holds the directory. Rejects with StackError.
 */
export async function startServers({ dir, kafka, say }: ServersOptions): Promise<Servers> {
  await mkdir(dirname(dir), { recursive: true });
  const release = await takeLock(`${dir}.lock`, new AbortController().signal, ({ pid }) =>
    say(`process ${pid} is at work in ${dir}; waiting for it`),
  );
  try {
    await stopAll(dir, say);
    await deleteData(dir);
    const env = { ...process.env, DATABASE_URL: '', REDIS_URL: '', KAFKA_BROKERS: '', LOG: 'redis' };
    const stacks = [await startStack({ dir, env, need: { kafka }, onProgress: say })];
    const [stack] = stacks;
    if (stack === undefined) throw new Error('no stack was started');
    let stopping: Promise<void> | undefined;
    return {
      ...serversAt(stack.env),
      get pids() {
        return pidsIn(dir);
      },
      startAgain: async () => {
        stacks.push(await startStack({ dir, env, need: { kafka } }));
      },
      notes: stack.notes,
      stop: () => {
        stopping ??= (async () => {
          for (const each of stacks.reverse()) await each.stop();
          await deleteData(dir);
          await release();
        })();
        return stopping;
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Servers that somebody else has started and will stop. */
export function serversAt(env: StackEnv): Servers {
  return {
    env,
    pids: {},
    startAgain: async () => undefined,
    notes: [],
    createDatabase: () => createDatabase(env.DATABASE_URL),
    setFsync: fsync => setFsync(env.REDIS_URL, fsync),
    stop: async () => undefined,
  };
}

function pidsIn(dir: string): Servers['pids'] {
  return Object.fromEntries(
    SERVER_NAMES.flatMap(name => {
      const pid = readRecord(dir, name)?.process?.pid;
      return pid === undefined ? [] : [[name, pid]];
    }),
  );
}

async function createDatabase(serverUrl: string): Promise<Database> {
  const name = `bench_${randomBytes(6).toString('hex')}`;
  await administer(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => administer(serverUrl, `drop database if exists ${name} with (force)`),
  };
}

async function administer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function setFsync(redisUrl: string, fsync: Fsync): Promise<void> {
  const redis = new Redis(redisUrl);
  try {
    await redis.config('SET', 'appendfsync', fsync);
  } finally {
    redis.disconnect();
  }
}
