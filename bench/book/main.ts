import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { median } from '../report/figures.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { type Measured, measureBook } from './measure.ts';

const options = {
  slices: whole(200_000, 1_000, 10_000_000, 'slices in the time of the campaign, of one item each'),
  entries: whole(20_000, 1, 1_000_000, 'of these items, entries of the campaign'),
  json: flag('a JSON object as the last line'),
};

export const book: Bench<typeof options> = {
  summary: 'a book of many slices made by an engine that goes on settling, and verified',
  options,
  kafka: 'no',
  run: async ({ servers, options: { slices, entries }, closing, say }) => {
    const directory = await mkdtemp(join(tmpdir(), 'fairline-bench-'));
    await closing.own(Promise.resolve({ stop: () => rm(directory, { recursive: true, force: true }) }));
    const terms = { slices, entries: Math.min(slices, entries) };
    return resultOf(await measureBook(servers, terms, directory, closing, say), slices);
  },
};

function resultOf(measured: Measured, slices: number) {
  const { makingSeconds, verifySeconds, settledAtRest, settledMeanwhile } = measured;
  if (settledAtRest.length === 0 || settledMeanwhile.length === 0)
    throw new Error('the book was made before anybody could enter meanwhile: expected more slices');
  const figures = {
    bookMb: measured.bookBytes / 1e6,
    makingSeconds,
    makingUs: (1e6 * makingSeconds) / slices,
    restMb: measured.restBytes / 1e6,
    overMb: (measured.peakBytes - measured.restBytes) / 1e6,
    settledAtRestMs: median(settledAtRest),
    settledMeanwhileMs: median(settledMeanwhile),
    settledMeanwhileMostMs: Math.max(...settledMeanwhile),
    verifySeconds,
    verifyUs: (1e6 * verifySeconds) / slices,
    verifyMb: measured.verifyPeakBytes / 1e6,
  };
  const goals: readonly Goal[] = [
    { what: 'engine over rest', value: figures.overMb, unit: ' MB', must: 150, aim: 50, better: 'less' },
  ];
  const text = [
    table(
      ['', 'seconds', 'us a slice', 'MB'],
      [
        ['the book', '', '', figures.bookMb],
        ['making it; engine over what it has at rest', makingSeconds, figures.makingUs, figures.overMb],
        ['verifying it', verifySeconds, figures.verifyUs, figures.verifyMb],
      ],
    ),
    table(
      ['from a 202 to the outcome, ms', 'median', 'most'],
      [
        ['before', figures.settledAtRestMs, Math.max(...settledAtRest)],
        ['while the book is made', figures.settledMeanwhileMs, figures.settledMeanwhileMostMs],
      ],
    ),
  ].join('\n\n');
  return { text, goals, json: figures };
}
