import type { Bench } from '../bench.ts';
import { median, ratioOf } from '../report/figures.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { type IngestFigures, type IngestRound, measureIngest } from './ingest.ts';

const options = {
  rounds: whole(5, 1, 100, 'rounds; in each one, all take their turn'),
  rows: whole(500_000, 10_000, 2_000_000, 'entries in the log, and rows to insert'),
  json: flag('a JSON object as the last line'),
};

const TITLES = {
  bare: 'insert … select unnest, one connection',
  redisLog: 'the engine, from Redis Streams',
  kafkaLog: 'the engine, from Kafka',
} as const;
const NAMES = ['bare', 'redisLog', 'kafkaLog'] as const;
type Name = (typeof NAMES)[number];

export const ingest: Bench<typeof options> = {
  summary: 'rows/s from the log into the ledger, against a bare insert of the same rows',
  options,
  kafka: 'if-possible',
  run: async ({ servers, options, closing, say }) => {
    const rounds = await measureIngest(servers, options, closing, say);
    const rates = (name: Name): number[] => figures(rounds, name).map(one => one.rowsPerSecond);
    const present = NAMES.filter(name => rates(name).length > 0);
    const ratio = (name: Name) =>
      rates(name).length === 0 ? undefined : ratioOf(rates(name), rates('bare'));
    const spreads = { redisLog: ratio('redisLog'), kafkaLog: ratio('kafkaLog') };
    const each = <T>(of: (name: Name) => T): Record<string, T> =>
      Object.fromEntries(present.map(name => [name, of(name)]));
    const cpuUsPerRow = each(name => mediansOf(figures(rounds, name)));
    const rowsPerSecond = each(name => median(rates(name)));
    const goal = { unit: '', must: 0.8, aim: 1.5, better: 'more' } as const;
    const goals: readonly Goal[] = [
      { what: 'ingest from Redis Streams ÷ bare insert', value: spreads.redisLog?.median, ...goal },
      { what: 'ingest from Kafka ÷ bare insert', value: spreads.kafkaLog?.median, ...goal },
    ];
    const text = table(
      ['', 'rows/s', '÷ bare', 'CPU us a row: engine or client', 'postgres'],
      present.map(name => [
        TITLES[name],
        rowsPerSecond[name],
        name === 'bare' ? 1 : spreads[name]?.median,
        cpuUsPerRow[name]?.engine ?? cpuUsPerRow[name]?.client,
        cpuUsPerRow[name]?.postgres,
      ]),
    );
    const ratios = { redisLog: spreads.redisLog?.median, kafkaLog: spreads.kafkaLog?.median };
    return { text, goals, json: { ratios, spreads, rowsPerSecond, cpuUsPerRow } };
  },
};

function figures(rounds: readonly IngestRound[], name: Name): readonly IngestFigures[] {
  return rounds.flatMap(round => round[name] ?? []);
}

function mediansOf(all: readonly IngestFigures[]): Readonly<Record<string, number>> {
  const names = Object.keys(all[0]?.cpuUs ?? {});
  return Object.fromEntries(names.map(name => [name, median(all.map(one => one.cpuUs[name] ?? 0))]));
}
