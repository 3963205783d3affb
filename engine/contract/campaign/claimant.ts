/**
 * A claimant as stored in Redis for gateways, one line of text each: `<move number>:<state>:…`, followed by the fields of the
 * state. The number grows with each change, so a delayed engine cannot replace a newer state by an older one.
 */
import type { ShownClaimant } from '../../../sql/statements/claims/claims.ts';

export interface Offered {
  readonly state: 'offered';
  readonly serial: number;
  readonly code: string;
  /** Without the time that outages have added; microseconds since the epoch. */
  readonly claimByUs: number;
  /**
   * What outages had added when this was read in the ledger, microseconds. The board has the same of the whole campaign, but is
   * written and read later: until then an offer that was made after an outage would seem to end earlier by it.
   */
  readonly outageUs: number;
  /** The operator has moved the deadline, so it may be later than the rules say. */
  readonly isMoved: boolean;
}

export type Claimant =
  /** `waitlistPosition`: among all users who were ever waitlisted, from 1. */
  | { readonly state: 'waitlisted'; readonly waitlistPosition: number }
  | Offered
  | { readonly state: 'claimed'; readonly serial: number; readonly code: string; readonly endedUs: number }
  | { readonly state: 'lapsed' | 'declined' | 'left'; readonly endedUs: number };

export function claimantText(moveNumber: number, claimant: Claimant): string {
  switch (claimant.state) {
    case 'waitlisted':
      return `${moveNumber}:waitlisted:${claimant.waitlistPosition}`;
    case 'offered':
      return `${moveNumber}:offered:${claimant.serial}:${claimant.code}:${claimant.claimByUs}:${claimant.outageUs}${claimant.isMoved ? ':moved' : ''}`;
    case 'claimed':
      return `${moveNumber}:claimed:${claimant.serial}:${claimant.code}:${claimant.endedUs}`;
    case 'lapsed':
    case 'declined':
    case 'left':
      return `${moveNumber}:${claimant.state}:${claimant.endedUs}`;
  }
}

/** Parses the output of claimantText; undefined if the user is no claimant. Throws on any other text. */
export function parseClaimant(text: string | null | undefined): Claimant | undefined {
  if (text === null || text === undefined) return undefined;
  const [, state, first, code = '', last, outage, moved] = text.split(':');
  switch (state) {
    case 'waitlisted':
      return { state, waitlistPosition: Number(first) };
    case 'offered':
      return {
        state,
        serial: Number(first),
        code,
        claimByUs: Number(last),
        outageUs: Number(outage),
        isMoved: moved === 'moved',
      };
    case 'claimed':
      return { state, serial: Number(first), code, endedUs: Number(last) };
    case 'lapsed':
    case 'declined':
    case 'left':
      return { state, endedUs: Number(first) };
    default:
      throw new Error(`malformed claimant ${JSON.stringify(text)}`);
  }
}

/** A claimant as stored in the ledger. */
export function claimantOf({
  state,
  waitlistPosition,
  serial,
  code,
  claimByUs,
  outageUs,
  deadlineMoved,
  endedUs,
}: ShownClaimant): Claimant {
  switch (state) {
    case 'waitlisted':
      return { state, waitlistPosition: waitlistPosition ?? 0 };
    case 'offered':
      return {
        state,
        serial: serial ?? 0,
        code: code ?? '',
        claimByUs: claimByUs ?? 0,
        outageUs,
        isMoved: deadlineMoved,
      };
    case 'claimed':
      return { state, serial: serial ?? 0, code: code ?? '', endedUs: endedUs ?? 0 };
    case 'lapsed':
    case 'declined':
    case 'left':
      return { state, endedUs: endedUs ?? 0 };
  }
}
