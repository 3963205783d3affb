/** The processes that `npm start` starts. They hold a pipe to it, and end when it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf } from '../contract/process/message-of.ts';

const ROOT = join(import.meta.dirname, '../..');

export type Environment = Record<string, string | undefined>;
export type Say = (line: string) => void;

export interface Spawned {
  readonly child: ChildProcess;
  /** The port of its ready line. Rejects if it ends before. */
  readonly ready: Promise<number>;
}

/** Starts a process of the project. What else it prints goes to `say`. */
export function spawnProcess(
  file: string,
  {
    env,
    flags = [],
    say,
  }: { readonly env: Environment; readonly flags?: readonly string[]; readonly say: Say },
): Spawned {
  const child = spawn(process.execPath, [...flags, '--import', 'tsx', join(ROOT, file)], {
    cwd: ROOT,
    env: { ...env, FAIRLINE_PARENT: 'pipe' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<number>((resolve, reject) => {
    lines.on('line', line => {
      const said: unknown = line.startsWith('{"ready"') ? JSON.parse(line) : undefined;
      if (typeof said === 'object' && said !== null && 'port' in said) resolve(Number(said.port));
      else say(line);
    });
    child.once('error', reject);
    child.once('exit', code =>
      reject(new Error(`${file} ended with code ${code} before it was ready; see above`)),
    );
  });
  return { child, ready };
}

/** Tells it to stop, and resolves when it has ended. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Before a process is started again; twice as long each time, until it has run for a while. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const STEADY_MS = 60_000;

/** Keeps a process running that the others do without for a while: starts it again whenever it ends. */
export class KeptProcess {
  readonly #start: () => Spawned;
  readonly #say: Say;
  readonly #name: string;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = FIRST_WAIT_MS;
  #isStopping = false;

  constructor(name: string, start: () => Spawned, say: Say) {
    this.#name = name;
    this.#start = start;
    this.#say = say;
  }

  /** Starts it; resolves when it is ready, or has ended and will be started again. */
  async start(): Promise<void> {
    const begunMs = performance.now();
    const { child, ready } = this.#start();
    this.#child = child;
    const ended = new Promise<void>(resolve => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
    void ended.then(() => this.#again(child, performance.now() - begunMs));
    await ready.catch((error: unknown) => this.#say(messageOf(error)));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    if (this.#child !== undefined) await endProcess(this.#child);
  }

  #again({ exitCode, signalCode }: ChildProcess, ranMs: number): void {
    if (this.#isStopping) return;
    if (ranMs > STEADY_MS) this.#waitMs = FIRST_WAIT_MS;
    const how = signalCode ?? `code ${exitCode}`;
    this.#say(`${this.#name} ended (${how}); starting it again in ${this.#waitMs / 1_000} s`);
    this.#timer = setTimeout(() => void this.start(), this.#waitMs);
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
  }
}
