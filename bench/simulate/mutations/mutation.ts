/**
 * A bug put into the code on purpose: a replacement in the text of one file. The simulator runs a bundle with it
 * (runner/bundle.ts). The text must occur exactly once: if the code changes, the mutation must follow.
 */
import type { WrittenPlanName } from './plans/index.ts';

export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** For a bug that few seeds show: the first seed that did when this was written. Earlier seeds are not run. */
  readonly seed?: number;
  /** The plan that shows it, instead of seeds. */
  readonly plan?: WrittenPlanName;
}
