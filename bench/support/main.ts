/** What it costs to find one person among many, and to read what they did. */
import type { Bench } from '../bench.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { makeSite, startEngine } from '../system/fairline.ts';
import { fill } from './fill.ts';
import { LOOK_UP, measureQuestions } from './measure.ts';

const options = {
  entries: whole(1_000_000, 10_000, 10_000_000, 'entries in the ledger, ten of each user'),
  campaigns: whole(2_000, 10, 10_000, 'campaigns that they are in'),
  customers: whole(1_000, 20, 100_000, 'customers, each with every kind of question'),
  json: flag('a JSON object as the last line'),
};

/** Gets the code compiled, and the rows that all questions share into memory. */
const WARMING = 20;
const MUST_MS = 50;
const AIM_MS = 25;

export const support: Bench<typeof options> = {
  summary: 'one person found by id, address, code, serial and receipt, and their story',
  options,
  kafka: 'no',
  run: async ({ servers, options: { entries, campaigns, customers }, closing, say }) => {
    const site = await closing.own(makeSite(servers, 'redis'));
    // An engine makes the schema.
    await (await startEngine(site)).stop();
    say(`a ledger of ${entries} entries in ${campaigns} campaigns is made`);
    const asked = await fill(site.databaseUrl, { entries, campaigns }, customers + WARMING);
    const engine = await closing.own(startEngine(site));
    const api = { base: engine.base, token: site.operatorToken };
    await measureQuestions(api, asked.slice(0, WARMING));
    say('questions are asked');
    return resultOf(await measureQuestions(api, asked.slice(WARMING)));
  },
};

function resultOf(times: Awaited<ReturnType<typeof measureQuestions>>) {
  const figures = [...times].map(([kind, histogram]) => ({
    kind,
    medianMs: histogram.percentileUs(0.5) / 1e3,
    p99Ms: histogram.percentileUs(0.99) / 1e3,
  }));
  const base = figures.find(({ kind }) => kind === LOOK_UP);
  if (base === undefined) throw new Error('nothing was looked up');
  const compared = figures.map(({ kind, medianMs, p99Ms }) => ({
    ...{ kind, medianMs, p99Ms },
    ...{ medianRatio: medianMs / base.medianMs, p99Ratio: p99Ms / base.p99Ms },
  }));
  const slowest = Math.max(...figures.map(({ p99Ms }) => p99Ms));
  const goals: readonly Goal[] = [
    {
      ...{ what: 'the slowest kind, p99', value: slowest, unit: ' ms' },
      ...{ must: MUST_MS, aim: AIM_MS, better: 'less' },
    },
  ];
  const text = table(
    ['question', 'median ms', '÷ look-up', 'p99 ms', '÷ look-up'],
    compared.map(({ kind, medianMs, medianRatio, p99Ms, p99Ratio }) => [
      ...[kind, medianMs, medianRatio, p99Ms, p99Ratio],
    ]),
  );
  return { text, goals, json: { questions: compared } };
}
