/**
 * One generator process. Takes a job as JSON (job.ts) from the first argument, or from the first line of standard
 * input, and prints its result (result.ts) as JSON on the last line of standard output; or `{"error":{code,message}}`,
 * and exits with 1. With `hold` it prints `{"ready":true}` when connected and begins at the next line of input.
 *
 * Try it: `node --import tsx bench/load/worker.ts '{"bases":["http://127.0.0.1:3000"],"path":"/v1/campaigns/1/entries",
 * "users":{"from":0,"to":1000},"ticket":{"secret":"…","audience":"…"}}'`
 */
import { createInterface } from 'node:readline';
import { runLoad } from './generator.ts';
import { LoadError, parseJob } from './job.ts';

const print = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

async function main(): Promise<void> {
  const argument = process.argv[2];
  const aborted = new AbortController();
  const input = createInterface({ input: process.stdin });
  const lines = input[Symbol.asyncIterator]();
  try {
    const text = argument ?? (await lines.next()).value ?? '';
    const job = parseJob(fromJson(text));
    const ready = async (): Promise<void> => {
      print({ ready: true });
      const go = await lines.next();
      if (go.done === true) throw new LoadError('aborted', 'standard input ended before the run began');
      input.once('close', () => aborted.abort());
    };
    const { result } = await runLoad(job, { signal: aborted.signal, ...(job.hold ? { ready } : {}) });
    print(result);
  } finally {
    input.close();
    process.stdin.destroy();
  }
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
