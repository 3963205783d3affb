/**
 * The hashing of a book, in independent jobs of some milliseconds that read and write arrays of numbers. If there is a helper
 * (../primitives.ts), these arrays are in shared memory, and the helper works on them while this thread reads the book; then
 * both do the rest together. Without a helper, each job is done at once.
 *
 * For a book of a million entries, this took 7.5 times as long as one hash per entrant on one thread, and 4.6 to 5 times on
 * two, with two cores.
 */
import type { Helper, Primitives } from '../primitives.ts';
import { KEYS_BYTES, KeyHasher, type KeysJob } from './draw-keys.ts';
import { FREE_AT, Lanes } from './lanes.ts';
import { LEAVES_BYTES, LeafHasher, type LeavesJob } from './leaf-hasher.ts';
import { type Memory, ownMemory, sharedMemory } from './memory.ts';
import { TREE_BYTES, TreeHasher } from './merkle.ts';
import { POOL_BYTES, PoolHasher, type PoolJob } from './pool-hasher.ts';
import { findRepeated, type RepeatedJob } from './repeated.ts';
import { type RootsJob, rootsOfSlices } from './slice-roots.ts';

export type HashJob = LeavesJob | PoolJob | RootsJob | KeysJob | RepeatedJob;

const LEAVES_AT = FREE_AT + TREE_BYTES;
const KEYS_AT = LEAVES_AT + LEAVES_BYTES;
const POOL_AT = KEYS_AT + KEYS_BYTES;
const LANES_BYTES = POOL_AT + POOL_BYTES - FREE_AT;

/** Does jobs, in memory of its own for the messages. */
export class JobHasher {
  readonly trees: TreeHasher;
  readonly #leaves: LeafHasher;
  readonly #keys: KeyHasher;
  readonly #pool: PoolHasher;

  constructor(hash: Pick<Primitives, 'sha256'>) {
    const lanes = new Lanes(LANES_BYTES, hash);
    this.trees = new TreeHasher(lanes);
    this.#leaves = new LeafHasher(lanes, LEAVES_AT);
    this.#keys = new KeyHasher(lanes, KEYS_AT, hash);
    this.#pool = new PoolHasher(lanes, this.trees, POOL_AT, hash);
  }

  run(job: HashJob): void {
    switch (job.kind) {
      case 'leaves':
        this.#leaves.run(job);
        break;
      case 'pool':
        this.#pool.run(job);
        break;
      case 'roots':
        rootsOfSlices(job, this.trees);
        break;
      case 'keys':
        this.#keys.run(job);
        break;
      case 'repeated':
        findRepeated(job);
        break;
    }
  }
}

/** A helper is started once this many jobs wait: a smaller book is done before the helper is ready. */
const JOBS_WORTH_HELP = 4;
/** Jobs handed to the helper in advance, so that it need not wait for this thread. */
const MOST_HANDED_OVER = 4;

export class HashJobs {
  /** The memory for the arrays of jobs. */
  readonly memory: Memory;
  readonly #primitives: Primitives;
  readonly #own: JobHasher;
  readonly #waiting: { readonly job: HashJob; readonly onDone: () => void }[] = [];
  readonly #handedOver = new Set<Promise<void>>();
  #helper: Helper | undefined;
  #isAlone: boolean;

  constructor(primitives: Primitives) {
    this.#primitives = primitives;
    this.#own = new JobHasher(primitives);
    this.#isAlone = primitives.startHelper === undefined;
    this.memory = this.#isAlone ? ownMemory : sharedMemory;
  }

  get trees(): TreeHasher {
    return this.#own.trees;
  }

  /** Takes a job; `onDone` is called when it is done, possibly at once. */
  add(job: HashJob, onDone: () => void = () => undefined): void {
    if (this.#isAlone) {
      this.#own.run(job);
      onDone();
      return;
    }
    this.#waiting.push({ job, onDone });
    if (this.#helper === undefined && this.#waiting.length >= JOBS_WORTH_HELP) this.#callHelper();
    if (this.#isAlone) this.#doAll();
    else this.#handOver();
  }

  /** Does the waiting jobs, together with the helper; resolves when nothing is left. */
  async settle(): Promise<void> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        this.#own.run(next.job);
        next.onDone();
        // Lets the helper's answers arrive in between.
        await this.#helper?.turn();
      } else if (this.#handedOver.size > 0) await Promise.race(this.#handedOver);
      else return;
    }
  }

  /** Drops the waiting jobs: the book is not needed any more. */
  stop(): void {
    this.#waiting.length = 0;
  }

  #callHelper(): void {
    this.#helper = this.#primitives.startHelper?.();
    this.#isAlone = this.#helper === undefined;
  }

  #doAll(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#own.run(next.job);
      next.onDone();
    }
  }

  #handOver(): void {
    while (this.#helper !== undefined && this.#handedOver.size < MOST_HANDED_OVER) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const under: Promise<void> = this.#helper
        .run(next.job)
        .then(next.onDone, () => {
          // Continue without a failed helper: the job's arrays are unchanged, or half filled, and it is done again.
          this.#helper = undefined;
          this.#isAlone = true;
          this.#own.run(next.job);
          next.onDone();
        })
        .finally(() => {
          this.#handedOver.delete(under);
          this.#handOver();
        });
      this.#handedOver.add(under);
    }
  }
}
