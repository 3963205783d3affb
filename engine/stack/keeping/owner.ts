import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { asStackError, StackError } from '../errors.ts';
import { stopKeptBy } from './control.ts';
import { identify, type ProcessId } from './processes.ts';
import type { KeeperMessage, KeeperRequest } from './protocol.ts';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const KEEPER = fileURLToPath(new URL('keeper.ts', import.meta.url));

/** The directory of downloaded programs, shared by all stacks of this checkout. */
export const CACHE_DIR = join(PROJECT, '.stack', 'cache');
export const DEFAULT_DIR = join(PROJECT, '.stack');

type Ready = Extract<KeeperMessage, { type: 'ready' }>;

/** The owner's end of a keeper. */
export interface Kept {
  readonly ready: Ready;
  /** Ends the keeper and waits until its servers have stopped. */
  end(): Promise<void>;
}

/** Starts a keeper and waits until its servers serve. Rejects with StackError. */
export async function startKeeper(
  request: Omit<KeeperRequest, 'cacheDir'>,
  env: Readonly<Record<string, string | undefined>>,
  onProgress: (line: string) => void,
): Promise<Kept> {
  const dir = resolve(request.dir);
  const child = spawnKeeper({ ...request, dir, cacheDir: CACHE_DIR }, env);
  const keeper = child.pid === undefined ? undefined : identify(child.pid);
  const exited = new Promise(resolve => child.once('exit', resolve));
  // Writing to a killed keeper fails; `exited` shows that it is gone.
  child.stdin?.on('error', () => undefined);
  const ready = await untilReady(child, join(dir, 'keeper.log'), onProgress);
  release(child);
  return { ready, end: () => endKeeper(child, exited, dir, keeper) };
}

function spawnKeeper(
  request: KeeperRequest,
  env: Readonly<Record<string, string | undefined>>,
): ChildProcess {
  let log: number | undefined;
  try {
    mkdirSync(request.dir, { recursive: true });
    log = openSync(join(request.dir, 'keeper.log'), 'a', 0o600);
    return spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), KEEPER, JSON.stringify(request)],
      {
        cwd: PROJECT,
        detached: true,
        // Node's own settings of this process (a debugger's port, a test runner's protocol) must not reach the keeper.
        env: { ...process.env, ...env, NODE_OPTIONS: undefined, NODE_TEST_CONTEXT: undefined },
        stdio: ['pipe', 'pipe', log],
      },
    );
  } catch (error) {
    throw asStackError(error, `cannot use the stack directory ${request.dir}`);
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

function untilReady(child: ChildProcess, log: string, onProgress: (line: string) => void): Promise<Ready> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error('the keeper has no output pipe');
    createInterface({ input: child.stdout }).on('line', line => {
      const message: KeeperMessage = JSON.parse(line);
      if (message.type === 'progress') onProgress(message.line);
      else if (message.type === 'ready') resolve(message);
      else reject(new StackError(message.message, message.remedy));
    });
    child.on('error', error => reject(asStackError(error, 'cannot start the keeper of the stack')));
    // Changes nothing if a message has decided before.
    child.on('close', (code, signal) =>
      reject(
        new StackError(
          `the keeper of the stack ended (${signal ?? code}) before it was ready`,
          `read ${log}`,
        ),
      ),
    );
  });
}

/** Lets this process end while the keeper continues to watch for that end. */
function release(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) {
    if (stream instanceof Socket) stream.unref();
  }
}

async function endKeeper(
  child: ChildProcess,
  exited: Promise<unknown>,
  dir: string,
  keeper: ProcessId | undefined,
): Promise<void> {
  child.ref();
  child.stdin?.end();
  await exited;
  // A killed keeper has stopped nothing, so stop its servers here.
  if (keeper !== undefined) await stopKeptBy(dir, keeper);
}
