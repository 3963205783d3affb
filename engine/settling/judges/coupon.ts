/** The judge of coupons: the first by request time get one, until they are gone. */
import type { TurnEntry } from '../../../sql/statements/campaigns/settling.ts';
import type { CouponStock } from '../../contract/redis/board/board-campaign.ts';

export interface CouponTurn {
  /** Users who get a coupon, with its serial. */
  readonly granted: readonly { readonly serial: number; readonly userId: string }[];
  /** Users on the waitlist behind them, with their waitlist position, from 1. */
  readonly waitlisted: readonly { readonly waitlistPosition: number; readonly userId: string }[];
  /** How many entries this turn decided, including withdrawn ones. */
  readonly decided: number;
  /** The stamp of the last of them; undefined if there was none. */
  readonly lastStamp: number | undefined;
}

/**
 * Decides entries in the given order, which must be that of their stamps. `grantedCount` of `stock` coupons are gone
 * already, and `waitlistedCount` users are on the waitlist. A withdrawn entry gets no coupon and uses none up. It stops when
 * all coupons are gone and the waitlist is full: later entries have lost.
 */
export function judgeCoupons(campaign: CouponStock, entries: readonly TurnEntry[]): CouponTurn {
  const granted: { serial: number; userId: string }[] = [];
  const waitlisted: { waitlistPosition: number; userId: string }[] = [];
  let serial = campaign.grantedCount;
  let waitlistPosition = campaign.waitlistedCount;
  for (const entry of entries) {
    const areGone = serial >= campaign.stock;
    if (areGone && waitlistPosition >= campaign.waitlist) break;
    if (entry.isWithdrawn) continue;
    const { userId } = entry;
    if (areGone) {
      waitlistPosition += 1;
      waitlisted.push({ waitlistPosition, userId });
    } else {
      serial += 1;
      granted.push({ serial, userId });
    }
  }
  return { granted, waitlisted, decided: entries.length, lastStamp: entries.at(-1)?.stamp };
}
