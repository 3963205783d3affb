/** A campaign as statements select it. */
import { createHash } from 'node:crypto';
import type { Campaign } from '../../../../../../sql/statements/campaigns/campaigns.ts';
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CampaignRow } from '../../rows.ts';
import type { Transaction } from '../../table.ts';

/** Cached by row version, which is immutable: every cycle selects all campaigns. */
const selections = new WeakMap<CampaignRow, Campaign>();

/** The columns that CAMPAIGN_COLUMNS selects; rooms include their public terms. */
export function selectedBy(tables: LedgerTables, by: Transaction): (row: CampaignRow) => Campaign {
  return row => {
    const room = row.kind === 'room' ? tables.rooms.get(String(row.campaignId), by) : undefined;
    if (room === undefined) return selected(row);
    const { perSecond, capacity, paused, busyUs } = room;
    return { ...selected(row), room: { perSecond, capacity, paused, busyUs } };
  };
}

export function selected(row: CampaignRow): Campaign {
  let selection = selections.get(row);
  if (selection === undefined) {
    const { rules, nonce: _nonce, randomness: _r, signature: _s, ...columns } = row;
    const derived = rules === null ? UNANNOUNCED : (read.get(rules) ?? readRules(rules));
    selection = Object.freeze({ ...columns, ...derived });
    selections.set(row, selection);
  }
  return selection;
}

type Derived = Pick<Campaign, 'rulesHash' | 'draw' | 'monitors' | 'claimWithinS' | 'waitlist'>;
const UNANNOUNCED: Derived = {
  rulesHash: null,
  draw: null,
  monitors: null,
  claimWithinS: null,
  waitlist: 0,
};
/** Cached by the rules that were read last. */
const read = new Map<string, Derived>();
const RULES_KEPT = 100;

function readRules(rules: string): Derived {
  if (read.size >= RULES_KEPT) read.clear();
  const { draw = null, monitors = null, claim_within_s = null, waitlist = 0 } = JSON.parse(rules);
  const rulesHash = createHash('sha256').update(rules).digest();
  const derived = { rulesHash, draw, monitors, claimWithinS: claim_within_s, waitlist };
  read.set(rules, derived);
  return derived;
}

/** A campaign as a step takes it. */
export function taken(tables: LedgerTables, by: Transaction, row: CampaignRow) {
  const isOfIt = ({ campaignId }: { readonly campaignId: number }): boolean => campaignId === row.campaignId;
  const hasOpenClaims = tables.claims.rows(by).some(claim => isOfIt(claim) && !claim.decided);
  const hasOpenWithdrawals = tables.withdrawals
    .rows(by)
    .some(leave => isOfIt(leave) && leave.honoured === null);
  return { ...selectedBy(tables, by)(row), hasOpenClaims, hasOpenWithdrawals };
}
