/**
 * One way to Redis for everybody: a single server or a Cluster, and scripts from files, sent by hash.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Cluster, Redis } from 'ioredis';

export type RedisClient = Redis | Cluster;

export interface RedisOptions {
  /** A command that has no answer by then is rejected: a hung Redis must not hang a request. */
  readonly commandTimeoutMs: number;
  /** Told of each connection error; ioredis goes on connecting by itself. */
  readonly onError: (error: Error) => void;
}

const RECONNECT_MAX_MS = 500;
/** Else a node that joined or took over is found only by who sends it something, and the keeper looks at all (redis-nodes.ts). */
const NODES_AGAIN_MS = 1_000;

/**
 * Connects to `urls`: one URL, or a comma-separated list of a Cluster's nodes (`redis://` or `rediss://`, with user
 * and password where they are needed). Commands are rejected while there is no connection, rather than queued: a
 * caller on the hot path would rather say 503 now.
 */
export function connectRedis(urls: string, options: RedisOptions): RedisClient {
  const nodes = urls.split(',').map(url => new URL(url.trim()));
  const [first] = nodes;
  if (first === undefined) throw new Error('REDIS_URL is empty');
  const auth = {
    ...(first.username === '' ? {} : { username: decodeURIComponent(first.username) }),
    ...(first.password === '' ? {} : { password: decodeURIComponent(first.password) }),
    ...(first.protocol === 'rediss:' ? { tls: {} } : {}),
    commandTimeout: options.commandTimeoutMs,
    connectTimeout: options.commandTimeoutMs,
    maxRetriesPerRequest: 0,
  };
  const retry = (times: number): number => Math.min(20 * times, RECONNECT_MAX_MS);
  const client =
    nodes.length > 1
      ? new Cluster(
          nodes.map(url => ({ host: url.hostname, port: Number(url.port || 6379) })),
          {
            redisOptions: auth,
            enableOfflineQueue: false,
            clusterRetryStrategy: retry,
            slotsRefreshInterval: NODES_AGAIN_MS,
          },
        )
      : new Redis({
          ...auth,
          host: first.hostname,
          port: Number(first.port || 6379),
          db: Number(first.pathname.slice(1) || 0),
          enableOfflineQueue: false,
          autoResendUnfulfilledCommands: false,
          retryStrategy: retry,
        });
  client.on('error', options.onError);
  return client;
}

/** Resolves when the client can take commands; rejects with what is wrong after `timeoutMs`. */
export async function waitForRedis(client: RedisClient, timeoutMs: number): Promise<void> {
  if (client.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    let last: Error | undefined;
    const remember = (error: Error): void => {
      last = error;
    };
    const timer = setTimeout(() => {
      client.off('ready', ready);
      client.off('error', remember);
      reject(new Error(`REDIS_URL: no answer within ${timeoutMs} ms${last ? `: ${last.message}` : ''}`));
    }, timeoutMs);
    const ready = (): void => {
      clearTimeout(timer);
      client.off('error', remember);
      resolve();
    };
    client.once('ready', ready);
    client.on('error', remember);
  });
}

/** A script, to be called with its keys and arguments. */
export interface Script {
  (
    client: RedisClient,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown>;
  /** By which a server that has run it knows it. */
  readonly sha: string;
}

/** Stands in front of every script: run.lua. */
const PRELUDE = readFileSync(new URL('./run.lua', import.meta.url), 'utf8');

/** A script that stands in a file, as it is sent. */
export function scriptText(file: URL): string {
  return `${PRELUDE}\n${readFileSync(file, 'utf8')}`;
}

/**
 * Loads a Lua script that stands in a file. It is called by its SHA-1 and sent whole only to a server that does not
 * know it (NOSCRIPT), so a restarted or failed-over Redis needs no extra care.
 */
export function scriptFrom(file: URL): Script {
  const source = scriptText(file);
  const sha = createHash('sha1').update(source).digest('hex');
  const run = async (
    client: RedisClient,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> => {
    try {
      return await client.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return await client.eval(source, keys.length, ...keys, ...args);
    }
  };
  return Object.assign(run, { sha });
}

/** Whether the server does not know a script by its hash: it has never run it, or was started again since. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
