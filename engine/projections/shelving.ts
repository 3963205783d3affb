/**
 * Shelves campaigns: finished campaigns with a book leave Redis, and gateways answer requests about them from the ledger. So
 * Redis holds only running and recently finished campaigns, however many there were.
 *
 * In this order: the ledger marks a campaign as shelved, and from then on nobody writes anything of it to Redis; the board
 * shows it, and gateways drop it; a turn later its keys and its record on the board are deleted. A gateway that has not read
 * the board by then finds nothing in Redis, answers 503, and reads the board. Every step is repeatable, by several engines
 * at once, and after a kill between two steps any engine's next turn completes them.
 */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import { listForShelf, markRanks, shelveCampaign } from '../../sql/statements/campaigns/shelving.ts';
import { campaignName, tryEach } from '../retrying/try-each.ts';
import type { SettlementCycle } from '../settling/settlement-cycle.ts';

/** Campaigns shelved in one turn; the marks of one with millions of entries take seconds. */
const A_TURN = 50;
/** Made in one transaction, of some 200,000 entries. */
const MARKS_AT_ONCE = 200;

export interface ShelvingOptions {
  readonly pool: Pool;
  readonly settlementCycle: Pick<SettlementCycle, 'clearShelved'>;
  /** How long a campaign stays in Redis after its end, ms; undefined: forever. */
  readonly afterMs: number | undefined;
  readonly log: Logger;
}

/** One turn. Tries each campaign, and rejects if any could not be shelved or cleared; the next turn continues. */
export async function shelve(options: ShelvingOptions): Promise<void> {
  const { afterMs, settlementCycle } = options;
  if (afterMs === undefined) return;
  const steps = [
    { name: 'shelving', work: () => shelveDue(options, afterMs) },
    { name: 'clearing', work: () => settlementCycle.clearShelved() },
  ];
  await tryEach(
    steps,
    ({ name }) => name,
    ({ work }) => work(),
  );
}

async function shelveDue({ pool, log }: ShelvingOptions, afterMs: number): Promise<void> {
  const due = (await listForShelf(pool, afterMs, A_TURN)).map(campaignId => ({ campaignId }));
  await tryEach(due, campaignName, async ({ campaignId }) => {
    while (await markRanks(pool, campaignId, MARKS_AT_ONCE));
    if (await shelveCampaign(pool, campaignId, afterMs))
      log.info({ campaignId }, 'a campaign was shelved: it leaves Redis');
  });
}
