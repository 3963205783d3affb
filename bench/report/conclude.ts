import type { BenchResult } from '../bench.ts';
import { roundedAll } from './figures.ts';
import { goalTable, missedOf } from './goals.ts';

/**
 * Prints the result: its text, the table of its goals and, given `about` (what was run, on which machine), a JSON object as
 * the last line. Then says which limits were missed. Returns the exit code of the process: 1 if one was.
 */
export function conclude(
  { text, goals, json }: BenchResult,
  about: Readonly<Record<string, unknown>> | undefined,
  { print, say }: { readonly print: (text: string) => void; readonly say: (line: string) => void },
): 0 | 1 {
  const missed = missedOf(goals);
  print(`\n${[text, ...(goals.length === 0 ? [] : [goalTable(goals)])].join('\n\n')}\n`);
  if (about !== undefined) {
    const { bench, ...rest } = about;
    print(`${JSON.stringify({ bench, ...roundedAll(json), missed, ...rest })}\n`);
  }
  for (const line of missed) say(`missed: ${line}`);
  return missed.length === 0 ? 0 : 1;
}
