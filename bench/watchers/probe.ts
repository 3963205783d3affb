/**
 * Loaded by node before the gateway (`--import`), so that the gateway can be measured from inside without knowing of it:
 * how long its event loop is held, and what its heap holds. A line `{"probe":n}` on standard input is answered with a
 * `ProbeAnswer` as a line on standard output, and begins a new measurement of the loop; with `"collect":true` garbage is
 * collected first.
 *
 * A timer of 1 ms watches the loop: it fires late when something holds the loop. It costs the gateway less than 1 % of a
 * core.
 */
import { openSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

export interface ProbeAnswer {
  readonly probe: number;
  /** The longest time from one turn of the loop to the next, in milliseconds, the timer's own 1 ms taken off. */
  readonly longestBlockMs: number;
  /**
   * The longest that the thread computed from one turn to the next, in milliseconds, without the time in which it had no
   * core, or waited for a helper of the garbage collector that had none: the gateway's own share. Null where the system
   * does not report it (only Linux does).
   */
  readonly longestOwnBlockMs: number | null;
  /** How many blocks were longer, by the first measure. */
  readonly over10Ms: number;
  readonly over20Ms: number;
  readonly rssBytes: number;
  /** What V8's heap holds, and the memory that V8 holds outside it. */
  readonly heapBytes: number;
}

const INTERVAL_MS = 1;

class Blocks {
  #lastMs = performance.now();
  #lastRunMs: number | undefined;
  #longestMs = 0;
  #longestOwnMs = 0;
  #over10Ms = 0;
  #over20Ms = 0;
  readonly #schedstat = openSchedstat();
  readonly #bytes = Buffer.alloc(64);

  start(): void {
    this.reset();
    setInterval(() => this.#turn(), INTERVAL_MS).unref();
  }

  reset(): void {
    this.#lastMs = performance.now();
    this.#lastRunMs = this.#runMs();
    this.#longestMs = 0;
    this.#longestOwnMs = 0;
    this.#over10Ms = 0;
    this.#over20Ms = 0;
  }

  figures() {
    return {
      longestBlockMs: this.#longestMs,
      longestOwnBlockMs: this.#lastRunMs === undefined ? null : this.#longestOwnMs,
      over10Ms: this.#over10Ms,
      over20Ms: this.#over20Ms,
    };
  }

  #turn(): void {
    const nowMs = performance.now();
    const runMs = this.#runMs();
    const blockMs = nowMs - this.#lastMs - INTERVAL_MS;
    const ownMs = (runMs ?? 0) - (this.#lastRunMs ?? 0);
    this.#longestMs = Math.max(this.#longestMs, blockMs);
    this.#longestOwnMs = Math.max(this.#longestOwnMs, ownMs);
    if (blockMs > 10) this.#over10Ms += 1;
    if (blockMs > 20) this.#over20Ms += 1;
    this.#lastMs = nowMs;
    this.#lastRunMs = runMs;
  }

  /** How long this thread has had a core since its start: the first field, in nanoseconds (sched-stats.rst). */
  #runMs(): number | undefined {
    if (this.#schedstat === undefined) return undefined;
    const count = readSync(this.#schedstat, this.#bytes, 0, this.#bytes.length, 0);
    return Number(this.#bytes.toString('latin1', 0, count).split(' ')[0]) / 1e6;
  }
}

function openSchedstat(): number | undefined {
  try {
    return openSync('/proc/thread-self/schedstat', 'r');
  } catch {
    return undefined; // not Linux, or a kernel without it
  }
}

function answerLines(blocks: Blocks): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  createInterface({ input: process.stdin }).on('line', line => {
    const asked: { probe?: number; collect?: boolean } = JSON.parse(line);
    const figures = blocks.figures();
    if (asked.collect === true) collect();
    const { rss, heapUsed, external } = process.memoryUsage();
    const answer: ProbeAnswer = {
      probe: asked.probe ?? 0,
      ...figures,
      rssBytes: rss,
      heapBytes: heapUsed + external,
    };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    blocks.reset();
  });
}

if (isMainThread) {
  const blocks = new Blocks();
  blocks.start();
  answerLines(blocks);
}
