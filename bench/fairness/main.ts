import type { Bench } from '../bench.ts';
import { flag, whole } from '../report/options.ts';
import { MOST_GATEWAYS, measureFairness } from './fairness.ts';
import { tablesOf } from './report.ts';

const options = {
  rounds: whole(1, 1, 100, 'rounds; the counts are summed'),
  clients: whole(2_000, 100, 50_000, 'clients of a run, each asking once'),
  rate: whole(1_000, 10, 20_000, 'clients a second'),
  gateways: whole(MOST_GATEWAYS, 1, MOST_GATEWAYS, 'servers at the most'),
  link: whole(60, 1, 2_000, 'milliseconds that the slow link takes, each way'),
  seed: whole(1, 0, 2_147_483_647, 'of when clients ask'),
  json: flag('a JSON object as the last line'),
};

export const fairness: Bench<typeof options> = {
  summary: 'pairs out of order, with wrong clocks and a slow link: fairline against the ways of others',
  options,
  kafka: 'no',
  run: async ({ servers, options, closing, say }) => {
    const report = await measureFairness(servers, options, closing, say);
    return { text: tablesOf(report), goals: [], json: { ...report } };
  },
};
