import type { Bench } from '../bench.ts';
import { startScript } from '../peers/process.ts';
import { median, ratioOf } from '../report/figures.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import type { Round, Stages } from './measure.ts';

const options = {
  rounds: whole(5, 1, 100, 'rounds; in every other one, the hashes come last'),
  entrants: whole(1_000_000, 1_000, 10_000_000, 'entrants, in memory'),
  winners: whole(1_000, 1, 100_000, 'winners, and as many alternates'),
  tickets: whole(1, 1, 1_000, 'tickets of each entrant'),
  json: flag('a JSON object as the last line'),
};

const STAGES = ['freeze', 'root', 'draw', 'proof'] as const;
const LIMIT_MS = 3_600_000;

export const draw: Bench<typeof options> = {
  summary: 'a raffle from its entrants to its proof, against one hash an entrant',
  options,
  kafka: 'no',
  run: async ({ options: { rounds, entrants, winners, tickets }, closing, say }) => {
    say(`${rounds} rounds with ${entrants} entrants`);
    const child = await closing.own(
      startScript(new URL('./worker.ts', import.meta.url), {
        name: 'the draw',
        args: [entrants, winners, tickets, rounds].map(String),
        readyTimeoutMs: LIMIT_MS,
      }),
    );
    const measured = child.ready as { readonly rounds: readonly Round[]; readonly peakBytes: number };
    const hashes = measured.rounds.map(round => round.hashes);
    const ratio = ratioOf(
      measured.rounds.map(({ stages }) => sumOf(stages)),
      hashes,
    );
    const usAnEntrant = (values: readonly number[]): number => (1_000 * median(values)) / entrants;
    const stagesUs = Object.fromEntries(
      STAGES.map(stage => [stage, usAnEntrant(measured.rounds.map(({ stages }) => stages[stage]))]),
    );
    const peakMb = measured.peakBytes / 1e6;
    const goals: readonly Goal[] = [
      {
        what: 'freeze, root, draw and proof ÷ hashes',
        value: ratio.median,
        unit: '',
        must: 5,
        aim: 1.5,
        better: 'less',
      },
      { what: 'peak memory', value: peakMb, unit: ' MB', must: 600, aim: 600, better: 'less' },
    ];
    const text = table(
      ['', 'us an entrant'],
      [
        ["crypto.hash('sha256') of its leaf", usAnEntrant(hashes)],
        ...STAGES.map(stage => [stage, stagesUs[stage]]),
        ['all of them', usAnEntrant(measured.rounds.map(({ stages }) => sumOf(stages)))],
      ],
    );
    return {
      text,
      goals,
      json: { ratio: ratio.median, spread: ratio, stagesUs, hashUs: usAnEntrant(hashes), peakMb },
    };
  },
};

function sumOf(stages: Stages): number {
  return STAGES.reduce((sum, stage) => sum + stages[stage], 0);
}
