/**
 * Admission: whether a campaign accepts a request stamped at an instant. One pure decision from the board's record, which
 * both the fast path and the answering path use (admission-control.ts).
 *
 * A change that gateways are asked to confirm may already be in effect, so until it is decided a gateway accepts only
 * requests that are right both before and after it.
 */
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';

/** In order of precedence, if several apply. */
export type Refusal = 'cancelled' | 'not_open' | 'closed' | 'changing' | 'paused';

export type AdmissionFacts = Pick<
  BoardCampaign,
  'opensAtUs' | 'closesAtUs' | 'paused' | 'pending' | 'cancelledStamp'
>;

/**
 * Why a request stamped at `instantUs` (microseconds since the epoch) is refused; undefined if it is accepted. `paused`
 * comes last: it refuses new entries only, not the users who have one.
 */
export function refusalAt(campaign: AdmissionFacts, instantUs: number): Refusal | undefined {
  const { opensAtUs, closesAtUs, paused, pending, cancelledStamp } = campaign;
  if (cancelledStamp !== undefined) return 'cancelled';
  if (instantUs < opensAtUs) return 'not_open';
  if (instantUs >= closesAtUs) return 'closed';
  if (pending === undefined) return paused === undefined ? undefined : 'paused';
  if (pending.cancelled || pending.opensAtUs !== opensAtUs || instantUs >= pending.closesAtUs)
    return 'changing';
  return paused === undefined && !pending.paused ? undefined : 'paused';
}
