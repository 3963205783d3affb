import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { StackError } from '../errors.ts';
import { run, tryRun } from '../keeping/processes.ts';
import type { ServerRecord } from '../keeping/records.ts';
import { type DebianPackage, unpackDebian } from './debian.ts';
import type { Launch, ServerKind, Site } from './server.ts';

// Ranking relies on ZADD LT, which came with 6.2.
const LEAST_VERSION = [6, 2] as const;
const DEBIAN: DebianPackage = {
  name: 'redis-server',
  program: ['usr', 'bin', 'redis-server'],
  byHand: 'install Redis 6.2 or later (apt-get install redis-server, brew install redis), or set REDIS_URL',
};

export interface RedisProgram {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

// Every append is on disk before it is answered; nothing is evicted when memory runs short.
const configuration = (port: number, password: string): string => `bind 127.0.0.1
port ${port}
protected-mode yes
requirepass ${password}
daemonize no
dir ./
appendonly yes
appendfsync always
aof-load-truncated yes
save ""
maxmemory-policy noeviction
`;

async function versionOf(program: RedisProgram): Promise<readonly [number, number] | undefined> {
  const answer = await tryRun(program.command, ['--version'], { env: program.env });
  const [, major, minor] = /v=(\d+)\.(\d+)/.exec(answer.stdout) ?? [];
  return answer.ok && major !== undefined && minor !== undefined ? [Number(major), Number(minor)] : undefined;
}

/** The server from PATH, or Debian's. Throws StackError if there is neither. */
export async function findRedis(site: Site): Promise<RedisProgram> {
  const env = { ...site.env, LC_ALL: 'C' };
  const onPath: RedisProgram = { command: 'redis-server', env };
  const version = await versionOf(onPath);
  if (version !== undefined) {
    const [major, minor] = version;
    if (major > LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor >= LEAST_VERSION[1])) return onPath;
    site.progress(`Redis ${major}.${minor} on PATH is older than ${LEAST_VERSION.join('.')}: not used`);
  }
  const { command, libraryPath } = await unpackDebian(site, DEBIAN);
  const unpacked: RedisProgram = { command, env: { ...env, LD_LIBRARY_PATH: libraryPath } };
  const answer = await run(command, ['--version'], { env: unpacked.env, signal: site.signal });
  if (answer.ok) return unpacked;
  throw new StackError(
    `the Redis unpacked from Debian's packages does not run here: ${answer.stderr.trim()}`,
    `install Redis ${LEAST_VERSION.join('.')} or later (apt-get install redis-server, brew install redis), or set REDIS_URL`,
  );
}

async function prepare(site: Site): Promise<(record: ServerRecord) => Promise<Launch>> {
  const program = await findRedis(site);
  const cwd = join(site.dir, 'redis');
  await mkdir(cwd, { recursive: true });
  return async record => {
    const [port = 0] = record.ports;
    await writeFile(join(cwd, 'redis.conf'), configuration(port, record.password), { mode: 0o600 });
    return { command: program.command, args: ['redis.conf'], cwd, env: program.env };
  };
}

async function ask(record: ServerRecord): Promise<string> {
  const client = new Redis(url(record), {
    lazyConnect: true,
    connectTimeout: 2_000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  // Without a listener, ioredis prints errors; `connect` and `info` reject with the same one.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const info = await client.info('server');
    return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown';
  } finally {
    client.disconnect();
  }
}

function url(record: ServerRecord): string {
  return `redis://:${record.password}@127.0.0.1:${record.ports[0]}`;
}

/** Redis from PATH, or Debian's packages unpacked without installing them. */
export const redis: ServerKind = {
  name: 'redis',
  title: 'Redis',
  portCount: 1,
  // Debian's redis-server is a link to redis-check-rdb.
  program: /^(redis|valkey)-(server|check-rdb)$/,
  stopSignal: 'SIGTERM',
  prepare,
  ask,
  url,
};
