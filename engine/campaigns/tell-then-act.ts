/**
 * One way to tell every gateway something, and to act on it once every gateway knows.
 *
 * A gateway that has not heard goes on as before, for as long as it may act on what it has read: LEASE_MS. So the ledger may
 * not decide by something that gateways had no time to hear: it would take back what one of them has answered. And a crash may
 * come at any point between telling the gateways and deciding. Hence a notice goes through four states:
 *
 *   noted -> told -> heard -> due
 *
 * - `noted`: the ledger holds what gateways are to be told, and still decides by what was so before. A crash before this leaves
 *   nothing.
 * - `told`: the campaign was published since, and Redis is the one that counts (Publisher.tell). Whoever publishes the campaign
 *   from now on (settling, a rebuild, another engine) tells the same. A crash, or an answer of Redis that is lost, leaves a notice
 *   that may or may not be known; the ledger still decides as before, so both are right.
 * - `heard`: what was told is known to every gateway. There are two ways to find out:
 *   - By time: a clock that is read AFTER the telling shows t, and from t + LEASE_MS and a margin for clock rates on nobody acts on
 *     anything read before. This gives an instant, mostly one to come, and needs no gateway to answer.
 *   - By confirmation: each gateway with a lease has said that it acts on a board which shows the notice.
 *   Nothing of this is kept. After a crash the campaign is told again, and a later instant is found: later is always right.
 * - `due`: one transaction makes the ledger decide by it, from that instant on. It may be done again: nothing changes then.
 *
 * By time: a close ahead of time (close.ts) and the end of an offer (offers.ts). They are instants that the ledger can put behind
 * the one at which all have heard, so they never have to be refused, and are never undone: nobody can say who has heard. `resume`
 * goes on with those that an engine has left behind.
 *
 * By confirmation: changes (change.ts, decide.ts). Their times are the operator's. An opening that is moved to an instant cannot be
 * put behind the one at which all have heard; it has to be refused when that is too late. So gateways hold what only one of the two
 * versions allows, which is right whichever comes of it, and the change is due at once when all have confirmed it. Changes share
 * the telling, and the reading of the clock behind it (`tellGateways`); a `Notice` is nothing for them, as they are decided with
 * what came meanwhile (`refusalOf`), or refused.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, Queryable } from '../../sql/database.ts';
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { latestStamp } from '../../sql/statements/entries/entries.ts';
import { readLatestPromise } from '../../sql/statements/progress/gateways.ts';
import { Problem } from '../contract/api/problem.ts';
import { instantOf } from '../contract/record/stamp.ts';
import { leaseMarginMs } from '../contract/redis/lease/lease.ts';
import type { CampaignDeps } from './deps.ts';

export type TellDeps = Pick<CampaignDeps, 'pool' | 'publish' | 'nowUs' | 'leaseMs' | 'log'>;

/** A kind of notice that becomes due by time. */
export interface Notice<T> {
  /** For operators. */
  readonly name: string;
  /** Campaigns of which the ledger holds notices that are noted and perhaps not due. */
  readonly listNoted: (db: Queryable) => Promise<readonly Campaign[]>;
  /** Makes due what this row tells of, now that every gateway has heard of it by `heardUs`, microseconds since the epoch. */
  readonly makeDue: (pool: Pool, campaign: Campaign, heardUs: number) => Promise<T>;
}

/** Time for the ledger and the publication. When they take longer, what is told becomes due later, and all stays right. */
export const PUBLISH_SLACK_MS = 250;

/** How far ahead a notice is noted, so that it is mostly due at the instant that gateways are told. */
export function noticeMs(leaseMs: number): number {
  return leaseMs + leaseMarginMs(leaseMs) + PUBLISH_SLACK_MS;
}

export interface Told<T> {
  /** Of what was asked meanwhile. */
  readonly answer: T;
  /** The latest time that counts, read after all this; microseconds since the epoch. */
  readonly nowUs: number;
  /** From then on every gateway acts on what it was told, or on nothing. */
  readonly heardUs: number;
}

/**
 * Tells what this row says. `ask` runs between that and the reading of the clock, and gets the epoch of the board that shows it.
 * Rejects when it is not known to be told, and as `ask` does.
 */
export async function tellGateways<T>(
  deps: Omit<TellDeps, 'log'>,
  campaign: Campaign,
  ask: (epoch: number) => Promise<T>,
): Promise<Told<T>> {
  const epoch = await deps.publish([campaign]);
  const answer = await ask(epoch);
  const nowUs = await latestNowUs(deps.nowUs, deps.pool, campaign);
  const heardUs = Math.ceil(nowUs + (deps.leaseMs + leaseMarginMs(deps.leaseMs)) * 1_000);
  return { answer, nowUs, heardUs };
}

/**
 * The latest time that any clock shows which counts: those of gateways as far as they are known, and that of Redis, which is
 * read last. When the clock of Redis is set back, those of gateways go on.
 */
export async function latestNowUs(
  nowUs: TellDeps['nowUs'],
  db: Queryable,
  campaign: Campaign,
): Promise<number> {
  const stamp = await latestStamp(db, campaign.campaignId);
  const promisedUs = await readLatestPromise(db);
  return Math.max(await nowUs(), promisedUs, stamp === undefined ? 0 : instantOf(stamp, opensAtUs(campaign)));
}

/** Takes notices of a campaign from noted to due. Rejects when they cannot be told now; they stay noted. */
export async function tellThenAct<T>(deps: TellDeps, notice: Notice<T>, campaign: Campaign): Promise<T> {
  const { heardUs } = await tellGateways(deps, campaign, async () => undefined);
  return await notice.makeDue(deps.pool, campaign, heardUs);
}

/** The same, for somebody who waits for it. Throws Problem unavailable when they cannot be told now. */
export async function tellThenActOrRefuse<T>(
  deps: TellDeps,
  notice: Notice<T>,
  campaign: Campaign,
): Promise<T> {
  try {
    return await tellThenAct(deps, notice, campaign);
  } catch (error) {
    const { name } = notice;
    deps.log.warn({ err: error, campaignId: campaign.campaignId }, `cannot tell the gateways of an ${name}`);
    throw new Problem(
      'unavailable',
      `The ${name} is recorded, but the gateways cannot be told right now. It continues once they can; retry.`,
      {},
      { 'retry-after': '1' },
    );
  }
}

/**
 * Goes on with notices that were noted and are not due, because an engine or Redis was gone. Every engine calls it from time to
 * time; rejects when Redis or Postgres is away.
 */
export async function resume<T>(deps: TellDeps, notice: Notice<T>): Promise<void> {
  for (const campaign of await notice.listNoted(deps.pool)) await tellThenAct(deps, notice, campaign);
}

/** Waits; ended early by a stop, which the next turn of the caller sees. */
export async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
}
