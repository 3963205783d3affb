import { SOON } from '../entry/entry-answers.ts';
import type { Answered, Reply } from '../http/reply.ts';
import type { RefusalParts } from '../http/requests.ts';
import { LedgerUnavailable } from './ledger.ts';

/** Answers 503 with the detail if the ledger is unavailable; rethrows any other error. */
export function refuseUnavailable(
  { metrics }: RefusalParts,
  reply: Reply,
  error: unknown,
  detail: string,
): Answered {
  if (!(error instanceof LedgerUnavailable)) throw error;
  metrics.refuse('ledger');
  return reply.problem('unavailable', detail, { headers: SOON });
}
