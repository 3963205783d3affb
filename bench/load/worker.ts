/**
 * One generator process. Takes a job as JSON (job.ts) from the first argument, or from the first line of standard
 * input, and prints its result (result.ts) as JSON on the last line of standard output; or `{"error":{code,message}}`,
 * and exits with 1. With `hold` it prints `{"ready":true}` when connected and begins at the next line of input.
 *
 * Try it: `node --import tsx bench/load/worker.ts '{"bases":["http://127.0.0.1:3000"],"path":"/v1/campaigns/1/entries",
 * "users":{"from":0,"to":1000},"ticket":{"secret":"…","audience":"…"}}'`
 */
import { runLoad } from './generator.ts';
import { parseJob } from './job.ts';
import { work } from './worker-line.ts';

await work(async ({ job: given, signal, held }) => {
  const job = parseJob(given);
  const { result } = await runLoad(job, { signal, ...(job.hold ? { ready: held } : {}) });
  return result;
});
