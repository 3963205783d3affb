/** The judge of coupons: the first by request time get one, until they are gone. */
import type { TurnEntry } from '../../../sql/statements/campaigns/settling.ts';
import type { CouponPlaces } from '../../contract/redis/board/board-campaign.ts';

export interface CouponTurn {
  /** Who gets one, with its serial. */
  readonly granted: readonly { readonly serial: number; readonly userId: string }[];
  /** Who waits behind them, with their place, from 1. */
  readonly waitlisted: readonly { readonly place: number; readonly userId: string }[];
  /** How many entries this turn decided, those that were withdrawn among them. */
  readonly decided: number;
  /** The stamp of the last of them; undefined when there was none. */
  readonly lastStamp: number | undefined;
}

/**
 * Decides entries in the order they are given in, which must be that of their stamps. `grantedCount` coupons of
 * `places` are gone already, and `waitlistedCount` wait of as many as may. Who has withdrawn gets none and takes none away;
 * who comes when all are gone and the waitlist is full has lost.
 */
export function judgeCoupons(campaign: CouponPlaces, entries: readonly TurnEntry[]): CouponTurn {
  const granted: { serial: number; userId: string }[] = [];
  const waitlisted: { place: number; userId: string }[] = [];
  let serial = campaign.grantedCount;
  let place = campaign.waitlistedCount;
  for (const entry of entries) {
    const areGone = serial >= campaign.places;
    if (areGone && place >= campaign.waitlist) break;
    if (entry.isWithdrawn) continue;
    const { userId } = entry;
    if (areGone) {
      place += 1;
      waitlisted.push({ place, userId });
    } else {
      serial += 1;
      granted.push({ serial, userId });
    }
  }
  return { granted, waitlisted, decided: entries.length, lastStamp: entries.at(-1)?.stamp };
}
