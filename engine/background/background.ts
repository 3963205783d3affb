/**
 * The background process of an engine: intake and books. It gives way to all other processes of the machine, because its work can
 * wait: the log keeps what is not ingested yet, and a book is made later. Leases, fences, the reopening of the registry,
 * deadlines and outcomes are the work of the engine's main process, which gives way to none.
 *
 * Not a thread, although Linux has niceness by thread: Node 20 does not load the TypeScript of a thread, and a book's garbage
 * would still be collected by the threads of the main one.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { IntakeCounts } from '../intake/intake.ts';
import type { LogIntake } from '../intake/log-intake.ts';
import type { Call, Command, Report } from './messages.ts';

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** Intake, and the books that fail. */
export interface Background extends LogIntake {
  /** Failed attempts in a row, by campaign. */
  readonly failing: ReadonlyMap<number, number>;
}

/**
 * Starts the process, with the environment of this one. Rejects if it cannot be started, for instance because the log is not
 * available within 15 s. If it ends by itself later, that is an unhandled rejection: an engine that ingests nothing must not seem
 * to work. It ends with this process, whatever that ends by.
 */
export async function startBackground(): Promise<Background> {
  const child = fork(new URL('./main.ts', import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const background = new BackgroundProcess(child);
  await background.opened;
  return background;
}

class BackgroundProcess implements Background {
  readonly opened: Promise<void>;
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, Waiting>();
  #lastCall = 0;
  #name = '';
  #failing: ReadonlyMap<number, number> = new Map();
  #onBatch: (counts: IntakeCounts) => void = () => undefined;
  #opening: Waiting | undefined;
  #hasEnded = false;
  #isClosing = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.opened = new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
    });
    child.on('message', (report: Report) => this.#take(report));
    child.on('error', error => this.#ended(error));
    child.on('exit', (code, signal) =>
      this.#ended(new Error(`the background process has ended with ${signal ?? `code ${code}`}`)),
    );
  }

  get name(): string {
    return this.#name;
  }

  get failing(): ReadonlyMap<number, number> {
    return this.#failing;
  }

  run(onBatch: (counts: IntakeCounts) => void): Promise<void> {
    this.#onBatch = onBatch;
    return this.#call('run');
  }

  trim(): Promise<void> {
    return this.#call('trim');
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#hasEnded) return;
    const exited = once(this.#child, 'exit');
    await this.#call('close').finally(() => this.#child.disconnect());
    await exited;
  }

  #call(command: Command): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#lastCall += 1;
      const call: Call = { call: this.#lastCall, command };
      this.#calls.set(call.call, { resolve, reject });
      // Without a channel the process has ended, and 'exit' rejects all calls.
      this.#child.send(call, () => undefined);
    });
  }

  #take(report: Report): void {
    if ('batch' in report) {
      this.#onBatch(report.batch);
    } else if ('failingBooks' in report) {
      this.#failing = new Map(report.failingBooks);
    } else if ('opened' in report) {
      this.#name = report.opened;
      this.#opening?.resolve();
      this.#opening = undefined;
    } else if ('failed' in report) {
      this.#opening?.reject(new Error(report.failed));
      this.#opening = undefined;
      this.#isClosing = true;
    } else {
      const call = this.#calls.get(report.answered);
      this.#calls.delete(report.answered);
      if (report.fault === undefined) call?.resolve();
      else call?.reject(new Error(report.fault));
    }
  }

  #ended(error: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
    if (this.#opening !== undefined) this.#opening.reject(error);
    else if (!this.#isClosing) void Promise.reject(error);
    this.#opening = undefined;
  }
}
