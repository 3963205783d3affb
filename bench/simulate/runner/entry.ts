/** What a simulating process takes from a bundle of the project (bundle.ts, worker.ts). */
export { writtenPlan } from '../mutations/plans/index.ts';
export { planOf } from '../plans/make-plan.ts';
export { runPlan } from '../run.ts';
