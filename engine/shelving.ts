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
import { type Pool, transaction } from '../sql/database.ts';
import { listForShelf, shelveCampaign } from '../sql/shelving.ts';
import type { Passes } from './passes.ts';

/** Put on the shelf in one turn; the marks of one with millions of entries take seconds. */
const A_TURN = 50;

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
    const isShelved = await transaction(pool, db => shelveCampaign(db, campaignId, afterMs));
    if (isShelved) log.info({ campaignId }, 'a campaign was shelved: it leaves Redis');
  }
  await passes.clearShelved();
}
