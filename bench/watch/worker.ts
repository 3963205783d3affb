/**
 * One watcher process. Takes a job as JSON (job.ts) from the first argument, or from the first line of standard input, and
 * prints its result (run.ts) as JSON on the last line of standard output; or `{"error":{code,message}}`, and exits with 1.
 * With `hold` it prints `{"ready":true}` and begins at the next line of input. The line `finish` then says that nobody
 * makes entries any more, `cut` ends the run for all watchers in whatever state they are; the end of the input ends the
 * run, so that the process never outlives its parent.
 *
 * Try it: `node --import tsx bench/watch/worker.ts '{"bases":["http://127.0.0.1:8080"],"groups":[{"campaign":1,
 * "users":{"from":0,"to":10},"enter":"post"}],"ticket":{"secret":"…","audience":"fairline"}}'`
 */
import { setPriority } from 'node:os';
import { work } from '../load/worker-line.ts';
import { parseWatchJob } from './job.ts';
import { runWatch } from './run.ts';

/** In service watchers are on other machines; here they give way to the servers, which are measured. */
const NICENESS = 10;

await work(async ({ job: given, signal, held }) => {
  setPriority(NICENESS);
  const job = parseWatchJob(given);
  const finishing = event();
  const cutOff = event();
  const heard = (line: string): void => {
    if (line === 'finish') finishing.give();
    else if (line === 'cut') cutOff.give();
  };
  const ready = async (): Promise<void> => {
    if (job.hold) await held(heard);
  };
  const { result } = await runWatch(job, {
    ready,
    finishing: finishing.given,
    cutOff: cutOff.given,
    signal,
  });
  return result;
});

function event(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => {};
  const given = new Promise<void>(resolve => {
    give = resolve;
  });
  return { given, give };
}
