/**
 * What the demo runs on: a private stack with fresh data, an engine, and the gateways. The children are tied to this
 * process by pipes, and the servers to their keeper by one, so nothing is left running when this process ends, however it
 * ends.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { engineVariables } from '../../engine/config.ts';
import { secretsFor, signingKeysFor } from '../../engine/contract/keys/secrets.ts';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { deleteData, stopAll } from '../../engine/stack/keeping/control.ts';
import { takeLock } from '../../engine/stack/keeping/lock.ts';
import { type StackEnv, StackError, startStack } from '../../engine/stack/stack.ts';
import { accountsVariables } from '../../gateway/accounts/config.ts';
import { gatewayVariables } from '../../gateway/config.ts';
import { type Child, startScript } from '../peers/process.ts';
import { until } from '../system/waiting.ts';

/** Watchers reconnect after this long, up to twice that: not long, because the demo is short. */
const WATCHER_RETRY_MS = 500;
/** The engine opens the registry once its consumer has joined, which takes a while on a busy machine. */
const READY = { everyMs: 50, limitMs: 120_000 };

export interface SiteOptions {
  /** The stack's directory, such as `<project>/.stack/demo`; all data in it is deleted first. */
  readonly dir: string;
  readonly gateways: number;
  readonly log: LogKind | undefined;
  readonly onProgress: (line: string) => void;
}

/** The private servers. */
export interface Servers {
  readonly env: StackEnv;
  readonly namespace: string;
  readonly partitions: number;
}

/** The processes on those servers. */
export interface Site {
  readonly operator: { readonly base: string; readonly token: string };
  readonly ticket: { readonly secret: string; readonly audience: string };
  readonly shopToken: string;
  readonly gateways: readonly string[];
  /** The ledger's, as a superuser. */
  readonly databaseUrl: string;
  /** Where e-mails to fans are written. */
  readonly mailDir: string;
  /** Rejects when the engine, a gateway or the process of accounts ends by itself; never resolves. */
  readonly broken: Promise<never>;
}

/** What to undo at the end, last first; each step runs even when another fails. */
export class Closers {
  readonly #closers: (() => Promise<unknown>)[] = [];
  #closing: Promise<void> | undefined;

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Closes `close` at once when everything is already being closed. */
  add(close: () => Promise<unknown>): void {
    if (this.#closing === undefined) this.#closers.push(close);
    else this.#closing = Promise.all([this.#closing, close()]).then(() => undefined);
  }

  /** Safe to call again. When all is done, rejects with the first error. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const errors: unknown[] = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      await close().catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0) throw errors[0];
  }
}

/** Starts the servers on fresh data, and adds what to undo to `closers`. Rejects with StackError. */
export async function startServers(options: SiteOptions, closers: Closers): Promise<Servers> {
  const { dir, log, onProgress } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  closers.add(await claim(dir));
  await stopAll(dir, onProgress);
  await deleteData(dir);
  const env = { ...ownEnvironment(), ...(log === undefined ? {} : { LOG: log }) };
  const stack = await startStack({ dir, env, onProgress });
  closers.add(() => stack.stop());
  for (const note of stack.notes) onProgress(note);
  return { env: stack.env, namespace: 'demo', partitions: 8 };
}

/** A process of the demo did not start, or has ended; `message` has its last output. */
export class ProcessError extends Error {}

/** Starts engine, accounts and gateways, and adds what to undo to `closers`. Rejects with ProcessError. */
export async function startProcesses(
  { dir, gateways, onProgress }: SiteOptions,
  servers: Servers,
  closers: Closers,
): Promise<Site> {
  const secrets = secretsFor(dir, {});
  const env = {
    ...ownEnvironment(),
    ...servers.env,
    ...secrets,
    ...signingKeysFor(dir, {}),
    NAMESPACE: servers.namespace,
    LOG_PARTITIONS: String(servers.partitions),
    WATCHER_RETRY_MS: String(WATCHER_RETRY_MS),
    GATEWAY_PORT: '0',
    ENGINE_PORT: '0',
    ACCOUNTS_PORT: '0',
    MAIL_DIR: join(dir, 'mail'),
    // The demo is over before a ticket is.
    TICKET_LIFETIME_S: '3600',
    LOG_LEVEL: 'warn',
    // The demo shows who gets what, not how fast the first requests are answered.
    WARM_UP_MS: '0',
    FAIRLINE_PARENT: 'pipe',
  };
  onProgress(`starting the engine, accounts and ${gateways === 1 ? 'a gateway' : `${gateways} gateways`}`);
  const start = async (file: string, name: string, more: object = {}): Promise<Child> => {
    const script = new URL(`../../${file}`, import.meta.url);
    const child = await startScript(script, { name, env: { ...env, ...more } }).catch((error: Error) => {
      throw new ProcessError(error.message, { cause: error });
    });
    closers.add(() => child.stop());
    return child;
  };
  const engine = await start('engine/main.ts', 'the engine');
  const accounts = await start('gateway/accounts/main.ts', 'the process of accounts');
  const numbers = Array.from({ length: gateways }, (_, number) => number + 1);
  const gatewayProcesses = await Promise.all(
    numbers.map(number => start('gateway/main.ts', `gateway ${number}`, { ACCOUNTS_URL: baseOf(accounts) })),
  );
  const all = [engine, accounts, ...gatewayProcesses];
  const broken = Promise.race(all.map(child => ended(child, closers)));
  // The demo's waits race against it. When nothing waits, the next wait reports the end of a process.
  broken.catch(() => undefined);
  await Promise.race([Promise.all(all.map(untilReady)), broken]);
  return {
    operator: { base: baseOf(engine), token: secrets.OPERATOR_TOKEN },
    ticket: { secret: secrets.TICKET_SECRET, audience: 'fairline' },
    shopToken: secrets.SHOP_TOKEN,
    gateways: gatewayProcesses.map(baseOf),
    databaseUrl: servers.env.DATABASE_URL,
    mailDir: env.MAIL_DIR,
    broken,
  };
}

/** Only one demo may run in this directory at a time: another one would delete its data. */
async function claim(dir: string): Promise<() => Promise<void>> {
  const taken = new AbortController();
  try {
    return await takeLock(`${dir}.lock`, taken.signal, holder =>
      taken.abort(
        new StackError(
          `process ${holder.pid} is running a demo in this checkout already`,
          'wait for it, or end it',
        ),
      ),
    );
  } catch (error) {
    throw taken.signal.aborted ? taken.signal.reason : error;
  }
}

/**
 * This process's environment without any variable of its children: the demo has its own servers, secrets and
 * settings, whatever the environment configures.
 */
function ownEnvironment(): Record<string, string | undefined> {
  const names = [gatewayVariables, engineVariables, accountsVariables].flatMap(Object.keys);
  return { ...process.env, ...Object.fromEntries(names.map(name => [name, undefined])) };
}

/** Rejects with ProcessError when it does not become ready. */
async function untilReady(child: Child): Promise<void> {
  const ask = async (): Promise<true | undefined> => (await fetch(`${baseOf(child)}/readyz`)).ok || undefined;
  await until(child.name, READY, ask).catch((error: Error) => {
    throw new ProcessError(`${error.message}; it said:\n${child.errors()}`, { cause: error });
  });
}

function baseOf(child: Child): string {
  return `http://127.0.0.1:${child.ready.port}`;
}

async function ended(child: Child, closers: Closers): Promise<never> {
  const { code, signal } = await child.exited;
  if (closers.isClosing) return await new Promise<never>(() => {});
  throw new ProcessError(
    `${child.name} ended (${signal ?? `exit code ${code}`}) in the middle:\n${child.errors()}`,
  );
}
