/** A Redis per suite, as a process that can be suspended, killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { CACHE_DIR } from '../stack/keeping/owner.ts';
import { choosePorts } from '../stack/servers/ports.ts';
import { findRedis, type RedisProgram } from '../stack/servers/redis.ts';

/** A test file that is ended from outside runs no hooks, but the processes that it started must not outlive it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function redisProgram(): Promise<RedisProgram> {
  return findRedis({
    dir: CACHE_DIR,
    cacheDir: CACHE_DIR,
    env: process.env,
    signal: new AbortController().signal,
    progress: () => undefined,
  });
}

export interface RedisProcessOptions {
  readonly program: RedisProgram;
  readonly port: number;
  /** The process runs in a subdirectory of it, named after its port. */
  readonly dir: string;
  readonly password?: string;
  /** Lines of redis.conf. */
  readonly configuration: string;
  readonly isSentinel?: boolean;
}

export class RedisProcess {
  readonly port: number;
  readonly client: Redis;
  readonly #options: RedisProcessOptions;
  #child: ChildProcess | undefined;

  constructor(options: RedisProcessOptions) {
    const { port, password } = options;
    this.#options = options;
    this.port = port;
    this.client = new Redis({
      host: '127.0.0.1',
      port,
      ...(password === undefined ? {} : { password }),
      maxRetriesPerRequest: null,
      retryStrategy: () => 100,
    });
    this.client.on('error', () => undefined);
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const { program, port, dir, configuration, isSentinel = false } = this.#options;
    const cwd = join(dir, String(port));
    await mkdir(cwd, { recursive: true });
    await writeFile(join(cwd, 'redis.conf'), `bind 127.0.0.1\nport ${port}\n${configuration}`);
    const args = ['redis.conf', ...(isSentinel ? ['--sentinel'] : [])];
    const child = spawn(program.command, args, { cwd, env: program.env, stdio: 'ignore' });
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#child = child;
    await this.client.ping();
  }

  /** It stays alive but answers nothing. */
  suspend(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async ask(...command: readonly [string, ...(string | number)[]]): Promise<string> {
    const [name, ...args] = command;
    return String(await this.client.call(name, ...args));
  }
}

/** A Sentinel that monitors no master. */
export async function startSentinel(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const program = await redisProgram();
  const dir = await mkdtemp(join(tmpdir(), 'fairline-sentinel-'));
  const [port = 0] = await choosePorts(1, []);
  const sentinel = new RedisProcess({ program, port, dir, configuration: '', isSentinel: true });
  await sentinel.start();
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      sentinel.client.disconnect();
      await sentinel.kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
