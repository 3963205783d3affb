/**
 * A whole fairline per suite: a database, a namespace, an engine and gateways as processes, on the servers that the test
 * runner started.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { openPool, type Pool } from '../../sql/database.ts';
import { newPrivateKey } from '../contract/keys/signing-keys.ts';
import { signTicket } from '../contract/keys/ticket.ts';
import type { LogKind } from '../contract/log/log.ts';
import { type Keys, keysOf } from '../contract/redis/keys.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../contract/redis/redis.ts';
import {
  accountsUrl,
  eventually,
  type SpawnedNode,
  serversFromEnv,
  spawnNode,
  testDatabase,
  testNamespace,
} from './support.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body if it is JSON; an empty object otherwise. */
  readonly body: Record<string, unknown>;
  readonly text: string;
}

export interface RunningProcess {
  readonly url: string;
  readonly port: number;
  readonly process: SpawnedNode;
}

type Variables = Readonly<Record<string, string>>;

export interface SystemOptions {
  readonly log: LogKind;
  readonly gateways?: number;
  readonly gatewayEnv?: Variables;
  readonly engineEnv?: Variables;
  /** The database number of Redis, 0 unless told otherwise; a suite that empties it needs its own. */
  readonly redisDatabase?: number;
  /** A Redis other than the one shared by all suites. */
  readonly redisUrl?: URL;
  /** The nodes of a Cluster, in the format of REDIS_URL, instead of a single Redis. */
  readonly redisCluster?: string;
}

export interface System {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly namespace: string;
  readonly secret: string;
  readonly shopToken: string;
  engine: RunningProcess;
  readonly gateways: RunningProcess[];
  startEngine(env?: Variables): Promise<RunningProcess>;
  startGateway(env?: Variables): Promise<RunningProcess>;
  /** The process that keeps fans' accounts; a gateway passes requests on to its address in ACCOUNTS_URL. */
  startAccounts(env: Variables): Promise<RunningProcess>;
  /** A request of the operator. */
  operate(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** The Authorization header of a new operator with this name and role. */
  operator(name: string, role: string): Promise<{ readonly authorization: string }>;
  /** The Authorization header of a new token of that shop. */
  shopOf(shop: string): Promise<{ readonly authorization: string }>;
  /** Creates a campaign; resolves with its number. Open for an hour unless told otherwise. */
  offer(wanted: Readonly<Record<string, unknown>>): Promise<number>;
  ticket(userId: string): Promise<string>;
  /** A request of a shop's server to a gateway. */
  shop(method: string, path: string, init?: AskInit): Promise<Answer>;
  /** The Authorization header of the shop's server. */
  readonly shopAuthorization: string;
  /** A fan's request to a gateway, with a ticket for the user. */
  ask(userId: string, method: string, path: string, init?: AskInit): Promise<Answer>;
  enter(userId: string, campaign: number, gateway?: number): Promise<Answer>;
  close(): Promise<void>;
}

export interface AskInit {
  readonly gateway?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export const HOUR_MS = 3_600_000;

export async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    headers: response.headers,
    body: isJson ? JSON.parse(text) : {},
    text,
  };
}

export async function startSystem(options: SystemOptions): Promise<System> {
  const servers = serversFromEnv();
  const database = await testDatabase();
  const namespace = testNamespace();
  const secret = randomBytes(24).toString('base64url');
  const token = randomBytes(16).toString('base64url');
  const shopToken = randomBytes(16).toString('base64url');
  const pool = openPool(database.url, { max: 4, applicationName: 'test', onError: () => undefined });
  const redisUrl = new URL(options.redisUrl ?? servers.redisUrl);
  if (options.redisDatabase !== undefined) redisUrl.pathname = `/${options.redisDatabase}`;
  const redisUrls = options.redisCluster ?? redisUrl.href;
  const redis = connectRedis(redisUrls, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
  const keys = keysOf(namespace);
  const shared = {
    DATABASE_URL: database.url,
    REDIS_URL: redisUrls,
    LOG: options.log,
    KAFKA_BROKERS: servers.kafkaBrokers ?? '',
    KAFKA_REPLICATION: '1',
    NAMESPACE: namespace,
    LOG_PARTITIONS: '4',
    LOG_LEVEL: 'warn',
    // The warm-up costs half a second of CPU per gateway; only its own tests need it.
    WARM_UP_MS: '0',
    // Shorter than in production, so that tests of ended leases are fast.
    LEASE_MS: '1500',
    TICKET_SECRET: secret,
    RECEIPT_SALT_SECRET: randomBytes(24).toString('base64url'),
    SIGNING_KEY: newPrivateKey(),
    OPERATOR_TOKEN: token,
    SHOP_TOKEN: shopToken,
    DRAW_SECRET: randomBytes(24).toString('base64url'),
    OPERATOR_SECRET: randomBytes(24).toString('base64url'),
    ACCOUNTS_SECRET: randomBytes(24).toString('base64url'),
  };
  const processes: SpawnedNode[] = [];
  const start = async (file: string, env: Variables): Promise<RunningProcess> => {
    const started = spawnNode(file, { ...shared, ...env });
    processes.push(started);
    const ready: unknown = JSON.parse(await started.ready);
    assert.ok(typeof ready === 'object' && ready !== null && 'port' in ready);
    return { url: `http://127.0.0.1:${ready.port}`, port: Number(ready.port), process: started };
  };
  const startEngine = (env: Variables = {}): Promise<RunningProcess> =>
    start('engine/main.ts', { ENGINE_PORT: '0', ...options.engineEnv, ...env });
  const startGateway = async (env: Variables = {}): Promise<RunningProcess> => {
    const gateway = await start('gateway/main.ts', { GATEWAY_PORT: '0', ...options.gatewayEnv, ...env });
    await eventually(async () => (await fetch(`${gateway.url}/readyz`)).ok, { timeoutMs: 180_000 });
    return gateway;
  };
  const startAccounts = (env: Variables): Promise<RunningProcess> =>
    start('gateway/accounts/main.ts', {
      ACCOUNTS_PORT: '0',
      DATABASE_URL: accountsUrl(database.url),
      ...env,
    });
  const close = async (): Promise<void> => {
    await Promise.all(processes.map(each => each.stop()));
    await pool.end();
    redis.disconnect();
    await database.drop();
  };
  try {
    const engine = await startEngine();
    const gateways: RunningProcess[] = [];
    for (let count = 0; count < (options.gateways ?? 1); count++) gateways.push(await startGateway());
    const ticket = (userId: string): Promise<string> =>
      signTicket(userId, { secret, audience: 'fairline', lifetimeSeconds: 3_600 });
    const system: System = {
      pool,
      redis,
      keys,
      namespace,
      secret,
      shopToken,
      engine,
      gateways,
      startEngine,
      startGateway,
      startAccounts,
      ticket,
      async operate(method, path, body, headers = {}) {
        const response = await fetch(system.engine.url + path, {
          method,
          headers: {
            authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        return await toAnswer(response);
      },
      async operator(name, role) {
        const made = await system.operate('POST', '/v1/tokens', { name, role });
        assert.equal(made.status, 201, made.text);
        return { authorization: `Bearer ${made.body.token}` };
      },
      async shopOf(shop) {
        const name = `${shop} ${randomBytes(4).toString('hex')}`;
        const made = await system.operate('POST', '/v1/shop-tokens', { name, shop });
        assert.equal(made.status, 201, made.text);
        return { authorization: `Bearer ${made.body.token}` };
      },
      async offer(wanted) {
        const closes_at = new Date(Date.now() + HOUR_MS).toISOString();
        const made = await system.operate('POST', '/v1/campaigns', { title: 'A drop', closes_at, ...wanted });
        assert.equal(made.status, 201, made.text);
        return Number(made.body.id);
      },
      async ask(userId, method, path, { gateway = 0, headers = {}, body } = {}) {
        const url = system.gateways[gateway]?.url;
        const authorization = `Bearer ${await ticket(userId)}`;
        const init = {
          method,
          headers: { authorization, ...headers },
          ...(body === undefined ? {} : { body }),
        };
        return await toAnswer(await fetch(url + path, init));
      },
      shopAuthorization: `Bearer ${shopToken}`,
      async shop(method, path, { gateway = 0, headers = {}, body } = {}) {
        const init = {
          method,
          headers: {
            authorization: system.shopAuthorization,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body === undefined ? {} : { body }),
        };
        return await toAnswer(await fetch(system.gateways[gateway]?.url + path, init));
      },
      async enter(userId, campaign, gateway = 0) {
        return await system.ask(userId, 'POST', `/v1/campaigns/${campaign}/entries`, { gateway });
      },
      close,
    };
    return system;
  } catch (error) {
    await close();
    throw error;
  }
}

/** A line of pino's. */
export interface LogLine {
  /** pino's number of the level: 30 info, 40 warn, 50 error. */
  readonly level: number;
  readonly msg: string;
}

export const WARN = 40;
export const ERROR = 50;

/** The lines that a process has logged so far. They arrive over a pipe, so later than its answers. */
export function logLinesOf({ process: { output } }: RunningProcess): LogLine[] {
  return output()
    .split('\n')
    .filter(line => line.startsWith('{"level"'))
    .map(line => JSON.parse(line));
}
