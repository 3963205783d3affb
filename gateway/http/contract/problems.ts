/** The problems of whole groups of operations. */
import type { ProblemSlug } from '../../../engine/contract/api/problem.ts';

/** Of an operation on a campaign. */
export const CAMPAIGN_PROBLEMS = [
  'invalid-request',
  'unknown-campaign',
  'unavailable',
] as const satisfies readonly ProblemSlug[];

/** Of an operation on a campaign by a user, or by a shop. */
export const ASKER_PROBLEMS = [
  'unauthenticated',
  ...CAMPAIGN_PROBLEMS,
] as const satisfies readonly ProblemSlug[];
