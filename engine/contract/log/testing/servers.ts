/** A log server for one test, which can be killed, frozen and reconfigured without affecting other tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '../../../stack/keeping/processes.ts';
import { readRecord } from '../../../stack/keeping/records.ts';
import { type Stack, startStack } from '../../../stack/stack.ts';
import { eventually, type Servers } from '../../../test/support.ts';
import type { LogKind } from '../log.ts';

export class TestServer {
  readonly #kind: LogKind;
  readonly #dir: string;
  readonly #stacks: Stack[] = [];

  private constructor(kind: LogKind, dir: string) {
    this.#kind = kind;
    this.#dir = dir;
  }

  static async start(kind: LogKind): Promise<TestServer> {
    const server = new TestServer(kind, await mkdtemp(join(tmpdir(), 'fairline-log-')));
    await server.start();
    return server;
  }

  get servers(): Pick<Servers, 'redisUrl' | 'kafkaBrokers'> {
    const env = this.#stacks.at(-1)?.env;
    if (env === undefined) throw new Error('the server was never started');
    return { redisUrl: env.REDIS_URL, ...(env.KAFKA_BROKERS ? { kafkaBrokers: env.KAFKA_BROKERS } : {}) };
  }

  /** Starts it, or restarts it after a kill, on the same port and with the same data. */
  async start(): Promise<void> {
    const { DATABASE_URL: _database, KAFKA_BROKERS: _brokers, REDIS_URL: _redis, ...env } = process.env;
    const others =
      this.#kind === 'kafka'
        ? { DATABASE_URL: 'postgres://unused', REDIS_URL: 'redis://unused' }
        : { DATABASE_URL: 'postgres://unused' };
    this.#stacks.push(await startStack({ dir: this.#dir, env: { ...env, ...others, LOG: this.#kind } }));
  }

  /** For SIGKILL, resolves when the process is dead; SIGSTOP freezes the server until SIGCONT. */
  async signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const server = readRecord(this.#dir, this.#kind)?.process;
    if (server === undefined) throw new Error(`no ${this.#kind} runs in ${this.#dir}`);
    process.kill(server.pid, signal);
    if (signal === 'SIGKILL') await eventually(() => !isRunning(server));
  }

  async remove(): Promise<void> {
    for (const stack of this.#stacks.reverse()) await stack.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
