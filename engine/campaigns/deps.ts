/** What changes of campaigns need of the engine, and the time that they go by. */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { ClocksApart } from '../clock/clock-watch.ts';
import { Problem } from '../contract/api/problem.ts';
import type { Randomness } from '../draw/randomness.ts';
import type { Confirmations, Told } from './telling/confirmations.ts';

export interface CampaignDeps {
  readonly pool: Pool;
  /**
   * Publishes campaigns on the board (see toBoard) and resolves with its epoch; rejects if gateways may not be able to read it.
   */
  readonly publish: (campaigns: readonly Campaign[]) => Promise<number>;
  /** Which gateways have not confirmed what they were told; undefined while none can, because Redis is being rebuilt. */
  readonly confirmations: (told: Told) => Promise<Confirmations | undefined>;
  /**
   * Redis' TIME in microseconds since the epoch. Rejects if Redis is away, and with ClocksApart if that time may be wrong;
   * never falls back to another clock.
   */
  readonly nowUs: () => Promise<number>;
  /** LEASE_MS of this engine, from which waits and notices are derived. */
  readonly leaseMs: number;
  /**
   * How long a gateway may act on a board that it has read, ms, asked of Redis now: LEASE_MS, or more while gateways hold
   * longer leases, which lasts for a moment when LEASE_MS is changed. Rejects if Redis is away.
   */
  readonly longestLeaseMs: () => Promise<number>;
  /** The source of randomness of new raffles. */
  readonly randomness: Randomness;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** The shared clock in milliseconds, or this machine's if Redis is away: good enough to show times. */
export async function clockMs(deps: Pick<CampaignDeps, 'nowUs'>): Promise<number> {
  try {
    return Math.floor((await deps.nowUs()) / 1000);
  } catch {
    return Date.now();
  }
}

/**
 * The shared clock, for checking an operator's times: if Redis is away, this machine's is good enough. Throws Problem
 * unavailable while the clocks contradict each other, because nobody knows what has passed.
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
  const detail = `The time is not known: ${message}. Retrying is safe.`;
  return new Problem('unavailable', detail, {}, { 'retry-after': '1' });
}

/** The shared clock, microseconds since the epoch. Throws Problem unavailable if Redis is away. */
export async function nowUsOrRefuse(deps: Pick<CampaignDeps, 'nowUs'>): Promise<number> {
  try {
    return await deps.nowUs();
  } catch (error) {
    if (error instanceof ClocksApart) throw clocksApart(error);
    const detail = 'Redis, whose clock sets the deadlines, is unavailable. Retrying is safe.';
    throw new Problem('unavailable', detail, {}, { 'retry-after': '1' });
  }
}
