import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { startScript } from '../peers/process.ts';
import { median, ratioOf } from '../report/figures.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';

const options = {
  rounds: whole(5, 1, 100, 'rounds; in every other one, the hashes come last'),
  entrants: whole(1_000_000, 1_000, 5_000_000, 'entries of the book, a raffle'),
  slice: whole(400, 1, 100_000, 'entries a slice; each slice has a signature'),
  json: flag('a JSON object as the last line'),
};

const LIMIT_MS = 3_600_000;

export interface Round {
  /** One `crypto.hash('sha256')` call per entrant, of 46 bytes. */
  readonly hashesMs: number;
  readonly verifyMs: number;
  /** CPU time of all threads. */
  readonly cpuMs: number;
}

export const verify: Bench<typeof options> = {
  summary: 'a whole book verified, against one hash an entrant',
  options,
  kafka: 'no',
  run: async ({ options: { rounds, entrants, slice }, closing, say }) => {
    const directory = await mkdtemp(join(tmpdir(), 'fairline-bench-'));
    await closing.own(Promise.resolve({ stop: () => rm(directory, { recursive: true, force: true }) }));
    const path = join(directory, 'book.ndjson.gz');
    const run = async (script: string, name: string, ...args: readonly (string | number)[]) => {
      const started = startScript(new URL(script, import.meta.url), {
        name,
        args: args.map(String),
        readyTimeoutMs: LIMIT_MS,
      });
      return (await closing.own(started)).ready;
    };
    say(`making a book of ${entrants} entries`);
    const made = await run('./make.ts', 'the maker', path, entrants, slice);
    say(`${rounds} rounds`);
    const measured = await run('./worker.ts', 'the verifier', path, entrants, rounds);
    return resultOf(
      measured.rounds as readonly Round[],
      Number(measured.peakBytes),
      Number(made.bytes),
      entrants,
    );
  },
};

function resultOf(rounds: readonly Round[], peakBytes: number, bookBytes: number, entrants: number) {
  const hashesMs = rounds.map(round => round.hashesMs);
  const ratio = ratioOf(
    rounds.map(round => round.verifyMs),
    hashesMs,
  );
  const usAnEntrant = (values: readonly number[]): number => (1_000 * median(values)) / entrants;
  const figures = {
    hashUs: usAnEntrant(hashesMs),
    verifyUs: usAnEntrant(rounds.map(round => round.verifyMs)),
    cpuUs: usAnEntrant(rounds.map(round => round.cpuMs)),
    peakMb: peakBytes / 1e6,
    bookMb: bookBytes / 1e6,
  };
  const goal = { better: 'less' } as const;
  const goals: readonly Goal[] = [
    { what: 'verifying ÷ hashes', value: ratio.median, unit: '', must: 5, aim: 1.5, ...goal },
    { what: 'peak memory', value: figures.peakMb, unit: ' MB', must: 600, aim: 600, ...goal },
  ];
  const text = table(
    ['', 'us an entrant'],
    [
      ["crypto.hash('sha256') of its leaf", figures.hashUs],
      ['verifying the book', figures.verifyUs],
      ['the CPU that takes, all threads', figures.cpuUs],
    ],
  );
  return { text, goals, json: { ratio: ratio.median, spread: ratio, ...figures } };
}
