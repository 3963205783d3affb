/**
 * Puts campaigns on the shelf: those that have come to their end, with their book made, leave Redis, and gateways answer from
 * the ledger who asks about them. So Redis holds what goes on and what has just ended, whatever there was before.
 *
 * In this order: the ledger says that a campaign is on the shelf, from then on nobody puts anything of it into Redis; the board
 * says so, and gateways forget it; a turn later its keys and its record on the board are deleted. A gateway that has
 * not read the board by then finds nothing in Redis, answers 503, and reads it. Every step may be done again, by several
 * engines at once, and a kill between two of them is made good by the next turn of any.
 */
import type { Logger } from 'pino';
import type { Pool } from '../sql/database.ts';
import { listForShelf, markRanks, shelveCampaign } from '../sql/shelving.ts';
import type { Passes } from './passes.ts';

/** Put on the shelf in one turn; the marks of one with millions of entries take seconds. */
const A_TURN = 50;
/** Made in one transaction, of some 200,000 entries. */
const MARKS_AT_ONCE = 200;

export interface ShelvingOptions {
  readonly pool: Pool;
  readonly passes: Pick<Passes, 'clearShelved'>;
  /** So long after its end a campaign stays in Redis, ms; undefined: for good. */
  readonly afterMs: number | undefined;
  readonly log: Logger;
}

/** One turn. Rejects where a server does not answer; the next turn goes on. */
export async function shelve({ pool, passes, afterMs, log }: ShelvingOptions): Promise<void> {
  if (afterMs === undefined) return;
  for (const campaignId of await listForShelf(pool, afterMs, A_TURN)) {
    while (await markRanks(pool, campaignId, MARKS_AT_ONCE));
    if (await shelveCampaign(pool, campaignId, afterMs))
      log.info({ campaignId }, 'a campaign is on the shelf: it leaves Redis');
  }
  await passes.clearShelved();
}
