/**
 * The operator declares Redis correct, although its clock and another one contradict each other (clock-agreement.ts). Nobody
 * may trust a difference that has changed: the operator names it, and it must be the current one. It is written into the
 * ledger, where every engine reads it (clock-watch.ts), and ends when the difference no longer exists.
 *
 * If Redis is wrong, no statement helps: everything is stamped by its clock, so the clock has to be corrected.
 */
import type { Logger } from 'pino';
import { type Pool, transaction } from '../../sql/database.ts';
import { type ClockTrust, insertTrust, replaceTrust } from '../../sql/statements/progress/clock.ts';
import { Problem } from '../contract/api/problem.ts';
import type { ClockLook } from './clock-agreement.ts';
import type { ClockWatch } from './clock-watch.ts';

export interface TrustDeps {
  readonly pool: Pool;
  readonly clocks: ClockWatch;
  readonly log: Pick<Logger, 'warn'>;
}

/** The clock that Redis is ahead of while Redis is right, and by how much. */
export type WantedTrust = Pick<ClockTrust, 'aheadOf' | 'aheadMs'>;

/** How far Redis' clock is ahead of the others, ms; undefined if one of the two was not read. */
export function aheadMsOf({
  redisUs,
  postgresUs,
  ownUs,
}: ClockLook): Record<'postgres' | 'engine', number | undefined> {
  const ahead = (ofUs: number | undefined): number | undefined =>
    redisUs === undefined || ofUs === undefined ? undefined : Math.round((redisUs - ofUs) / 1_000);
  return { postgres: ahead(postgresUs), engine: ahead(ownUs) };
}

/**
 * Records the statement. When this resolves it is in effect, here and within a moment at every engine; repeating it changes
 * nothing. Throws Problem clocks-agree, other-difference, and unavailable if a clock cannot be read.
 */
export async function trustClock(
  deps: TrustDeps,
  wanted: WantedTrust,
  said: { readonly by: string; readonly reason: string | null },
): Promise<void> {
  const { pool, clocks, log } = deps;
  await hearAll(clocks);
  const look = clocks.look();
  const { postgres, engine } = aheadMsOf(look);
  if (postgres === undefined || engine === undefined) throw clocksUnread();
  if (look.state === 'agreed') {
    if (isSaid(clocks, wanted)) return;
    throw new Problem('clocks-agree', 'The clocks agree: this engine has nothing on hold.');
  }
  requireStanding(look, wanted, clocks.stopMs);
  const standing = clocks.trust?.ended === null ? clocks.trust.acceptedMs : 0;
  const acceptedMs = wanted.aheadOf === 'postgres' ? postgres : standing;
  const trust = {
    ...wanted,
    ...{ saidBy: said.by, reason: said.reason, postgresMs: postgres, engineMs: engine, acceptedMs },
    // Redis and PostgreSQL do not differ: the statement has done all it can once engines have read it.
    ended: acceptedMs === 0 ? ('agreed' as const) : null,
  };
  const isWritten = await transaction(pool, async client => {
    await replaceTrust(client);
    return insertTrust(client, trust);
  });
  if (!isWritten) throw retryLater('Another operator made a statement at the same moment. Retrying is safe.');
  log.warn({ ...trust }, "an operator declared Redis' clock correct");
  await clocks.sample();
}

async function hearAll(clocks: ClockWatch): Promise<void> {
  await clocks.sample();
  try {
    await clocks.sampleRedis();
  } catch {
    throw clocksUnread();
  }
}

/** The latest statement is the same, and the clocks agree by it. */
function isSaid({ trust, stopMs }: ClockWatch, { aheadOf, aheadMs }: WantedTrust): boolean {
  if (trust?.aheadOf !== aheadOf || Math.abs(trust.aheadMs - aheadMs) > stopMs) return false;
  return trust.ended === null || aheadOf === 'engine';
}

function requireStanding(look: ClockLook, wanted: WantedTrust, stopMs: number): void {
  const of = look.state === 'apart' ? 'postgres' : 'engine';
  const standsMs = aheadMsOf(look)[of] ?? 0;
  if (wanted.aheadOf === of && Math.abs(wanted.aheadMs - standsMs) <= stopMs) return;
  throw new Problem(
    'other-difference',
    `Redis is ahead of the clock of ${of === 'engine' ? 'this engine' : 'PostgreSQL'} by ${standsMs} ms.`,
    { ahead_of: of, ahead_ms: standsMs },
  );
}

function clocksUnread(): Problem {
  return retryLater('The clocks of Redis and PostgreSQL have not both been read. Retrying is safe.');
}

function retryLater(detail: string): Problem {
  return new Problem('unavailable', detail, {}, { 'retry-after': '1' });
}
