/** The only way to Redis: a single server or a Cluster, and scripts from files, called by hash. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis } from 'ioredis';

export type RedisClient = Redis | Cluster;

export interface RedisOptions {
  /** A command that has no answer by then is rejected: a hung Redis must not hang a request. */
  readonly commandTimeoutMs: number;
  /** Called for each connection error; ioredis reconnects by itself, and each attempt may fail. */
  readonly onError: (error: Error) => void;
  /** Called whenever commands can be sent, at first and after each reconnection. */
  readonly onReady?: () => void;
}

const RECONNECT_MAX_MS = 500;
/**
 * A server that answers nothing for that many time-outs of a command is given up with its connection: it may have vanished
 * without a word, and TCP would go on for a quarter of an hour. Less: a server that is only slow loses its clients.
 */
const SILENT_TIMEOUTS = 4;
/**
 * Otherwise only a client that sends a command to it finds a node that joined or took over; the lease reaper must see all nodes
 * (redis-nodes.ts).
 */
const NODES_AGAIN_MS = 1_000;
/** A hanging node of a Cluster does not delay the start for longer. */
const NODES_CONNECTED_MS = 1_000;
const CONNECTED_AGAIN_MS = 10;

/**
 * Connects to `urls`: one URL, or a comma-separated list of a Cluster's nodes (`redis://` or `rediss://`, with user and
 * password if needed). Commands are rejected while there is no connection, rather than queued: a caller on the hot path prefers
 * to answer 503 now.
 */
export function connectRedis(urls: string, options: RedisOptions): RedisClient {
  const nodes = urls.split(',').map(url => new URL(url.trim()));
  const [first] = nodes;
  if (first === undefined) throw new Error('REDIS_URL is empty');
  const client =
    nodes.length > 1
      ? connectCluster(nodes, connectionOptions(first, options.commandTimeoutMs))
      : new Redis({
          ...connectionOptions(first, options.commandTimeoutMs),
          ...addressOf(first),
          db: Number(first.pathname.slice(1) || 0),
          enableOfflineQueue: false,
          autoResendUnfulfilledCommands: false,
          retryStrategy: retryMs,
        });
  client.on('error', options.onError);
  if (options.onReady !== undefined) client.on('ready', options.onReady);
  return client;
}

/** The options without the address: the nodes of a Cluster share them. */
export function connectionOptions(url: URL, timeoutMs: number) {
  return {
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    commandTimeout: timeoutMs,
    socketTimeout: SILENT_TIMEOUTS * timeoutMs,
    connectTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
  };
}

export function addressOf(url: URL): { readonly host: string; readonly port: number } {
  return { host: url.hostname, port: Number(url.port || 6379) };
}

function retryMs(times: number): number {
  return Math.min(20 * times, RECONNECT_MAX_MS);
}

/**
 * By default ioredis resends a command of a Cluster when its connection is lost, even one that was given up before, and then
 * after commands that were sent later: a winner that was removed would be there again. So commands left unanswered by a lost
 * connection are rejected, as with a single server. A command is redirected only if a node answers that another one has the
 * key.
 */
function connectCluster(nodes: readonly URL[], redisOptions: ReturnType<typeof connectionOptions>): Cluster {
  const client = new Cluster(nodes.map(addressOf), {
    redisOptions,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryMs,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
  });
  // Otherwise the first command to a node opens the connection, and those behind it are rejected until it is open.
  const connect = (node: Redis): void => {
    if (client.status === 'ready' && node.status === 'wait') node.connect().catch(() => undefined);
  };
  // A command that was redirected to the node comes first, and waits for the connection.
  client.on('+node', node => process.nextTick(connect, node));
  client.on('ready', () => client.nodes('all').forEach(connect));
  tend(client);
  return client;
}

/**
 * Does what ioredis omits: it refreshes the slots, for which ioredis has an interval that outlives a client; and it reconnects
 * if the connection to a node ended during the lookup of its hosts.
 */
function tend(client: Cluster): void {
  let hasEnded = false;
  client.once('end', () => {
    hasEnded = true;
  });
  const tending = setInterval(() => {
    // An ended client returns to `close` when the connections to its other nodes end.
    if (hasEnded) clearInterval(tending);
    else if (client.status === 'ready') client.refreshSlotsCache();
    else if (client.status === 'close') client.connect().catch(() => undefined);
  }, NODES_AGAIN_MS).unref();
}

/** Resolves when the client can send commands; after `timeoutMs` it rejects with the reason. */
export async function waitForRedis(client: RedisClient, timeoutMs: number): Promise<void> {
  await waitForReady(client, timeoutMs);
  if (!(client instanceof Cluster)) return;
  const untilMs = performance.now() + NODES_CONNECTED_MS;
  while (performance.now() < untilMs && client.nodes('master').some(({ status }) => status !== 'ready'))
    await sleep(CONNECTED_AGAIN_MS);
}

async function waitForReady(client: RedisClient, timeoutMs: number): Promise<void> {
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

/** A script, called with its keys and arguments. */
export interface Script {
  (
    client: RedisClient,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown>;
  /** The hash by which a server that has run it knows it. */
  readonly sha: string;
}

/** Prepended to every script: run.lua. */
const PRELUDE = readFileSync(new URL('./run.lua', import.meta.url), 'utf8');

/** The text of a script file, as it is sent. */
export function scriptText(file: URL): string {
  return `${PRELUDE}\n${readFileSync(file, 'utf8')}`;
}

/**
 * Loads a Lua script from a file. It is called by its SHA-1 and sent whole only to a server that does not know it (NOSCRIPT),
 * so a restarted or failed-over Redis needs no extra care.
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

/** Whether the server does not know a script by its hash: it has never run it, or was restarted since. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

/** The answer of a script that returns several values; throws with the name `script` if it is not an array. */
export function arrayOf(script: string, answer: unknown): readonly unknown[] {
  if (!Array.isArray(answer)) throw new Error(`${script} answered ${String(answer)}, not an array`);
  return answer;
}
