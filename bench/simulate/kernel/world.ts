/**
 * Virtual time: a queue of events, and the processes they belong to.
 *
 * The world runs one event, then everything that follows from it without waiting (all promises that are settled by now), then
 * the next event. Processes reach each other through events only, so running code belongs to the process of the event that
 * began last: `current`. Production's code reads the time and sets timers without naming its process; this is how it gets the
 * time and the timers of its own process (see virtual-time.ts). A paused process receives its events when it continues, late
 * and in order, like one stopped by a signal; a dead one receives none.
 *
 * It uses no sockets and no timers of the machine: between two events it drains the microtasks through `process.nextTick`,
 * which Node runs when no microtask is left. So a seed gives the same run each time.
 */
import { Random } from './random.ts';
import { activate } from './virtual-time.ts';

/** Microseconds. */
export const MS = 1_000;
export const SECOND = 1_000_000;

/** Every run begins then, microseconds since the epoch: an afternoon in 2030. */
export const BEGINNING_US = 1_900_000_000 * SECOND;

/**
 * Where a gateway can be stopped: before it appends a slice, before it ranks what is in the log, and between the request for
 * its lease and the answer. A process can stop between any two instructions; at these it matters.
 */
export const FAILPOINTS = ['append', 'rank', 'lease'] as const;
/** An engine can be stopped after it has read the gateways' reports of streams, with its transaction open. */
export type Failpoint = (typeof FAILPOINTS)[number] | 'presence';

/** As long as the shortest lease: a process that stands still for this long looks dead to others. */
const LONG_US = 500 * MS;

/** A process of a gateway or an engine; or the outside: clients, servers and the network, which are never paused. */
export class Process {
  readonly name: string;
  isDead = false;
  readonly #world: World;
  readonly #bornUs: number;
  /** The rate of its monotonic clock (1 is right), and what the clock showed at the start. */
  readonly #rate: number;
  readonly #offsetUs: number;
  #pausedUntilUs = 0;
  #stoodUntilUs = 0;
  /** How long its clocks stood still before the latest suspension; then that suspension. */
  #frozenUs = 0;
  #suspended = { fromUs: 0, untilUs: 0 };
  #jumpedUs = 0;
  #behindUntilUs = 0;
  #trap: { readonly failpoint: Failpoint; readonly spring: () => void } | undefined;

  constructor(world: World, name: string, clock: { readonly rate: number; readonly offsetUs: number }) {
    this.#world = world;
    this.name = name;
    this.#bornUs = world.nowUs;
    this.#rate = clock.rate;
    this.#offsetUs = clock.offsetUs;
  }

  /** Its monotonic clock, microseconds. It runs while the process is paused, and stands still while it is suspended. */
  monotonicUs(): number {
    return this.#offsetUs + this.#jumpedUs + (this.#world.nowUs - this.#bornUs - this.frozenUs) * this.#rate;
  }

  /** Moves its monotonic clock ahead; such a clock never goes back. */
  jumpAhead(us: number): void {
    this.#jumpedUs += us;
  }

  /** Its wall clock, microseconds since the epoch. Nothing corrects it after a suspension. */
  wallUs(): number {
    return this.#world.nowUs - this.frozenUs;
  }

  /** How long its clocks have stood still, in total. */
  get frozenUs(): number {
    const { fromUs, untilUs } = this.#suspended;
    return this.#frozenUs + Math.max(0, Math.min(this.#world.nowUs, untilUs) - fromUs);
  }

  /** The real duration of a time on its clock. */
  really(us: number): number {
    return us / this.#rate;
  }

  get pausedUntilUs(): number {
    return this.#pausedUntilUs;
  }

  pause(us: number): void {
    this.#pausedUntilUs = Math.max(this.#pausedUntilUs, this.#world.nowUs + us);
    if (us >= LONG_US) this.#stoodUntilUs = Math.max(this.#stoodUntilUs, this.#pausedUntilUs);
  }

  /** The end of its last long pause. */
  get stoodUntilUs(): number {
    return this.#stoodUntilUs;
  }

  /** The machine stands still, and its clocks with it, as a virtual machine does for a snapshot or a migration. */
  suspend(us: number): void {
    this.#frozenUs = this.frozenUs;
    const fromUs = Math.max(this.#world.nowUs, this.#suspended.untilUs);
    this.#suspended = { fromUs, untilUs: Math.max(fromUs, this.#world.nowUs + us) };
    this.#behindUntilUs = Number.POSITIVE_INFINITY;
    this.pause(us);
  }

  /** Until then its clocks were behind without its knowledge; infinite while they still are. */
  get behindUntilUs(): number {
    return this.#behindUntilUs;
  }

  /** A server has told it the time, quickly enough that it knows by how much its clocks are behind. */
  hearTime(): void {
    this.#behindUntilUs = Math.min(this.#behindUntilUs, this.#world.nowUs);
  }

  /** Calls `spring` when the process next reaches that failpoint, just before or after its work there. */
  trap(failpoint: Failpoint, spring: () => void): void {
    this.#trap = { failpoint, spring };
  }

  isTrappedAt(failpoint: Failpoint): boolean {
    return this.#trap?.failpoint === failpoint;
  }

  /**
   * The process is at that failpoint. Undefined if it can go on; otherwise it was stopped, and goes on when the promise
   * resolves: after the pause, or never.
   */
  reach(failpoint: Failpoint): Promise<void> | undefined {
    const trap = this.#trap;
    if (trap?.failpoint !== failpoint) return undefined;
    this.#trap = undefined;
    trap.spring();
    return new Promise(resolve => this.#world.after(0, this, resolve));
  }
}

/** Something that will happen. */
export class Event {
  atUs: number;
  readonly order: number;
  readonly process: Process;
  #run: (() => void) | undefined;

  constructor(atUs: number, order: number, process: Process, run: () => void) {
    this.atUs = atUs;
    this.order = order;
    this.process = process;
    this.#run = run;
  }

  /** Cancels the event. */
  cancel(): void {
    this.#run = undefined;
  }

  /** The work of the event; undefined after `cancel`. */
  get run(): (() => void) | undefined {
    return this.#run;
  }
}

export class World {
  nowUs = BEGINNING_US;
  /** The source of all randomness while a world runs. */
  readonly random: Random;
  readonly outside: Process;
  /** Receives each line of the trace, if there is a reader. */
  readonly say: ((line: string) => void) | undefined;
  current: Process;
  steps = 0;
  /** The first failure; it ends the run. */
  failure: Error | undefined;
  readonly #queue: Event[] = [];
  #order = 0;

  constructor(seed: number, say?: (line: string) => void) {
    this.random = new Random(seed);
    this.outside = new Process(this, 'outside', { rate: 1, offsetUs: 0 });
    this.current = this.outside;
    this.say = say;
  }

  /** Runs `run` after `delayUs`, in that process. */
  after(delayUs: number, process: Process, run: () => void): Event {
    this.#order += 1;
    const event = new Event(this.nowUs + Math.max(0, Math.ceil(delayUs)), this.#order, process, run);
    this.#push(event);
    return event;
  }

  /** Passes one answer to `hear`: the first that the returned function receives, or undefined after `us`. */
  hearOnce<T>(us: number, hear: (answer: T | undefined) => void): (answer: T | undefined) => void {
    let isOver = false;
    const once = (answer: T | undefined): void => {
      if (isOver) return;
      isOver = true;
      timeout.cancel();
      hear(answer);
    };
    const timeout = this.after(us, this.outside, () => once(undefined));
    return once;
  }

  fail(failure: unknown): void {
    this.failure ??= failure instanceof Error ? failure : new Error(String(failure));
  }

  tell(line: () => string): void {
    this.say?.(`${((this.nowUs - BEGINNING_US) / MS).toFixed(3).padStart(10)} ms  ${line()}`);
  }

  /** Runs until something fails, no event is left, the time is over or `isOver` returns true. Never rejects. */
  async run(untilUs: number, isOver: () => boolean): Promise<void> {
    const release = activate(this);
    // Cheaper than `queueMicrotask`, which creates an async resource for each call.
    const settled = Promise.resolve();
    await new Promise<void>(resolve => {
      const turn = (): void => {
        if (this.failure !== undefined || isOver() || !this.#runNext(untilUs)) resolve();
        else void settled.then(drained);
      };
      const drained = (): void => process.nextTick(turn);
      turn();
    });
    release();
  }

  /** Runs one event; false if there is none up to `untilUs`. */
  #runNext(untilUs: number): boolean {
    for (;;) {
      const event = this.#pop();
      if (event === undefined || event.atUs > untilUs) return false;
      const { process, run } = event;
      if (run === undefined || process.isDead) continue;
      if (process.pausedUntilUs > event.atUs) {
        // It keeps its order, so events that were due earlier run earlier.
        event.atUs = process.pausedUntilUs;
        this.#push(event);
        continue;
      }
      this.nowUs = event.atUs;
      this.current = process;
      this.steps += 1;
      try {
        run();
      } catch (error) {
        this.fail(error);
      }
      return true;
    }
  }

  // A binary heap (Williams, CACM 7:347, 1964), the earliest event on top.
  #push(event: Event): void {
    const queue = this.#queue;
    let at = queue.length;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = queue[parentAt];
      if (parent === undefined || !isEarlier(event, parent)) break;
      queue[at] = parent;
      at = parentAt;
    }
    queue[at] = event;
  }

  #pop(): Event | undefined {
    const queue = this.#queue;
    const top = queue[0];
    const last = queue.pop();
    if (last === undefined || queue.length === 0) return top;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = queue[childAt];
      const right = queue[childAt + 1];
      if (child !== undefined && right !== undefined && isEarlier(right, child)) {
        childAt += 1;
        child = right;
      }
      if (child === undefined || !isEarlier(child, last)) break;
      queue[at] = child;
      at = childAt;
    }
    queue[at] = last;
    return top;
  }
}

function isEarlier(a: Event, b: Event): boolean {
  return a.atUs === b.atUs ? a.order < b.order : a.atUs < b.atUs;
}
