/**
 * Puts production's code on virtual time without changing it: `performance.now`, `Date.now`, the timers of `globalThis` and of
 * `node:timers/promises`, and `Math.random` answer for the current process of the running world. While no world runs, they are
 * Node's.
 *
 * The exports of Node's modules are bound live, and `syncBuiltinESMExports` (node:module) passes a replaced export on to every
 * module that imported it by name. Do this only in a dedicated process or worker, never in the process of a test.
 */
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';

/** A process with its own clocks; times in microseconds. */
export interface TimedProcess {
  /** How long its clocks have stood still, in total. */
  readonly frozenUs: number;
  monotonicUs(): number;
  /** Since the epoch. */
  wallUs(): number;
  /** How long a time on its clock really takes. */
  really(us: number): number;
}

/** What this module needs of a world (world.ts). */
export interface TimedWorld {
  readonly current: TimedProcess;
  readonly random: { next(): number };
  after(delayUs: number, process: TimedProcess, run: () => void): { cancel(): void };
}

let active: TimedWorld | undefined;
let isInstalled = false;
/**
 * Removes the listeners on the signals of sleepers: Node keeps some signals with listeners alive, with everything they refer
 * to.
 */
const sleepers = new Set<() => void>();

/** Makes a world the current one; the returned function ends that. */
export function activate(world: TimedWorld): () => void {
  install();
  if (active !== undefined) throw new Error('another world runs in this process');
  active = world;
  return () => {
    active = undefined;
    for (const forget of sleepers) forget();
    sleepers.clear();
  };
}

/** A timer of the world; it keeps no process alive. */
class VirtualTimer {
  readonly #world: TimedWorld;
  readonly #owner: TimedProcess;
  readonly #delayUs: number;
  /** How long the owner's clocks had stood still when it was armed. */
  #frozenUs = 0;
  readonly #run: () => void;
  readonly #repeats: boolean;
  #event: { cancel(): void } | undefined;

  constructor(world: TimedWorld, ms: number, run: () => void, repeats: boolean) {
    this.#world = world;
    this.#owner = world.current;
    this.#delayUs = this.#owner.really(ms * 1000);
    this.#run = run;
    this.#repeats = repeats;
    this.#arm();
  }

  clear(): void {
    this.#event?.cancel();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #arm(delayUs = this.#delayUs): void {
    this.#frozenUs = this.#owner.frozenUs;
    this.#event = this.#world.after(delayUs, this.#owner, () => this.#due());
  }

  #due(): void {
    // Timers follow the monotonic clock: the time during which that clock stood still is added.
    const stoodUs = this.#owner.frozenUs - this.#frozenUs;
    if (stoodUs > 0) {
      this.#arm(stoodUs);
      return;
    }
    if (this.#repeats) this.#arm();
    this.#run();
  }
}

function sleep(
  world: TimedWorld,
  ms: number,
  value: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const forget = (): void => {
      signal?.removeEventListener('abort', aborted);
      sleepers.delete(forget);
    };
    const aborted = (): void => {
      forget();
      timer.clear();
      reject(signal?.reason);
    };
    const timer = new VirtualTimer(
      world,
      ms,
      () => {
        forget();
        resolve(value);
      },
      false,
    );
    if (signal === undefined) return;
    signal.addEventListener('abort', aborted);
    sleepers.add(forget);
  });
}

type Run = (...args: unknown[]) => void;

function install(): void {
  if (isInstalled) return;
  isInstalled = true;
  const { now } = performance;
  const { random } = Math;
  const wall = Date.now;
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = globalThis;
  const sleepReally = timersPromises.setTimeout;
  const clearer =
    (really: (timer: never) => void) =>
    (timer: unknown): void => {
      if (timer instanceof VirtualTimer) timer.clear();
      else Reflect.apply(really, undefined, [timer]);
    };
  Object.assign(performance, {
    now: () => (active === undefined ? now.call(performance) : active.current.monotonicUs() / 1000),
  });
  Object.assign(Date, {
    now: () => (active === undefined ? wall() : Math.floor(active.current.wallUs() / 1000)),
  });
  Object.assign(Math, { random: () => (active === undefined ? random() : active.random.next()) });
  Object.assign(globalThis, {
    setTimeout: (run: Run, ms = 0, ...args: unknown[]) =>
      active === undefined
        ? setTimeout(run, ms, ...args)
        : new VirtualTimer(active, ms, () => run(...args), false),
    setInterval: (run: Run, ms = 0, ...args: unknown[]) =>
      active === undefined
        ? setInterval(run, ms, ...args)
        : new VirtualTimer(active, ms, () => run(...args), true),
    setImmediate: (run: Run, ...args: unknown[]) =>
      active === undefined
        ? setImmediate(run, ...args)
        : new VirtualTimer(active, 0, () => run(...args), false),
    clearTimeout: clearer(clearTimeout),
    clearInterval: clearer(clearInterval),
    clearImmediate: clearer(clearImmediate),
  });
  Object.assign(timersPromises, {
    setTimeout: (ms: number, value?: unknown, options?: { readonly signal?: AbortSignal }) =>
      active === undefined ? sleepReally(ms, value, options) : sleep(active, ms, value, options?.signal),
  });
  syncBuiltinESMExports();
}
