import { randomBytes } from 'node:crypto';
import { engineVariables } from '../../engine/config.ts';
import { newPrivateKey } from '../../engine/contract/keys/signing-keys.ts';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { GATEWAY_FLAGS } from '../../engine/contract/process/node-flags.ts';
import { type Keys, keysOf } from '../../engine/contract/redis/keys.ts';
import { programArguments } from '../../engine/test/program.ts';
import { gatewayVariables } from '../../gateway/config.ts';
import { type Child, startChild } from '../peers/process.ts';
import { Closing } from './closing.ts';
import { Operator } from './operator.ts';
import type { Servers } from './servers.ts';
import { until } from './waiting.ts';

const AUDIENCE = 'fairline';
/** An engine may have to join a broker's group, and a gateway waits for the engine. */
const READY_LIMIT_MS = 60_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** One fairline's own part of the servers, and the configuration of its processes. */
export interface Site {
  readonly log: LogKind;
  readonly databaseUrl: string;
  readonly namespace: string;
  readonly keys: Keys;
  readonly operatorToken: string;
  readonly shopToken: string;
  /** For the load generator. */
  readonly ticket: { readonly secret: string; readonly audience: string };
  readonly env: Environment;
  /** Drops the database. Data in Redis and Kafka goes with the servers. */
  stop(): Promise<void>;
}

/** A process that listens. */
export interface Process extends Child {
  readonly base: string;
}

/** One engine and some gateways, ready to take entries. */
export interface Fairline {
  readonly site: Site;
  readonly engine: Process;
  readonly gateways: readonly Process[];
  readonly operator: Operator;
  stop(): Promise<void>;
}

/** Sets up a fairline of its own on these servers. `env` changes the configuration of its processes. */
export async function makeSite(servers: Servers, log: LogKind, env: Environment = {}): Promise<Site> {
  if (log === 'kafka' && servers.env.KAFKA_BROKERS === undefined) throw new Error('there is no Kafka');
  const database = await servers.createDatabase();
  const namespace = `bench-${randomBytes(6).toString('hex')}`;
  const secret = randomBytes(32).toString('base64url');
  const operatorToken = randomBytes(32).toString('base64url');
  const shopToken = randomBytes(32).toString('base64url');
  return {
    log,
    databaseUrl: database.url,
    namespace,
    keys: keysOf(namespace),
    operatorToken,
    shopToken,
    ticket: { secret, audience: AUDIENCE },
    env: {
      ...unconfigured(),
      ...servers.env,
      LOG: log,
      DATABASE_URL: database.url,
      NAMESPACE: namespace,
      TICKET_SECRET: secret,
      TICKET_AUDIENCE: AUDIENCE,
      RECEIPT_SALT_SECRET: randomBytes(32).toString('base64url'),
      SIGNING_KEY: newPrivateKey(),
      OPERATOR_TOKEN: operatorToken,
      SHOP_TOKEN: shopToken,
      DRAW_SECRET: randomBytes(32).toString('base64url'),
      OPERATOR_SECRET: randomBytes(32).toString('base64url'),
      LOG_LEVEL: 'warn',
      FAIRLINE_PARENT: 'pipe',
      ...env,
    },
    stop: () => database.drop(),
  };
}

/** Unsets every variable of engine and gateway: the environment's configuration is not for this fairline. */
function unconfigured(): Environment {
  const names = [...Object.keys(engineVariables), ...Object.keys(gatewayVariables)];
  return Object.fromEntries(names.map(name => [name, undefined]));
}

/**
 * Starts an engine as a process; resolves when its API listens, which may be before it consumes the log. `preload`: a
 * module that node loads before the engine.
 */
export function startEngine(site: Site, preload?: URL): Promise<Process> {
  return startProcess('engine', site, { ENGINE_PORT: '0' }, preload);
}

/**
 * Starts a gateway as a process; resolves when it takes entries, which needs a running engine. `preload`: a module that
 * node loads before the gateway.
 */
export async function startGateway(site: Site, preload?: URL): Promise<Process> {
  const gateway = await startProcess('gateway', site, { GATEWAY_PORT: '0' }, preload);
  try {
    await untilReady(gateway);
    return gateway;
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

/** Starts an engine, then the gateways; resolves when every gateway takes entries. */
export async function startFairline(site: Site, { gateways: count = 1 } = {}): Promise<Fairline> {
  const closing = new Closing();
  try {
    const engine = await closing.own(startEngine(site));
    const gateways: Process[] = [];
    for (let number = 0; number < count; number++) {
      gateways.push(await closing.own(startGateway(site)));
    }
    const operator = new Operator(engine.base, site.operatorToken);
    return { site, engine, gateways, operator, stop: () => closing.close() };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

/** Resolves when every gateway knows the campaign; before that a gateway answers 404. */
export async function untilKnown(
  { gateways }: Pick<Fairline, 'gateways'>,
  campaignId: number,
): Promise<void> {
  await Promise.all(
    gateways.map(({ base }) =>
      until(`campaign ${campaignId} at ${base}`, { everyMs: 20, limitMs: READY_LIMIT_MS }, async () => {
        const { ok } = await fetch(`${base}/v1/campaigns/${campaignId}`);
        return ok || undefined;
      }),
    ),
  );
}

/** Resolves when every entry of a closed campaign has its outcome. */
export async function untilSettled({ operator, engine }: Fairline, campaignId: number): Promise<void> {
  let last = '';
  const ask = async (): Promise<true | undefined> => {
    const campaign = await operator.get(campaignId);
    last = JSON.stringify(campaign);
    return campaign.status === 'settled' || undefined;
  };
  await until(`the end of campaign ${campaignId}`, { everyMs: 100, limitMs: 120_000 }, ask).catch(error => {
    throw new Error(`${error.message}; it is ${last}; the engine's log: ${engine.errors()}`, {
      cause: error,
    });
  });
}

/**
 * Resolves when the book of a settled campaign is made. That takes engine and ledger a while, so the next measurement
 * waits.
 */
export async function untilBooked({ gateways: [gateway] }: Fairline, campaignId: number): Promise<void> {
  const ask = async (): Promise<true | undefined> => {
    const response = await fetch(`${gateway?.base}/v1/campaigns/${campaignId}/book`);
    await response.body?.cancel();
    return response.ok || undefined;
  };
  await until(`the book of campaign ${campaignId}`, { everyMs: 200, limitMs: 120_000 }, ask);
}

async function startProcess(
  name: 'engine' | 'gateway',
  site: Site,
  port: Environment,
  preload?: URL,
): Promise<Process> {
  // The preloaded module is TypeScript as well.
  const preloading =
    preload === undefined ? [] : ['--import', import.meta.resolve('tsx'), '--import', preload.href];
  const child = await startChild({
    name,
    command: process.execPath,
    args: [
      ...(name === 'gateway' ? GATEWAY_FLAGS : []),
      ...preloading,
      ...programArguments(`${name}/main.ts`),
    ],
    env: { ...site.env, ...port },
    isReady: line => line.ready === name,
  });
  return { ...child, base: `http://127.0.0.1:${child.ready.port}` };
}

async function untilReady({ base, name, errors }: Process): Promise<void> {
  let last = '';
  const ask = async (): Promise<true | undefined> => {
    const response = await fetch(`${base}/readyz`);
    last = await response.text();
    return response.ok || undefined;
  };
  await until(`${name} at ${base}`, { everyMs: 20, limitMs: READY_LIMIT_MS }, ask).catch(error => {
    throw new Error(`${error.message}; it says ${last}; its log: ${errors()}`, { cause: error });
  });
}
