/**
 * One watcher process. Takes a job as JSON (job.ts) from the first argument, or from the first line of standard input,
 * and prints its result (run.ts) as JSON on the last line of standard output; or `{"error":{code,message}}`, and exits
 * with 1. With `hold` it prints `{"ready":true}` and begins at the next line of input. The line `finish` then says that
 * nobody makes entries any more, `cut` that it is over for all, wherever they are; the end of the input ends the run, so that it never outlives who started it.
 *
 * Try it: `node --import tsx bench/watch/worker.ts '{"bases":["http://127.0.0.1:8080"],"groups":[{"campaign":1,
 * "users":{"from":0,"to":10},"enter":"post"}],"ticket":{"secret":"…","audience":"fairline"}}'`
 */
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { LoadError } from '../load/job.ts';
import { parseWatchJob } from './job.ts';
import { runWatch } from './run.ts';

/** In service those who watch are elsewhere; here they give way to the servers, which are what is measured. */
const NICENESS = 10;

const print = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

async function main(): Promise<void> {
  setPriority(NICENESS);
  const argument = process.argv[2];
  const aborted = new AbortController();
  const input = createInterface({ input: process.stdin });
  const lines = input[Symbol.asyncIterator]();
  try {
    const job = parseWatchJob(fromJson(argument ?? (await lines.next()).value ?? ''));
    const finishing = signal();
    const cutOff = signal();
    const ready = async (): Promise<void> => {
      if (!job.hold) return;
      print({ ready: true });
      const go = await lines.next();
      if (go.done === true) throw new LoadError('aborted', 'standard input ended before the run began');
      input.on('line', line => {
        if (line === 'finish') finishing.give();
        else if (line === 'cut') cutOff.give();
      });
      input.once('close', () => aborted.abort());
    };
    const { result } = await runWatch(job, {
      ready,
      finishing: finishing.given,
      cutOff: cutOff.given,
      signal: aborted.signal,
    });
    print(result);
  } finally {
    input.close();
    process.stdin.destroy();
  }
}

function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => {};
  const given = new Promise<void>(resolve => {
    give = resolve;
  });
  return { given, give };
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LoadError('bad_job', `the job is not JSON: ${text.slice(0, 200)}`, { cause: error });
  }
}

main().catch((error: unknown) => {
  const code = error instanceof LoadError ? error.code : 'crashed';
  print({ error: { code, message: error instanceof Error ? error.message : String(error) } });
  if (code === 'crashed') console.error(error);
  process.exitCode = 1;
});
