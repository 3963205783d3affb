/**
 * `npm test`: starts a private stack, runs the test files with node's test runner, stops the stack, and ends with the
 * runner's exit code. `npm test -- <file or directory> ...` runs only those. A server named by the environment (DATABASE_URL,
 * REDIS_URL, KAFKA_BROKERS) is used instead of a private one.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Redis } from 'ioredis';
import pg from 'pg';
import { takeLock } from '../stack/keeping/lock.ts';
import { type Stack, StackError, startStack } from '../stack/stack.ts';
import { bundleTests } from './bundle.ts';
import { TestFilesError, testFiles } from './files.ts';
import { bundleOf, PROJECT } from './program.ts';
import { TEST_DATABASE_PREFIX } from './support.ts';

/**
 * Test files share two cores with the servers. Three at once took all of both, and on a slow machine a test then waited for
 * others longer than for what it waits for.
 */
const CONCURRENCY = 2;
/**
 * These only compute, for minutes on all cores, and none of them measures time. So they run beside the others, one at a time and
 * at the lowest priority: on what is left while the others wait for leases, promises and outages, which is a fifth of two cores.
 */
const COMPUTING = ['bench/simulate/mutations/mutations.test.ts', 'bench/simulate/simulate.test.ts'];
/**
 * For a test, and for a whole test file: one that hangs, or leaves something open, fails after this time. Both limits are for
 * what hangs, not for what is slow: one machine needed two to three times as long for the same seeds, an hour later.
 */
const TIMEOUT_MS = 15 * 60_000;
/** A file that ignores signals does not delay the run for longer than this. */
const RUN_TIMEOUT_MS = 60 * 60_000;
/** Concurrent runs in one checkout have a stack each. */
const RUNS_AT_ONCE = 8;

async function main(): Promise<number> {
  const files = await testFiles(PROJECT, process.argv.slice(2));
  const slot = await freeSlot(join(PROJECT, '.stack'));
  try {
    const stack = await startStack({
      dir: slot.directory,
      env: process.env,
      onProgress: line => process.stderr.write(`${line}\n`),
    });
    try {
      await sweep(stack);
      return await runFiles(files, stack, slot.directory);
    } finally {
      await stack.stop();
    }
  } finally {
    await slot.release();
  }
}

/** The first stack directory that no other run in this checkout is using. */
async function freeSlot(parent: string): Promise<{ directory: string; release: () => Promise<void> }> {
  await mkdir(parent, { recursive: true });
  for (let number = 1; number <= RUNS_AT_ONCE; number++) {
    const directory = join(parent, number === 1 ? 'test' : `test-${number}`);
    const taken = new AbortController();
    try {
      return { directory, release: await takeLock(`${directory}.lock`, taken.signal, () => taken.abort()) };
    } catch (error) {
      if (!taken.signal.aborted) throw error;
    }
  }
  throw new TestFilesError(`${RUNS_AT_ONCE} test runs are active in this checkout; wait for one of them`);
}

/** Removes what earlier interrupted runs have left on the private servers. */
async function sweep(stack: Stack): Promise<void> {
  if (!process.env.DATABASE_URL) {
    const client = new pg.Client({ connectionString: stack.env.DATABASE_URL });
    await client.connect();
    const { rows } = await client.query('select datname from pg_database where datname like $1', [
      `${TEST_DATABASE_PREFIX.replaceAll('_', '\\_')}%`,
    ]);
    for (const { datname } of rows) await client.query(`drop database ${datname} with (force)`);
    await client.end();
  }
  if (!process.env.REDIS_URL) {
    const redis = new Redis(stack.env.REDIS_URL);
    await redis.flushall();
    await redis.quit();
  }
}

async function runFiles(files: readonly string[], stack: Stack, directory: string): Promise<number> {
  const openHandles = join(directory, 'open-handles.txt');
  await writeFile(openHandles, '');
  const bundles = join(directory, 'bundles');
  await bundleTests(files, bundles);
  const env = { ...stack.env, OPEN_HANDLES_FILE: openHandles, FAIRLINE_BUNDLES: bundles };
  const until = performance.now() + RUN_TIMEOUT_MS;
  const computing = files.filter(file => COMPUTING.includes(file));
  const others = files.filter(file => !COMPUTING.includes(file));
  const groups: Group[] = [];
  if (others.length > 0)
    groups.push({
      files: others,
      concurrency: CONCURRENCY,
      timeoutMs: TIMEOUT_MS,
    });
  if (computing.length > 0)
    groups.push({
      files: computing,
      concurrency: 1,
      // How long they take depends on what the others leave.
      timeoutMs: RUN_TIMEOUT_MS,
      priority: constants.priority.PRIORITY_LOW,
    });
  const output = new Output(kafkaLine(stack));
  const codes = await Promise.all(
    groups.map(group => {
      const runner = startRunner(group, bundles, env);
      return untilEnded(runner, group === groups[0] ? output.last(runner) : output.beforeIt(runner), until);
    }),
  );
  process.stderr.write(await readFile(openHandles, 'utf8'));
  return Math.max(...codes.map(code => code ?? 1));
}

/** Test files that one test runner runs. */
interface Group {
  readonly files: readonly string[];
  readonly concurrency: number;
  /** The limit for a test, and for a file. */
  readonly timeoutMs: number;
  /** That of this process unless told otherwise. */
  readonly priority?: number;
}

type Runner = ChildProcessByStdio<null, Readable, null>;

function startRunner(
  { files, concurrency, timeoutMs, priority }: Group,
  bundles: string,
  more: Readonly<Record<string, string>>,
): Runner {
  const { KAFKA_BROKERS: _brokers, NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const options = [
    [
      '--enable-source-maps',
      '--import',
      new URL('./preloaded/report-open-handles.mjs', import.meta.url).href,
    ],
    ['--test', '--test-reporter=spec', `--test-concurrency=${concurrency}`, `--test-timeout=${timeoutMs}`],
  ].flat();
  const runner = spawn(process.execPath, [...options, ...files.map(file => bundleOf(bundles, file))], {
    cwd: PROJECT,
    env: { ...env, ...more, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // What it starts inherits the priority.
  if (runner.pid !== undefined && priority !== undefined) setPriority(runner.pid, priority);
  return runner;
}

/** Resolves with the runner's exit code; undefined if a signal or the limit ended it. */
async function untilEnded(runner: Runner, shown: Promise<void>, until: number): Promise<number | undefined> {
  const timer = setTimeout(() => {
    process.stderr.write(`the run did not end within ${RUN_TIMEOUT_MS / 60_000} minutes\n`);
    runner.kill('SIGKILL');
  }, until - performance.now());
  const stopForwarding = forwardSignals(runner);
  const [code] = await once(runner, 'close');
  await shown;
  clearTimeout(timer);
  const isInterrupted = stopForwarding();
  return typeof code === 'number' && !isInterrupted ? code : undefined;
}

function kafkaLine(stack: Stack): string {
  if (stack.env.KAFKA_BROKERS !== undefined) return 'both logs were tested: Kafka and Redis Streams';
  const why = process.env.LOG === 'redis' ? 'LOG=redis was chosen' : stack.notes.join('; ');
  return `!!! KAFKA WAS NOT TESTED: ${why || 'it could not be started'} !!!`;
}

/** The figures that the simulator's tests print; shown again at the end of the run. */
const FIGURES = /^\s*\S*ℹ (simulator: .*)$/;
/** The first of a runner's closing lines. */
const CLOSING = /^\S*ℹ tests \d/;

/**
 * Shows what runners write, one after the other: that of the last one at once, and before its closing lines all that the one
 * beside it wrote. The simulator's figures and a line stand before the closing lines of both, which end the run.
 */
class Output {
  readonly #line: string;
  readonly #figures = new Set<string>();
  /** The lines of the runner beside the last one, when it has ended. */
  #beside: Promise<readonly string[]> = Promise.resolve([]);

  constructor(line: string) {
    this.#line = line;
  }

  async beforeIt(runner: Runner): Promise<void> {
    this.#beside = this.#linesOf(runner);
    await this.#beside;
  }

  async last(runner: Runner): Promise<void> {
    let isClosing = false;
    for await (const text of this.#read(runner)) {
      if (!isClosing && CLOSING.test(text)) {
        isClosing = true;
        await this.#close();
      }
      process.stdout.write(`${text}\n`);
    }
    // It was ended from outside.
    if (!isClosing) await this.#close();
  }

  async #close(): Promise<void> {
    const beside = await this.#beside;
    const found = beside.findIndex(text => CLOSING.test(text));
    const closing = found === -1 ? beside.length : found;
    const inserted = ['', ...this.#figures, this.#line];
    const lines = [...beside.slice(0, closing), ...inserted, ...beside.slice(closing)];
    process.stdout.write(`${lines.join('\n')}\n`);
  }

  async #linesOf(runner: Runner): Promise<readonly string[]> {
    const lines: string[] = [];
    for await (const text of this.#read(runner)) lines.push(text);
    return lines;
  }

  async *#read(runner: Runner): AsyncGenerator<string> {
    for await (const text of createInterface({ input: runner.stdout })) {
      const [, figure] = FIGURES.exec(text) ?? [];
      if (figure !== undefined) this.#figures.add(figure);
      yield text;
    }
  }
}

/**
 * Ctrl-C and SIGTERM end the runner first; the stack stops after it. Returns a function that tells whether a signal has
 * arrived.
 */
function forwardSignals(runner: Runner): () => boolean {
  let hasCome = false;
  const forward = (signal: NodeJS.Signals): void => {
    hasCome = true;
    runner.kill(signal);
  };
  process.on('SIGINT', forward).on('SIGTERM', forward);
  return () => {
    process.off('SIGINT', forward).off('SIGTERM', forward);
    return hasCome;
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof StackError) process.stderr.write(`${error.message}\n${error.remedy}\n`);
  else if (error instanceof TestFilesError) process.stderr.write(`${error.message}\n`);
  else throw error;
  process.exitCode = 1;
}
