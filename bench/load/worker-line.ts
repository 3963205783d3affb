/**
 * How a generator process talks with its parent, in lines of JSON: it reads a job and prints a result last, or prints
 * `{"error":{code,message}}` and exits with 1.
 */
import { createInterface } from 'node:readline';
import { messageOf } from '../../engine/contract/process/message-of.ts';
import { LoadError } from './job.ts';

export interface WorkerLine {
  /** The job: the first argument, or else the first line of standard input. */
  readonly job: unknown;
  /** Aborted when standard input ends after the start of the run, so that the process never outlives its parent. */
  readonly signal: AbortSignal;
  /** Prints that everything is ready, and resolves when the run may start; `heard` gets every further line. */
  held(heard?: (line: string) => void): Promise<void>;
}

/** Prints what `run` resolves with. */
export async function work(run: (line: WorkerLine) => Promise<unknown>): Promise<void> {
  const aborted = new AbortController();
  const input = createInterface({ input: process.stdin });
  const lines = input[Symbol.asyncIterator]();
  const held = async (heard?: (line: string) => void): Promise<void> => {
    print({ ready: true });
    const go = await lines.next();
    if (go.done === true) throw new LoadError('aborted', 'standard input ended before the run began');
    if (heard !== undefined) input.on('line', heard);
    input.once('close', () => aborted.abort());
  };
  try {
    const job = fromJson(process.argv[2] ?? (await lines.next()).value ?? '');
    print(await run({ job, signal: aborted.signal, held }));
  } catch (error) {
    const code = error instanceof LoadError ? error.code : 'crashed';
    print({ error: { code, message: messageOf(error) } });
    if (code === 'crashed') console.error(error);
    process.exitCode = 1;
  } finally {
    input.close();
    process.stdin.destroy();
  }
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LoadError('bad_job', `the job is not JSON: ${text.slice(0, 200)}`, { cause: error });
  }
}
