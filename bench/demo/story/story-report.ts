import type { Told } from './story-teller.ts';

export interface StoryReport {
  readonly log: string;
  readonly gateways: number;
  readonly chapters: readonly Told[];
  /** Number of checks made; faults are those that failed. */
  readonly checks: number;
  /** Numbers at the end, under the names that the story uses. */
  readonly counts: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** What is wrong, in plain words; empty when nothing is. */
  readonly faults: readonly string[];
}

/** The report for people. */
export function storyText({ chapters, checks, counts, seconds, faults }: StoryReport): string {
  const row = (name: string, value: string): string => `  ${name.padEnd(34)} ${value}`;
  return [
    '',
    ...chapters.map(told =>
      row(told.chapter, `${told.checks - told.faults} of ${told.checks} as it should be`),
    ),
    '',
    ...Object.entries(counts).map(([name, count]) => row(name, String(count))),
    row('took', `${seconds.toFixed(0)} s`),
    '',
    faults.length === 0
      ? `All ${checks} things that were looked at are as they should be.`
      : `THIS IS OFF:\n${faults.map(fault => `  ${fault}`).join('\n')}`,
    '',
  ].join('\n');
}
