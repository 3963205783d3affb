import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../errors.ts';

/** One specific process: process ids are reused, so the start time distinguishes processes with the same id. */
export interface ProcessId {
  readonly pid: number;
  readonly startedAt: string;
}

const hasProcFs = process.platform === 'linux';

/** The identity of a running process; undefined when there is none, or only a zombie. */
export function identify(pid: number): ProcessId | undefined {
  try {
    if (hasProcFs) {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // proc_pid_stat(5): the name stands in parentheses and may hold anything; field 3 is the state, 22 the start.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const startedAt = fields[19];
      return fields[0] === 'Z' || fields[0] === 'X' || startedAt === undefined
        ? undefined
        : { pid, startedAt };
    }
    // A column an option: by POSIX, everything behind `=` is the header of one column. In UTC a changed time zone changes nothing.
    const output = execFileSync('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return identityIn(pid, output);
  } catch {
    return undefined; // no such process: both reads fail
  }
}

/** The identity of a process in what `ps -o stat= -o lstart=` prints about it; undefined for a zombie. */
export function identityIn(pid: number, output: string): ProcessId | undefined {
  const [state = '', ...started] = output.trim().split(/\s+/);
  return state === '' || state.startsWith('Z') ? undefined : { pid, startedAt: started.join(' ') };
}

export function isRunning(id: ProcessId | undefined): id is ProcessId {
  return id !== undefined && identify(id.pid)?.startedAt === id.startedAt;
}

/** The identity of this very process. */
export function self(): ProcessId {
  return identify(process.pid) ?? { pid: process.pid, startedAt: '' };
}

/** The name of a process' program, without its path; undefined when there is no such process. */
export function programOf(pid: number): string | undefined {
  try {
    if (hasProcFs) return basename(readlinkSync(`/proc/${pid}/exe`));
    const name = execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return basename(name);
  } catch {
    return undefined; // gone, or another user's: in either case not one of our servers
  }
}

/** Whether `findWorkingIn` can find anything here. */
export const seesDirectories = hasProcFs;

/** The running processes of a program whose working directory is `directory`. Finds none where there is no /proc. */
export function findWorkingIn(directory: string, program: RegExp): ProcessId[] {
  if (!hasProcFs) return [];
  const real = realpathSync(directory);
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  const found = pids.filter(
    pid => workingDirectory(pid) === real && program.test(programOf(Number(pid)) ?? ''),
  );
  return found.map(pid => identify(Number(pid))).filter(id => id !== undefined);
}

function workingDirectory(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // gone, or another user's: in either case not one of our servers
  }
}

/** Waits until the process has ended. Returns false if it still runs after `limitMs`. */
export async function waitForEnd(id: ProcessId, limitMs: number): Promise<boolean> {
  const until = performance.now() + limitMs;
  while (isRunning(id)) {
    if (performance.now() > until) return false;
    await sleep(20);
  }
  return true;
}

/** Sends `signal`, and SIGKILL if the process still runs after `graceMs`. */
export async function endProcess(id: ProcessId, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  if (!isRunning(id)) return;
  sendSignal(id.pid, signal);
  if (await waitForEnd(id, graceMs)) return;
  sendSignal(id.pid, 'SIGKILL');
  await waitForEnd(id, 5_000);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. Rejects only when it cannot be run at all (ENOENT, EACCES) or `signal` aborts it. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', chunk => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', chunk => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', code => resolve({ ok: code === 0, stdout, stderr }));
  });
}

/** Like `run`, but a missing command is an ordinary failure. */
export async function tryRun(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  try {
    return await run(command, args, options);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EACCES')) {
      return { ok: false, stdout: '', stderr: `${command}: not found` };
    }
    throw error;
  }
}
