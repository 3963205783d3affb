/**
 * `npm run demo`: shows a burst from the opening to the settled ledger, and counts that nothing was lost, doubled or
 * overtaken. `npm run demo -- story`: what operators, fans and a shop do around it, all through HTTP. Ends with 0 only when
 * all is as it has to be; with 1 when something was off or could not be run, with 2 for wrong options.
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
/** What a shell reports of a process that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

/** What a run has found: `text` for people, `report` for programs. */
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
    // On standard output with the view; beside it where that is for a program.
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
