/** The judge of coupons: the first by request time get one, until they are gone. */
import type { TurnEntry } from '../../sql/settling.ts';

export interface CouponTurn {
  /** Who gets one, with its serial. */
  readonly granted: readonly { readonly serial: number; readonly userId: string }[];
  /** How many entries this turn decided, those that were withdrawn among them. */
  readonly decided: number;
  /** The stamp of the last of them; undefined when there was none. */
  readonly lastStamp: number | undefined;
}

/**
 * Decides entries in the order they are given in, which must be that of their stamps. `grantedCount` coupons of
 * `places` are gone already. Who has withdrawn gets none and takes none away; who comes when all are gone has lost.
 */
export function judgeCoupons(
  campaign: { readonly places: number; readonly grantedCount: number },
  entries: readonly TurnEntry[],
): CouponTurn {
  const granted: { serial: number; userId: string }[] = [];
  let serial = campaign.grantedCount;
  for (const entry of entries) {
    if (serial >= campaign.places) break;
    if (entry.isWithdrawn) continue;
    serial += 1;
    granted.push({ serial, userId: entry.userId });
  }
  return { granted, decided: entries.length, lastStamp: entries.at(-1)?.stamp };
}
