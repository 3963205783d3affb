/** What changes of campaigns are given by the engine, and the time that they go by. */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { ClocksApart } from '../clock/clock-watch.ts';
import { Problem } from '../contract/api/problem.ts';
import type { Randomness } from '../draw/randomness.ts';
import type { Confirmations } from './confirmations.ts';

export interface CampaignDeps {
  readonly pool: Pool;
  /** Puts campaigns on the board (see toBoard) and resolves with its epoch; rejects when gateways may not read it. */
  readonly publish: (campaigns: readonly Campaign[]) => Promise<number>;
  /** Who has not confirmed a pending change; undefined while nobody can, as Redis is made anew. */
  readonly confirmations: (change: {
    readonly campaignId: number;
    readonly version: number;
  }) => Promise<Confirmations | undefined>;
  /**
   * Redis' TIME in microseconds since the epoch. Rejects when Redis is away, and with ClocksApart when that time may be
   * wrong; never stands in another clock.
   */
  readonly nowUs: () => Promise<number>;
  /** LEASE_MS: how long a gateway may go on with a board that it has read. */
  readonly leaseMs: number;
  /** What is announced of new raffles. */
  readonly randomness: Randomness;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** The shared clock in milliseconds, or this machine's where Redis is away: good enough to show what is when. */
export async function clockMs(deps: Pick<CampaignDeps, 'nowUs'>): Promise<number> {
  try {
    return Math.floor((await deps.nowUs()) / 1000);
  } catch {
    return Date.now();
  }
}

/**
 * The same, to judge an operator's times by: where Redis is away, this machine's is good enough for it. Throws Problem
 * unavailable where the clocks contradict each other: then it is not known what is over.
 */
export async function actingMs(deps: Pick<CampaignDeps, 'nowUs'>): Promise<number> {
  try {
    return Math.floor((await deps.nowUs()) / 1000);
  } catch (error) {
    if (error instanceof ClocksApart) throw clocksApart(error);
    return Date.now();
  }
}

export function clocksApart({ message }: ClocksApart): Problem {
  const detail = `The time is not known: ${message}. Retry.`;
  return new Problem('unavailable', detail, {}, { 'retry-after': '1' });
}

/** The shared clock, microseconds since the epoch. Throws Problem unavailable where Redis is away. */
export async function nowUsOrRefuse(deps: Pick<CampaignDeps, 'nowUs'>): Promise<number> {
  try {
    return await deps.nowUs();
  } catch (error) {
    if (error instanceof ClocksApart) throw clocksApart(error);
    const detail = 'Redis, whose clock sets the deadlines, is unavailable. Retry.';
    throw new Problem('unavailable', detail, {}, { 'retry-after': '1' });
  }
}
