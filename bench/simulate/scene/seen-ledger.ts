/** The checker's view of the model's tables. */
import type { SeenLedger } from '../checks/checker-ledger.ts';
import type { LedgerTables } from '../models/ledger/ledger-tables.ts';

export function seenLedgerOf(tables: LedgerTables): SeenLedger {
  return {
    shop: {
      coupons: () => tables.coupons.rows(),
      redemptions: () => tables.redemptions.rows(),
      uses: () => tables.uses.rows(),
      refunds: () => tables.refunds.rows(),
      requests: () => tables.shopRequests.rows(),
      nowMs: () => tables.now().getTime(),
    },
    campaigns: () => tables.campaigns.rows(),
    versions: () => tables.versions.rows(),
    entries: () => tables.entries.rows(),
    grants: () => tables.grants.rows(),
    withdrawals: () => tables.withdrawals.rows(),
    deadLetters: () => tables.deadLetters.rows(),
    alternates: () => tables.alternates.rows(),
    claimants: () => tables.claimants.rows(),
    people: () => tables.people.rows(),
    roomTerms: () => tables.roomTerms.rows(),
    slices: () => tables.slices.rows(),
  };
}
