/**
 * A bug that is put into the code on purpose: a replacement in the text of one file. What is simulated is a bundle with it
 * (runner/bundle.ts). A text that is not there exactly once any more is an error: the code has changed, and its mutation has to
 * follow.
 */
import type { WrittenPlanName } from './plans/index.ts';

export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Of one that only few seeds show: the first that did, when this was written. Those before it are not run. */
  readonly seed?: number;
  /** The plan that shows it. Seeds are not run then. */
  readonly plan?: WrittenPlanName;
}
