/** For the tests of this folder: the API on a real socket, with its own database, Redis keys and token. */
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { openPool, type Pool } from '../../../sql/database.ts';
import { readBlockList } from '../../../sql/statements/operators/blocks.ts';
import { readConfirmations } from '../../campaigns/telling/confirmations.ts';
import { ClockWatch } from '../../clock/clock-watch.ts';
import { isoOfMs } from '../../contract/api/instants.ts';
import { TrustedProxies } from '../../contract/clients/trusted-proxies.ts';
import { holdsBlocks, publishBlocks } from '../../contract/redis/board/blocks.ts';
import {
  beginBoard,
  holdsText,
  openBoard,
  publishBoard,
  readBoard,
} from '../../contract/redis/board/board.ts';
import { toBoard } from '../../contract/redis/board/board-campaign.ts';
import { tellCouponsChanged } from '../../contract/redis/coupons/copies.ts';
import { type Keys, keysOf } from '../../contract/redis/keys.ts';
import { acquireLease, beginOpening, openRegistry, putUpNumbers } from '../../contract/redis/lease/lease.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../contract/redis/redis.ts';
import type { Role } from '../../operators/roles.ts';
import { readPositions } from '../../projections/positions.ts';
import { testRandomness } from '../../test/randomness.ts';
import { serversFromEnv, testDatabase, testNamespace } from '../../test/support.ts';
import { buildApi } from '../api.ts';
import type { ApiDeps } from '../deps.ts';

export const TOKEN = 'a-token-of-the-operators';
export const LEASE_MS = 500;
export const EPOCH = 1;
const GIVEN_MS = 600_000;
/** No engine runs that would prepare more. */
const FREE_NUMBERS = [0, 1, 2, 3].map(gateway => ({ gateway, token: '' }));

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly mediaType: string;
  readonly text: string;
  /** The body, if it is JSON; else an empty object. */
  readonly body: Record<string, unknown>;
}

/** Status and problem of an answer: `409 conflict`. */
export function slug(answer: Answer): string {
  return `${answer.status} ${String(answer.body.type).replace('urn:fairline:problem:', '')}`;
}

export interface Call {
  readonly body?: unknown;
  /** Instead of `body`, sent as is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  /** undefined: no token is sent. */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestApi {
  readonly url: string;
  readonly port: number;
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly deps: ApiDeps;
  call(method: string, path: string, call?: Call): Promise<Answer>;
  /** The token of an operator with this name: the same one each time. */
  tokenOf(name: string, role?: Role): Promise<string>;
  /** Makes a campaign through the API and returns its id. */
  create(wanted?: Readonly<Record<string, unknown>>): Promise<number>;
  closesOnBoard(campaignId: number): Promise<number | undefined>;
  /** Stops the server alone. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export async function startApi(changes: Partial<ApiDeps> = {}): Promise<TestApi> {
  const database = await testDatabase();
  const pool = openPool(database.url, { max: 6, applicationName: 'test', onError: () => undefined });
  const redis = connectRedis(serversFromEnv().redisUrl, {
    commandTimeoutMs: 5_000,
    onError: () => undefined,
  });
  await waitForRedis(redis, 10_000);
  const keys = keysOf(testNamespace());
  await beginBoard(redis, keys, EPOCH);
  await openBoard(redis, keys, EPOCH);
  await beginOpening(redis, keys.leases, EPOCH);
  await openRegistry(redis, keys.leases, { epoch: EPOCH, floorUs: 0, leaseMs: GIVEN_MS });
  await putUpNumbers(redis, keys.leases, EPOCH, FREE_NUMBERS);
  const log = pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' }, pino.destination(2));
  const servers = { pool: changes.pool ?? pool, redis, leases: keys.leases };
  const deps: ApiDeps = {
    pool,
    token: TOKEN,
    operatorSecret: 'a secret of the operators, for tests alone',
    proxies: new TrustedProxies([]),
    operatorProvider: undefined,
    registry: new Registry(),
    publish: async campaigns => {
      await publishBoard(redis, keys, EPOCH, { campaigns: campaigns.map(toBoard) });
      return EPOCH;
    },
    couponsChanged: couponIds => tellCouponsChanged(redis, keys, couponIds),
    positions: asked => readPositions(redis, keys, asked),
    clocks: new ClockWatch({ ...servers, stopMs: 50, log }),
    nowUs: async () => {
      const [seconds, microseconds] = await redis.time();
      return Number(seconds) * 1_000_000 + Number(microseconds);
    },
    confirmations: told => readConfirmations(redis, keys, told),
    blocks: {
      tell: async () => {
        await publishBlocks(redis, keys, EPOCH, await readBlockList(pool));
        return EPOCH;
      },
      missing: blocksRevision => readConfirmations(redis, keys, { blocksRevision }),
    },
    leaseMs: LEASE_MS,
    longestLeaseMs: async () => LEASE_MS,
    randomness: testRandomness(),
    ready: () => ({ ok: true, checks: { postgres: 'ok', redis: 'ok' } }),
    log,
    ...changes,
  };
  const app = buildApi(deps);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  async function call(method: string, path: string, options: Call = {}): Promise<Answer> {
    const token = 'token' in options ? options.token : TOKEN;
    const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const mediaType = (response.headers.get('content-type') ?? '').split(';', 1)[0] ?? '';
    const isJson = /[/+]json$/.test(mediaType) && text !== '';
    return {
      status: response.status,
      headers: response.headers,
      mediaType,
      text,
      body: isJson ? JSON.parse(text) : {},
    };
  }

  const tokens = new Map<string, Promise<string>>();
  const make = async (name: string, role: Role): Promise<string> => {
    const made = await call('POST', '/v1/tokens', { body: { name, role } });
    assert.equal(made.status, 201, made.text);
    return String(made.body.token);
  };

  return {
    url,
    port,
    pool,
    redis,
    keys,
    deps,
    call,
    tokenOf: (name, role = 'owner') => {
      const known = tokens.get(name) ?? make(name, role);
      tokens.set(name, known);
      return known;
    },
    create: async wanted => {
      const answer = await call('POST', '/v1/campaigns', { body: { ...coupon(), ...wanted } });
      assert.equal(answer.status, 201, answer.text);
      return Number(answer.body.id);
    },
    closesOnBoard: async campaignId => {
      const news = await readBoard(redis, keys, { epoch: '', version: 0 });
      return news.campaigns.find(campaign => campaign.campaignId === campaignId)?.closesAtUs;
    },
    stop: () => app.close(),
    close: async () => {
      await app.close();
      await pool.end();
      redis.disconnect();
      await database.drop();
    },
  };
}

/** A valid body for a new coupon that closes in an hour. */
export function coupon(): Record<string, unknown> {
  return { kind: 'coupon', title: 'Half price', stock: 10, closes_at: inMs(3_600_000) };
}

export function inMs(ms: number): string {
  return isoOfMs(Date.now() + ms);
}

/** A gateway with a lease that reads the board on request: each read confirms the one before. */
export interface BoardGateway {
  readonly name: string;
  read(): Promise<void>;
  /** Reads continuously until the returned function is called. */
  keepReading(): () => Promise<void>;
}

export async function joinBoard({ redis, keys }: TestApi, name: string): Promise<BoardGateway> {
  const acquired = await acquireLease(redis, keys.leases, GIVEN_MS, name);
  assert.equal(acquired.state, 'ok');
  let known = { epoch: '', version: 0, blocks: 0 };
  const pending = new Map<number, number>();
  const read = async (): Promise<void> => {
    const holds = [holdsText(pending), holdsBlocks(known.blocks)].filter(text => text !== '').join();
    const reader = { ...acquired, holds };
    const { epoch, version, campaigns, blocked } = await readBoard(redis, keys, known, reader);
    for (const campaign of campaigns) {
      if (campaign.pending === undefined) pending.delete(campaign.campaignId);
      else pending.set(campaign.campaignId, campaign.pending.version);
    }
    known = { epoch, version, blocks: blocked?.revision ?? known.blocks };
  };
  return {
    name,
    read,
    keepReading: () => {
      const stop = new AbortController();
      const reading = (async () => {
        while (!stop.signal.aborted) {
          await read();
          await sleep(5);
        }
      })();
      return async () => {
        stop.abort();
        await reading;
      };
    },
  };
}
