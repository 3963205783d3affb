import type { KafkaNeed } from '../engine/stack/plan.ts';
import type { Goal } from './report/goals.ts';
import type { FlagOption, OptionValues, WholeOption } from './report/options.ts';
import type { Closing } from './system/closing.ts';
import type { Servers } from './system/servers.ts';

export type Options = Readonly<Record<string, WholeOption | FlagOption>>;

/** One thing that can be measured: `npm run bench -- <name>`. */
export interface Bench<O extends Options> {
  /** One line for the list of benches. */
  readonly summary: string;
  readonly options: O & { readonly json: FlagOption };
  readonly kafka: KafkaNeed;
  /** Measures. `say` reports progress to a person. Everything that it starts goes into `closing`. */
  run(work: BenchWork<O>): Promise<BenchResult>;
}

export interface BenchWork<O extends Options> {
  readonly servers: Servers;
  readonly options: OptionValues<O>;
  readonly closing: Closing;
  readonly say: (line: string) => void;
}

/** The result as tables for a person and as JSON for a program. */
export interface BenchResult {
  readonly text: string;
  /** Printed below the text; a bench that only compares has none. A missed limit (`must`) fails the run. */
  readonly goals: readonly Goal[];
  readonly json: Readonly<Record<string, unknown>>;
}
