/**
 * No deadline is shown that lies further away than the rules allow. The ledger refuses to keep one (sql/migrations/
 * 0011_outages.sql); what comes by way of Redis is held against the rules once more, since people plan by what they are shown.
 * Such a deadline is wrong, and what would be right is not known here: the offer is shown without one, counted, and logged.
 */
import type { Logger } from 'pino';
import type { Offered } from '../../engine/contract/campaign/claimant.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { SharedClock } from '../clock/clock.ts';
import type { Metrics } from '../metrics.ts';

/**
 * An outage that offers were made shortly before gives back up to 3 s too much (engine/settling/claims-settling.ts); the
 * rest is for clocks. Less: a deadline that is right is not shown. More: one is shown that is wrong by that much.
 */
const MORE_AT_MOST_US = 5_000_000;

export interface DeadlineParts {
  readonly clock: Pick<SharedClock, 'synchronised' | 'now'>;
  readonly metrics: Pick<Metrics, 'deadlinesBeyond'>;
  readonly log: Pick<Logger, 'error'>;
}

/** The deadline of an offer, including what outages have added so far. */
export function claimByUsOf({ claims }: BoardCampaign, offered: { readonly claimByUs: number }): number {
  return offered.claimByUs + (claims?.unheardUs ?? 0);
}

export class Deadlines {
  readonly #parts: DeadlineParts;
  /** Campaigns of which it was logged. */
  readonly #logged = new Set<number>();

  constructor(parts: DeadlineParts) {
    this.#parts = parts;
  }

  /** Of the clock that all gateways share, as far as it is known; microseconds since the epoch. */
  nowUs(): number {
    const { clock } = this.#parts;
    return clock.synchronised ? clock.now() : Date.now() * 1_000;
  }

  /** Until when an offer can be claimed; undefined where that cannot be right. */
  shownUs(campaign: BoardCampaign, offered: Offered): number | undefined {
    const { clock, metrics, log } = this.#parts;
    const claimByUs = claimByUsOf(campaign, offered);
    const { campaignId, claims } = campaign;
    // The operator may give anybody longer. And without a clock nothing can be held against it.
    if (offered.isMoved || claims === undefined || !clock.synchronised) return claimByUs;
    const nowUs = clock.now();
    if (claimByUs <= nowUs + claims.withinS * 1_000_000 + MORE_AT_MOST_US) return claimByUs;
    metrics.deadlinesBeyond.inc();
    if (!this.#logged.has(campaignId)) {
      this.#logged.add(campaignId);
      const { withinS, unheardUs } = claims;
      log.error(
        { campaignId, serial: offered.serial, claimByUs, nowUs, withinS, unheardUs },
        'a claim deadline is later than the rules allow; offers are shown without it',
      );
    }
    return undefined;
  }
}
