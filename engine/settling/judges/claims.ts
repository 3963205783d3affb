/** The judge of claims: how offers, and the wait for one, end. CLAIMS.md draws the states. */
import type { DueClaimant, Move } from '../../../sql/statements/claims/claims.ts';
import { instantOf } from '../../contract/record/stamp.ts';

/**
 * Decides about claimants once every request stamped up to `lapseUs` is known and that time is known to contain no outage.
 * Returns at most one move per claimant, in the order of the instants at which they happened. A claim stamped at or before
 * the deadline counts, unless the same user declined before it. An offer lapses once no such claim can arrive any more. Later
 * requests change nothing.
 */
export function judgeClaims(due: readonly DueClaimant[], opensAtUs: number, lapseUs: number): Move[] {
  const moves: Move[] = [];
  for (const claimant of due) {
    const ended = endOf(claimant, opensAtUs, lapseUs);
    if (ended !== undefined) moves.push({ number: claimant.number, serial: claimant.serial, ...ended });
  }
  return moves.sort((a, b) => a.atUs - b.atUs || a.number - b.number);
}

function endOf(
  { state, claimByUs, claimStamp, leaveStamp }: DueClaimant,
  opensAtUs: number,
  lapseUs: number,
): Pick<Move, 'state' | 'atUs'> | undefined {
  const leaveUs = leaveStamp === null ? undefined : instantOf(leaveStamp, opensAtUs);
  if (state === 'waitlisted') return leaveUs === undefined ? undefined : { state: 'left', atUs: leaveUs };
  if (state !== 'offered' || claimByUs === null) return undefined;
  const isClaim = claimStamp !== null && (leaveStamp === null || claimStamp < leaveStamp);
  const askedUs = isClaim ? instantOf(claimStamp, opensAtUs) : leaveUs;
  if (askedUs !== undefined && askedUs <= claimByUs) {
    return { state: isClaim ? 'claimed' : 'declined', atUs: askedUs };
  }
  return claimByUs <= lapseUs ? { state: 'lapsed', atUs: claimByUs } : undefined;
}
