/**
 * Loaded by node before an engine (`--import`), so that the engine can be measured from inside without knowing of it: the
 * length of its cycles, and the statements that it sends. A line `{"probe":n}` on standard input is answered with an
 * `EngineAnswer` as a line on standard output, and begins a new measurement.
 */
import { createInterface } from 'node:readline';
import { isMainThread } from 'node:worker_threads';
import pg from 'pg';
import { Histogram } from 'prom-client';

export interface EngineAnswer {
  readonly probe: number;
  readonly cycles: number;
  readonly cycleP50Ms: number;
  readonly cycleP99Ms: number;
  readonly cycleMaxMs: number;
  readonly statements: number;
  /** The statements that took most of the time in total. */
  readonly slowest: readonly StatementCost[];
}

export interface StatementCost {
  /** The first words of the statement. */
  readonly words: string;
  readonly count: number;
  /** From sending to the answer, summed over all calls. */
  readonly totalMs: number;
}

const CYCLES = 'fairline_cycle_seconds';
/** The method that prom-client uses as `observe` of each histogram that it makes. */
const OBSERVE = 'observeWithoutExemplar';
const WORDS = 90;
const SHOWN = 25;

const cyclesMs: number[] = [];
const costs = new Map<string, { count: number; totalMs: number }>();
let statements = 0;

function watchCycles(): void {
  const observe: unknown = Reflect.get(Histogram.prototype, OBSERVE);
  if (typeof observe !== 'function') throw new Error(`histograms have no ${OBSERVE}`);
  Object.assign(Histogram.prototype, {
    [OBSERVE](this: { readonly name: string }, ...args: readonly unknown[]): void {
      const [seconds] = args;
      if (this.name === CYCLES && typeof seconds === 'number') cyclesMs.push(seconds * 1e3);
      Reflect.apply(observe, this, args);
    },
  });
}

function watchStatements(): void {
  const { query } = pg.Client.prototype;
  Object.assign(pg.Client.prototype, {
    query(...args: unknown[]): unknown {
      const over = began(args[0]);
      const callback = args.at(-1);
      if (typeof callback === 'function') {
        args[args.length - 1] = (...results: unknown[]): unknown => {
          over();
          return Reflect.apply(callback, undefined, results);
        };
      }
      const answer: unknown = Reflect.apply(query, this, args);
      if (answer instanceof Promise) answer.then(over, over);
      return answer;
    },
  });
}

/** The text of a statement that is sent as an object. */
function textOf(statement: unknown): string {
  const isNamed = typeof statement === 'object' && statement !== null && 'text' in statement;
  return isNamed ? String(statement.text) : JSON.stringify(statement);
}

function began(statement: unknown): () => void {
  statements += 1;
  const text = typeof statement === 'string' ? statement : textOf(statement);
  const words = text.trim().replace(/\s+/g, ' ').slice(0, WORDS);
  const sentMs = performance.now();
  return () => {
    const cost = costs.get(words) ?? { count: 0, totalMs: 0 };
    costs.set(words, { count: cost.count + 1, totalMs: cost.totalMs + performance.now() - sentMs });
  };
}

function answer(probe: number): EngineAnswer {
  const sorted = cyclesMs.splice(0).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  const slowest = [...costs]
    .map(([words, cost]) => ({ words, ...cost }))
    .sort((a, b) => b.totalMs - a.totalMs)
    .slice(0, SHOWN);
  const figures: EngineAnswer = {
    probe,
    cycles: sorted.length,
    cycleP50Ms: at(0.5),
    cycleP99Ms: at(0.99),
    cycleMaxMs: at(1),
    statements,
    slowest,
  };
  costs.clear();
  statements = 0;
  return figures;
}

if (isMainThread) {
  watchCycles();
  watchStatements();
  createInterface({ input: process.stdin }).on('line', line => {
    const request: { probe?: number } = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(answer(request.probe ?? 0))}\n`);
  });
}
