/** A job for a simulating process (jobs.ts, worker.ts). */
import type { WrittenPlanName } from '../mutations/plans/index.ts';

export interface Job {
  /** The bundle's file. */
  readonly file: string;
  /** The plan to run; without it, each seed has its own plan. */
  readonly plan?: WrittenPlanName | undefined;
  /** Seeds; with a plan, the seeds of its schedules. */
  readonly from: number;
  readonly to: number;
  /** Ends at the first seed that fails. */
  readonly untilFailure: boolean;
}

/** The result of a job. */
export interface JobResult {
  readonly job: Job;
  readonly seeds: number;
  readonly steps: number;
  readonly virtualMs: number;
  readonly accepted: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly seed: number; readonly message: string }[];
}
