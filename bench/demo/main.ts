/**
 * `npm run demo`: shows a burst from the opening to the settled ledger, and counts that nothing was lost, doubled or
 * overtaken. `npm run demo -- story`: what operators, fans and a shop do around it, all through HTTP. The exit code is 0
 * only when everything is correct, 1 when something was wrong or could not run, 2 for wrong options.
 */
import { join } from 'node:path';
import { StackError } from '../../engine/stack/stack.ts';
import { runDemo } from './demo.ts';
import { OptionsError, readOptions, readStoryOptions, USAGE } from './options.ts';
import { textOf } from './report.ts';
import { Closers, ProcessError } from './site.ts';
import { runStory } from './story/story.ts';
import { storyText } from './story/story-report.ts';

const DIRECTORY = join(import.meta.dirname, '..', '..', '.stack', 'demo');
const EXIT_USAGE = 2;
/** The exit code that a shell reports for a process that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

/** The result of a run: `text` for people, `report` for programs. */
interface Outcome {
  readonly report: { readonly faults: readonly string[] };
  readonly text: string;
}

/** Reads the command line. Throws OptionsError. */
function readCommand(args: readonly string[]): {
  readonly json: boolean;
  run(closers: Closers, progress: NodeJS.WriteStream): Promise<Outcome>;
} {
  if (args[0] === 'story') {
    const options = readStoryOptions(args.slice(1));
    return {
      json: options.json,
      async run(closers, progress) {
        const onProgress = (line: string): unknown => progress.write(`${line}\n`);
        const report = await runStory({ options, dir: DIRECTORY, closers, onProgress });
        return { report, text: storyText(report) };
      },
    };
  }
  const options = readOptions(args);
  return {
    json: options.json,
    async run(closers, progress) {
      const report = await runDemo({
        options,
        dir: DIRECTORY,
        closers,
        onProgress: line => progress.write(`${line}\n`),
        ...(options.json ? {} : { stream: process.stdout }),
      });
      return { report, text: textOf(report) };
    },
  };
}

async function main(): Promise<number> {
  const { json, run } = readCommand(process.argv.slice(2));
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
  try {
    // The view goes to standard output, or to standard error when standard output is for a program.
    const { report, text } = await run(closers, json ? process.stderr : process.stdout);
    await closers.close();
    if (json) {
      for (const fault of report.faults) process.stderr.write(`${fault}\n`);
      process.stdout.write(`${JSON.stringify(report)}\n`);
    } else {
      process.stdout.write(text);
    }
    return report.faults.length === 0 ? 0 : 1;
  } catch (error) {
    // A failure caused by the interruption is not reported.
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
