import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { programArguments } from '../../engine/test/program.ts';
import { familyUsage, type ProcessUsage } from './usage.ts';

/** How long a child may take from SIGTERM to its end before it is killed. */
const STOP_GRACE_MS = 10_000;
/** How much of a child's standard error is kept for the message when it fails. */
const STDERR_CHARACTERS = 4_000;

/** How to start a child that prints a JSON line once it is ready. */
export interface ChildOptions {
  /** Used in messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's own environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** A line for the child's standard input at the start: secrets do not belong among arguments, which everybody may see. */
  readonly input?: string;
  /** From start to ready line, 60 s when absent. */
  readonly readyTimeoutMs?: number;
  /** Which JSON line says that it is ready: the first one when absent. */
  readonly isReady?: (line: Readonly<Record<string, unknown>>) => boolean;
}

/** How a process ended: its exit code, or the signal that ended it. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running child. Its standard input stays open: a child that watches it ends with this process. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** The JSON line that reported that the child is ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly exited: Promise<ChildExit>;
  /** The last line of standard output so far; all of it once `exited` is fulfilled. */
  lastLine(): string;
  /** The end of standard error so far. */
  errors(): string;
  /** Writes a line to its standard input. */
  say(line: string): void;
  usage(): Promise<ProcessUsage>;
  /** SIGTERM, SIGKILL after ten seconds; fulfilled when it has ended. Safe to call again. */
  stop(): Promise<ChildExit>;
}

const running = new Set<ChildProcess>();

/** Children that do not watch their standard input must not be left behind by a bench that failed. */
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a process and waits for its ready line. Rejects, with the child's standard error, when it cannot be started, ends
 * before it is ready, or is not ready in time; no process is left running then.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name } = options;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = new Promise<ChildExit>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  running.add(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARACTERS);
  });
  // A child that ends while a line is being written is reported by `exited`; the broken pipe adds nothing.
  child.stdin.on('error', () => {});
  if (options.input !== undefined) child.stdin.write(`${options.input}\n`);
  let lastLine = '';
  let heard: (line: string) => void = () => {};
  createInterface({ input: child.stdout }).on('line', line => {
    lastLine = line;
    heard(line);
  });

  const stop = async (): Promise<ChildExit> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    try {
      return await exited;
    } finally {
      clearTimeout(killer);
    }
  };

  const readyLine = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    const fail = (how: string): void => reject(new Error(`${name} ${how}: ${stderr}`));
    const timer = setTimeout(() => fail('was not ready in time'), options.readyTimeoutMs ?? 60_000);
    heard = line => {
      const parsed = jsonObject(line);
      if (parsed === undefined || options.isReady?.(parsed) === false) return;
      clearTimeout(timer);
      resolve(parsed);
    };
    exited
      .then(
        ({ code, signal }) => fail(`ended (${signal ?? `exit code ${code}`}) before it was ready`),
        reject,
      )
      .finally(() => clearTimeout(timer));
  });

  try {
    const ready = await readyLine;
    const { pid } = child;
    if (pid === undefined) throw new Error(`${name} has no process id`);
    return {
      name,
      pid,
      ready,
      exited,
      lastLine: () => lastLine,
      errors: () => stderr,
      say: line => {
        child.stdin.write(`${line}\n`);
      },
      usage: () => familyUsage(pid),
      stop,
    };
  } catch (error) {
    child.kill('SIGKILL');
    running.delete(child);
    throw error;
  }
}

/** Starts a TypeScript file in a node process of its own; otherwise as `startChild`. */
export function startScript(
  script: URL,
  options: Omit<ChildOptions, 'command' | 'args'> & { readonly args?: readonly string[] },
): Promise<Child> {
  const args = [...programArguments(fileURLToPath(script)), ...(options.args ?? [])];
  return startChild({ ...options, command: process.execPath, args });
}

/** One of the servers in this folder, as a child: `echo` or `idiomatic`. Its base URL follows from the ready line. */
export async function startPeer(
  name: 'echo' | 'idiomatic',
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Child & { readonly base: string }> {
  const child = await startScript(new URL(`./${name}.ts`, import.meta.url), {
    name,
    env: { PORT: '0', ...env },
  });
  const { port } = child.ready;
  return { ...child, base: `http://127.0.0.1:${port}` };
}

function jsonObject(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
