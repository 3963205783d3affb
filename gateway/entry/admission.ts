/**
 * Admission: whether what is stamped at an instant is taken into a campaign. One pure decision from the board's record, which
 * the fast path and the answering path both read (admission-control.ts).
 *
 * A change that gateways are asked to confirm may hold already, so until it is decided a gateway takes only what is right
 * before it and after it.
 */
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';

/** In the order in which they are told where several hold. */
export type Refusal = 'cancelled' | 'not_open' | 'closed' | 'changing' | 'paused';

export type AdmissionFacts = Pick<
  BoardCampaign,
  'opensAtUs' | 'closesAtUs' | 'paused' | 'pending' | 'cancelledStamp'
>;

/**
 * Why nothing that is stamped at `instantUs` (microseconds since the epoch) is taken; undefined where it is. `paused` comes
 * last: it refuses those who enter, and nobody who has entered.
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
