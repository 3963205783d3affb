/**
 * An operator says that Redis is right, though its clock and another contradict each other (clock-agreement.ts). Nobody may
 * trust a number that has moved on: the operator names the difference, and it has to be the one that stands. It is written
 * into the ledger, from where every engine reads it (clock-watch.ts), and ends when the difference no longer stands.
 *
 * That Redis is wrong needs no word: its clock is what everything is stamped by, so it has to be set right.
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

/** Of which clock Redis is ahead while it is right, and by how much. */
export type WantedTrust = Pick<ClockTrust, 'aheadOf' | 'aheadMs'>;

/** By how much Redis' clock is ahead of the others, ms; undefined where one of the two was not heard. */
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
 * It holds when this resolves, here and within a moment at every engine; asking again changes nothing. Throws Problem
 * clocks-agree, other-difference, and unavailable where a clock is not heard.
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
  if (postgres === undefined || engine === undefined) throw notHeard();
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
    // Nothing stands between Redis and PostgreSQL: all it does is done when it is heard.
    ended: acceptedMs === 0 ? ('agreed' as const) : null,
  };
  const isWritten = await transaction(pool, async client => {
    await replaceTrust(client);
    return insertTrust(client, trust);
  });
  if (!isWritten) throw askAgain('Another operator made a statement at the same moment. Retry.');
  log.warn({ ...trust }, "an operator declared Redis' clock correct");
  await clocks.hear();
}

async function hearAll(clocks: ClockWatch): Promise<void> {
  await clocks.hear();
  try {
    await clocks.hearRedis();
  } catch {
    throw notHeard();
  }
}

/** What was said last is the same, and is what the clocks agree by. */
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

function notHeard(): Problem {
  return askAgain('The clocks of Redis and PostgreSQL have not both been read. Retry.');
}

function askAgain(detail: string): Problem {
  return new Problem('unavailable', detail, {}, { 'retry-after': '1' });
}
