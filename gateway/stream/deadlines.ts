/**
 * Never shows a claim deadline later than the rules allow. The ledger refuses to store one (sql/migrations/0011_outages.sql);
 * a deadline that arrives through Redis is checked against the rules once more, because people rely on it. A deadline beyond
 * them is wrong, and the right one is not known here: the offer is shown without a deadline, counted and logged.
 */
import type { Logger } from 'pino';
import type { Offered } from '../../engine/contract/campaign/claimant.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { type SharedClock, shownUs } from '../clock/clock.ts';
import type { Metrics } from '../metrics.ts';

/**
 * An outage that begins shortly after offers were made extends them by up to 3 s too much (engine/settling/
 * claims-settling.ts); the rest allows for clocks. Less: a correct deadline is hidden. More: a deadline that is wrong by that
 * much is shown.
 */
const MORE_AT_MOST_US = 5_000_000;

export interface DeadlineParts {
  readonly clock: Pick<SharedClock, 'synchronised' | 'now'>;
  readonly metrics: Pick<Metrics, 'deadlinesBeyond'>;
  readonly log: Pick<Logger, 'error'>;
}

/** The deadline of an offer, including what outages have added so far. The newer of two counts is the greater. */
export function claimByUsOf(
  { claims }: BoardCampaign,
  { claimByUs, outageUs }: Pick<Offered, 'claimByUs' | 'outageUs'>,
): number {
  return claimByUs + Math.max(claims?.outageUs ?? 0, outageUs);
}

export class Deadlines {
  readonly #parts: DeadlineParts;
  /** Campaigns for which this was logged. */
  readonly #logged = new Set<number>();

  constructor(parts: DeadlineParts) {
    this.#parts = parts;
  }

  /** The time of the shared clock, or the machine's before its first sample; microseconds since the epoch. */
  nowUs(): number {
    return shownUs(this.#parts.clock);
  }

  /** The claim deadline of an offer; undefined if the known one cannot be right. */
  shownUs(campaign: BoardCampaign, offered: Offered): number | undefined {
    const { clock, metrics, log } = this.#parts;
    const claimByUs = claimByUsOf(campaign, offered);
    const { campaignId, claims } = campaign;
    // An operator may extend an offer beyond the rules. And without a clock a deadline cannot be checked.
    if (offered.isMoved || claims === undefined || !clock.synchronised) return claimByUs;
    const nowUs = clock.now();
    if (claimByUs <= nowUs + claims.withinS * 1_000_000 + MORE_AT_MOST_US) return claimByUs;
    metrics.deadlinesBeyond.inc();
    if (!this.#logged.has(campaignId)) {
      this.#logged.add(campaignId);
      const { withinS, outageUs } = claims;
      log.error(
        { campaignId, serial: offered.serial, claimByUs, nowUs, withinS, outageUs },
        'a claim deadline is later than the rules allow; offers are shown without it',
      );
    }
    return undefined;
  }
}
