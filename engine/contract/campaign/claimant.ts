/**
 * A claimant as Redis has them for gateways, a line of text each: `<move number>:<state>:…`, behind it what belongs to the
 * state. The number grows with each change, so an engine that was held up puts nothing old in the place of something newer.
 */
import type { ShownClaimant } from '../../../sql/statements/claims/claims.ts';

export interface Offered {
  readonly state: 'offered';
  readonly serial: number;
  readonly code: string;
  /** Without what outages have added, which the board has; microseconds since the epoch. */
  readonly claimByUs: number;
  /** The operator has moved the deadline, so it may lie further away than the rules say. */
  readonly isMoved: boolean;
}

export type Claimant =
  /** `place`: among all who were ever told to wait, from 1. */
  | { readonly state: 'waitlisted'; readonly place: number }
  | Offered
  | { readonly state: 'claimed'; readonly serial: number; readonly code: string; readonly endedUs: number }
  | { readonly state: 'lapsed' | 'declined' | 'left'; readonly endedUs: number };

export function claimantText(moveNumber: number, claimant: Claimant): string {
  switch (claimant.state) {
    case 'waitlisted':
      return `${moveNumber}:waitlisted:${claimant.place}`;
    case 'offered':
      return `${moveNumber}:offered:${claimant.serial}:${claimant.code}:${claimant.claimByUs}${claimant.isMoved ? ':moved' : ''}`;
    case 'claimed':
      return `${moveNumber}:claimed:${claimant.serial}:${claimant.code}:${claimant.endedUs}`;
    case 'lapsed':
    case 'declined':
    case 'left':
      return `${moveNumber}:${claimant.state}:${claimant.endedUs}`;
  }
}

/** Reads what claimantText wrote; undefined for nobody. Throws on any other text. */
export function parseClaimant(text: string | null | undefined): Claimant | undefined {
  if (text === null || text === undefined) return undefined;
  const [, state, first, code = '', last, moved] = text.split(':');
  switch (state) {
    case 'waitlisted':
      return { state, place: Number(first) };
    case 'offered':
      return { state, serial: Number(first), code, claimByUs: Number(last), isMoved: moved === 'moved' };
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

/** A claimant as the ledger has them. */
export function claimantOf({
  state,
  place,
  serial,
  code,
  claimByUs,
  deadlineMoved,
  endedUs,
}: ShownClaimant): Claimant {
  switch (state) {
    case 'waitlisted':
      return { state, place: place ?? 0 };
    case 'offered':
      return {
        state,
        serial: serial ?? 0,
        code: code ?? '',
        claimByUs: claimByUs ?? 0,
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
