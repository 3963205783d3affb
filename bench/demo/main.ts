/**
 * `npm run demo`: shows a burst from the opening to the settled ledger, and counts that nothing was lost, doubled or
 * overtaken. Ends with 0 only then; with 1 when something was off or could not be run, with 2 for wrong options.
 */
import { join } from 'node:path';
import { StackError } from '../../engine/stack/stack.ts';
import { runDemo } from './demo.ts';
import { OptionsError, readOptions, USAGE } from './options.ts';
import { textOf } from './report.ts';
import { Closers, ProcessError } from './site.ts';

const DIRECTORY = join(import.meta.dirname, '..', '..', '.stack', 'demo');
const EXIT_USAGE = 2;
/** What a shell reports of a process that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const closers = new Closers();
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interrupted) return;
      interrupted = true;
      process.stderr.write(`\n${signal}: stopping everything\n`);
      void closers.close().finally(() => process.exit(EXIT_INTERRUPTED));
    });
  }
  // On standard output with the view; beside it where that is for a program.
  const progress = options.json ? process.stderr : process.stdout;
  try {
    const report = await runDemo({
      options,
      dir: DIRECTORY,
      closers,
      onProgress: line => progress.write(`${line}\n`),
      ...(options.json ? {} : { stream: process.stdout }),
    });
    await closers.close();
    if (options.json) {
      for (const fault of report.faults) process.stderr.write(`${fault}\n`);
      process.stdout.write(`${JSON.stringify(report)}\n`);
    } else {
      process.stdout.write(textOf(report));
    }
    return report.faults.length === 0 ? 0 : 1;
  } catch (error) {
    // What fails because it was stopped is not told.
    if (interrupted) return EXIT_INTERRUPTED;
    throw error;
  } finally {
    await closers.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof OptionsError) {
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    process.exitCode = EXIT_USAGE;
  } else if (error instanceof StackError) {
    process.stderr.write(`${error.message}\nwhat to do: ${error.remedy}\n`);
    process.exitCode = 1;
  } else if (error instanceof ProcessError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
