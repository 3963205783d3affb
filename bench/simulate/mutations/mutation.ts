/**
 * A bug that is put into the code on purpose: a replacement in the text of one file. The simulator runs a bundle with it
 * (runner/bundle.ts). A text that does not exist exactly once is an error: the code has changed, and its mutation has to
 * follow.
 */
import type { WrittenPlanName } from './plans/index.ts';

export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** For a bug that only few seeds show: the first seed that did when this was written. Earlier seeds are not run. */
  readonly seed?: number;
  /** The plan that shows it; seeds are not run then. */
  readonly plan?: WrittenPlanName;
}
