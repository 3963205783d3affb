/**
 * Shared by all suites: servers, a database and a namespace per suite, processes, and waiting for a condition. Everything
 * created here is released again, so a test file ends by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { MIGRATIONS_DIRECTORY, migrate, migrationFiles } from '../../sql/schema/migrate.ts';
import type { LogKind } from '../contract/log/log.ts';
import { PROJECT, programArguments } from './program.ts';

export interface Servers {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Absent if Kafka could not be started. */
  readonly kafkaBrokers?: string;
}

/** The servers that `npm test` started. Throws outside of `npm test`. */
export function serversFromEnv(): Servers {
  const { DATABASE_URL, REDIS_URL, KAFKA_BROKERS } = process.env;
  if (!DATABASE_URL || !REDIS_URL) {
    throw new Error('tests need servers: run `npm test` or `npm test -- <file> ...`, which starts them');
  }
  return {
    databaseUrl: DATABASE_URL,
    redisUrl: REDIS_URL,
    ...(KAFKA_BROKERS ? { kafkaBrokers: KAFKA_BROKERS } : {}),
  };
}

/** The logs that a suite about logs must run with. */
export function availableLogs(): readonly LogKind[] {
  return serversFromEnv().kafkaBrokers === undefined ? ['redis'] : ['redis', 'kafka'];
}

/** For the option `skip` of a test that needs Linux: false there, elsewhere what is not tested. */
export function unlessLinux(subject: string): string | false {
  return process.platform === 'linux' ? false : `!!! NOT TESTED, IT NEEDS LINUX: ${subject} !!!`;
}

/** A unique namespace for keys in Redis and topics in Kafka. */
export function testNamespace(): string {
  return `test-${randomBytes(6).toString('hex')}`;
}

export interface TestDatabase {
  readonly url: string;
  /** Drops it, together with remaining connections. */
  drop(): Promise<void>;
}

/** Lets only one process at a time make the template; any fixed number does. */
const TEMPLATE_LOCK = 771_003_112;

/** A migrated database of one's own, cloned from a template that the first caller creates. */
export async function testDatabase(): Promise<TestDatabase> {
  const template = await testTemplate();
  return await createDatabase(`template ${template}`);
}

/** An empty database of one's own. */
export async function emptyDatabase(): Promise<TestDatabase> {
  return await createDatabase('');
}

/** The prefix of every database created here; the runner drops what a crash has left. */
export const TEST_DATABASE_PREFIX = 'fairline_test_';

async function createDatabase(options: string): Promise<TestDatabase> {
  const { databaseUrl } = serversFromEnv();
  const name = `${TEST_DATABASE_PREFIX}${randomBytes(6).toString('hex')}`;
  await asAdministrator(client => client.query(`create database ${name} ${options}`));
  return {
    url: withDatabase(databaseUrl, name),
    drop: async () => {
      await asAdministrator(client => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

/** The name of the template, which is created again whenever a migration has changed. */
async function testTemplate(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of await migrationFiles()) hash.update(await readFile(join(MIGRATIONS_DIRECTORY, file)));
  const name = `fairline_template_${hash.digest('hex').slice(0, 16)}`;
  await asAdministrator(async client => {
    await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const { rows } = await client.query('select datistemplate from pg_database where datname = $1', [name]);
    if (rows[0]?.datistemplate) return;
    await makeAccountsRole(client);
    // A template that was begun but never finished, because its process was ended.
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name}`);
    await migrate(withDatabase(serversFromEnv().databaseUrl, name), line =>
      process.stderr.write(`${line}\n`),
    );
    await client.query(`alter database ${name} with is_template true allow_connections false`);
  });
  return name;
}

/** The role with which the process of accounts connects; its rights are those that the migrations give it. */
export const ACCOUNTS_ROLE = 'fairline_accounts';
const ACCOUNTS_PASSWORD = 'of-a-test';

/** The URL of a database, for that role. */
export function accountsUrl(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.username = ACCOUNTS_ROLE;
  url.password = ACCOUNTS_PASSWORD;
  return url.href;
}

/** Roles are the server's and not a database's, so that of accounts is there before the first migration. */
async function makeAccountsRole(client: pg.Client): Promise<void> {
  const { rows } = await client.query('select 1 from pg_roles where rolname = $1', [ACCOUNTS_ROLE]);
  if (rows.length === 0)
    await client.query(`create role ${ACCOUNTS_ROLE} login password '${ACCOUNTS_PASSWORD}'`);
}

async function asAdministrator<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: serversFromEnv().databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    // Also releases the lock.
    await client.end();
  }
}

function withDatabase(databaseUrl: string, name: string): string {
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return url.href;
}

const POLL_MS = 20;

/**
 * Waits until `check` returns something other than undefined or false, and returns that. `timeoutMs` only ensures that a
 * failing test ends: the error then contains what `check` last returned or threw.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 180_000 }: { readonly timeoutMs?: number } = {},
): Promise<Exclude<T, undefined | false>> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until) {
      throw new Error(`not within ${timeoutMs} ms; last: ${String(last)}`, { cause: last });
    }
    await sleep(POLL_MS);
  }
}

export interface SpawnedNode {
  readonly child: ChildProcess;
  /** The first line on stdout; rejects with all output if the process ends before it. */
  readonly ready: Promise<string>;
  /** What it has written so far, stdout and stderr together. */
  output(): string;
  /** Resolves with the exit code, or the signal, when the process has ended. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Sends the signal (SIGTERM unless told) and resolves when it has ended; SIGKILL follows if it does not. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

const STOP_GRACE_MS = 10_000;

/** A test file that is ended from outside runs no hooks, but the processes that it spawned must not outlive it. */
const spawned = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of spawned) child.kill('SIGKILL');
});

/**
 * Starts a file of the project as a process, with this environment and `env` on top. Call `stop` in an `after` hook: a
 * process left behind would keep the test file from ending, which fails the run.
 */
export function spawnNode(
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): SpawnedNode {
  // The runner's own variable would make the child speak the runner's protocol on stdout.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [...programArguments(file), ...args], {
    cwd: PROJECT,
    // The child ends with this pipe: a killed test file leaves no engine or gateway behind.
    env: { ...inherited, FAIRLINE_PARENT: 'pipe', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  spawned.add(child);
  child.once('close', () => spawned.delete(child));
  let output = '';
  const append = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
  };
  child.stdout.on('data', append);
  child.stderr.on('data', append);
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    ended.then(
      how => reject(new Error(`${file} ended (${how}) without a line on stdout:\n${output}`)),
      reject,
    );
  });
  // A caller that stops a process that never became ready may not have waited for `ready`.
  ready.catch(() => undefined);
  return {
    child,
    ready,
    output: () => output,
    ended,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
      const how = await ended;
      clearTimeout(timer);
      return how;
    },
  };
}
