/**
 * `npm start`: everything on one machine: a private stack unless servers are configured, one engine, the process that keeps accounts, and
 * the gateways.
 *
 * The children hold a pipe to this process, the servers one to their keeper. When this process ends, by Ctrl-C, a signal or a
 * crash, they end too. When the engine or a gateway ends, all stop; the process of accounts, without which entries go on, is started again.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { KeyFileError } from '../contract/keys/key-files.ts';
import { MACHINE_TOKEN_FILE, secretsFor, signingKeysFor } from '../contract/keys/secrets.ts';
import { ConfigError, optional, readConfig, urls, whole } from '../contract/process/config.ts';
import { messageOf } from '../contract/process/message-of.ts';
import { GATEWAY_FLAGS } from '../contract/process/node-flags.ts';
import { makeAccountsRole } from './accounts-role.ts';
import { offerFirstOwner } from './first-owner.ts';
import { keepMachineToken } from './machine-token.ts';
import { type Environment, endProcess, KeptProcess, type Spawned, spawnProcess } from './processes.ts';
import { type Stack, StackError, startStack } from './stack.ts';

const ROOT = join(import.meta.dirname, '../..');
const STACK_DIR = join(ROOT, '.stack');

/** The ports are here as well as in the processes' own configuration, so that a second gateway gets the next one. */
const startVariables = {
  GATEWAYS: whole(1, 1, 64),
  GATEWAY_PORT: whole(8080, 0, 65_000),
  ENGINE_PORT: whole(8081, 0, 65_535),
  ACCOUNTS_PORT: whole(8082, 0, 65_535),
  /** DATABASE_URL for the process of accounts, with a role that has rights on the tables of fans only. */
  ACCOUNTS_DATABASE_URL: optional(
    urls(['postgres', 'postgresql'], 'postgres://[user:password@]host[:port]/database'),
  ),
} as const;

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Starts a process of the project; resolves when it has printed its ready line. */
async function startProcess(file: string, env: Environment, flags: readonly string[] = []): Promise<Running> {
  const { child, ready } = spawnProcess(file, { env, flags, say });
  return { child, port: await ready };
}

/** One that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = Number(Reflect.get(Object(server.address()), 'port'));
  server.close();
  await once(server, 'close');
  return port;
}

async function main(): Promise<void> {
  const config = readConfig(startVariables, process.env);
  const stack = await startStack({ dir: STACK_DIR, env: process.env, onProgress: say });
  for (const note of stack.notes) say(note);
  const children: Running[] = [];
  let stopping: Promise<void> | undefined;
  let accounts: KeptProcess | undefined;
  /** Stops the children, then the stack, with time to shut down cleanly. */
  const stopAll = async (): Promise<void> => {
    await Promise.all([accounts?.stop(), ...children.map(({ child }) => endProcess(child))]);
    await stack.stop();
  };
  const stop = (code: number): void => {
    stopping ??= stopAll().finally(() => process.exit(code));
  };
  process.on('SIGINT', () => stop(0));
  process.on('SIGTERM', () => stop(0));
  try {
    const secrets = { ...secretsFor(STACK_DIR, process.env), ...signingKeysFor(STACK_DIR, process.env) };
    // No burst follows a manual start at once, and gateways start one after another, so they need not be warm.
    const env = { WARM_UP_MS: '0', ...process.env, ...stack.env, ...secrets };
    const accountsUrl =
      config.ACCOUNTS_DATABASE_URL ||
      (process.env.DATABASE_URL
        ? env.DATABASE_URL
        : await makeAccountsRole(stack.env.DATABASE_URL, secrets.ACCOUNTS_SECRET));
    const engine = await startProcess('engine/main.ts', { ...env, ENGINE_PORT: String(config.ENGINE_PORT) });
    children.push(engine);
    // The same at each start, as gateways know it.
    const accountsPort = config.ACCOUNTS_PORT === 0 ? await freePort() : config.ACCOUNTS_PORT;
    const accountsEnv = {
      ACCOUNTS_PUBLIC_URL: `http://localhost:${config.GATEWAY_PORT}`,
      MAIL_DIR: join(STACK_DIR, 'mail'),
      ...env,
      DATABASE_URL: accountsUrl,
      ACCOUNTS_PORT: String(accountsPort),
    };
    const startAccounts = (): Spawned => spawnProcess('gateway/accounts/main.ts', { env: accountsEnv, say });
    accounts = new KeptProcess('the process of accounts', startAccounts, say);
    await accounts.start();
    const gatewayEnv = { ACCOUNTS_URL: `http://127.0.0.1:${accountsPort}`, ...env };
    for (let number = 0; number < config.GATEWAYS; number++) {
      const port = config.GATEWAY_PORT === 0 ? 0 : config.GATEWAY_PORT + number;
      children.push(
        await startProcess('gateway/main.ts', { ...gatewayEnv, GATEWAY_PORT: String(port) }, GATEWAY_FLAGS),
      );
    }
    for (const { child } of children) {
      child.once('exit', code => {
        if (stopping === undefined) say(`a process ended with code ${code}; stopping the rest`);
        stop(1);
      });
    }
    const local = `http://localhost:${engine.port}`;
    if (!process.env.OPERATOR_TOKEN) {
      const file = join(STACK_DIR, MACHINE_TOKEN_FILE);
      await keepMachineToken({ engine: local, secret: secrets.OPERATOR_TOKEN, file, say });
    }
    sayWhere({ engine, accountsPort, gateways: children.slice(1) }, stack);
    await offerFirstOwner({ engine: local, token: secrets.OPERATOR_TOKEN, say });
  } catch (error) {
    if (stopping === undefined) process.stderr.write(`${messageOf(error)}\n`);
    stop(1);
  }
}

interface Everything {
  readonly engine: Running;
  readonly accountsPort: number;
  readonly gateways: readonly Running[];
}

function sayWhere({ engine, accountsPort, gateways }: Everything, stack: Stack): void {
  const [first] = gateways;
  const token = process.env.OPERATOR_TOKEN ? '$OPERATOR_TOKEN' : '$(cat .stack/operator-token)';
  say(`
fairline is up; the log is ${stack.env.LOG === 'kafka' ? 'Kafka' : 'Redis Streams'}. Ctrl-C stops it; the data stays in .stack/.

  the queue     ${gateways.map(({ port }) => `http://127.0.0.1:${port}`).join('  ')}
  the operator  http://127.0.0.1:${engine.port}
  accounts      http://127.0.0.1:${accountsPort}, which the queue passes /v1/accounts on to; e-mails are in .stack/mail
  for shops     SHOP_TOKEN is ${process.env.SHOP_TOKEN ? 'the one you have set' : 'in .stack/shop-token'}

Create a campaign, enter, and watch:

  curl -s http://127.0.0.1:${engine.port}/v1/campaigns -H "authorization: Bearer ${token}" \\
    -H 'content-type: application/json' \\
    -d '{"kind":"coupon","title":"First drop","stock":10,"closes_at":"'$(node -p 'new Date(Date.now() + 36e5).toJSON()')'"}'
  TICKET=$(npm run -s ticket -- alice)
  curl -s -X POST http://127.0.0.1:${first?.port}/v1/campaigns/1/entries -H "authorization: Bearer $TICKET"
  curl -sN http://127.0.0.1:${first?.port}/v1/campaigns/1/queue -H "authorization: Bearer $TICKET"
`);
}

main().catch((error: unknown) => {
  const known = error instanceof ConfigError || error instanceof StackError || error instanceof KeyFileError;
  process.stderr.write(`${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  if (error instanceof StackError) process.stderr.write(`${error.remedy}\n`);
  process.exit(1);
});
