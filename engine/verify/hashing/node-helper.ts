/** A helper in Node: a thread that does hashing jobs, over shared memory. */
import { Worker } from 'node:worker_threads';
import type { Helper } from '../primitives.ts';
import type { HashJob } from './hash-jobs.ts';

/** A message to the thread, and its answer: the number of a finished job. */
export interface Order {
  readonly number: number;
  readonly job: HashJob;
}

export class ThreadHelper implements Helper {
  readonly #worker: Worker;
  readonly #under = new Map<number, { readonly done: () => void; readonly failed: (error: Error) => void }>();
  #number = 0;
  #failure: Error | undefined;

  constructor() {
    // Its own launcher registers tsx, because this thread's loader does not apply to another thread's first file.
    this.#worker = new Worker(new URL('./node-helper.mjs', import.meta.url), { execArgv: [] });
    // It stays for the next book, but does not keep the process alive.
    this.#worker.unref();
    this.#worker.on('message', (number: number) => this.#take(number));
    this.#worker.on('error', error => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread has ended')));
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  run(job: HashJob): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const number = this.#number++;
    this.#worker.ref();
    return new Promise((done, failed) => {
      this.#under.set(number, { done, failed });
      const order: Order = { number, job };
      this.#worker.postMessage(order);
    });
  }

  /** Ends the thread; unfinished jobs fail. */
  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  turn(): Promise<void> {
    return nextTurn();
  }

  #take(number: number): void {
    const order = this.#under.get(number);
    this.#under.delete(number);
    if (this.#under.size === 0) this.#worker.unref();
    order?.done();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const under = [...this.#under.values()];
    this.#under.clear();
    for (const { failed } of under) failed(error);
  }
}

/** Resolves once messages that have arrived meanwhile are handled. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

let helper: ThreadHelper | undefined;

/** Undefined if no thread can be started. */
export function startHelper(): Helper | undefined {
  try {
    if (helper === undefined || helper.hasFailed) helper = new ThreadHelper();
    return helper;
  } catch {
    return undefined;
  }
}
