/**
 * One way to tell every gateway something, and to act on it once every gateway knows.
 *
 * A gateway that has not read a change goes on as before, for as long as it may act on what it has read: its lease. So the
 * ledger may not decide by something that gateways had no time to read: it would revoke what one of them has answered. And a
 * crash may come at any point between telling the gateways and deciding. Hence a notice goes through four states:
 *
 *   noted -> told -> known -> due
 *
 * - `noted`: the ledger holds what gateways are to be told, and still decides by the previous state. A crash before this leaves
 *   nothing.
 * - `told`: the campaign was published since, on the Redis that counts (Publisher.tell). Every later publication of the
 *   campaign (by settlement, a rebuild, another engine) shows the same. After a crash, or after a lost answer of Redis,
 *   gateways may or may not know the notice; the ledger still decides as before, so both are right.
 * - `known`: every gateway knows the notice. There are two ways to find out:
 *   - By time: a clock that is read AFTER the telling shows t, and from t + the longest lease and a margin for clock rates on
 *     nobody acts on anything read before. This gives an instant, mostly a future one, and needs no answer from gateways. The
 *     longest lease is asked of the registry: while LEASE_MS is changed, gateways may hold leases of another length.
 *   - By confirmation: each gateway with a lease has said that it acts on a board which shows the notice.
 *   Neither is stored. After a crash the campaign is told again, and a later instant is found: later is always right.
 * - `due`: one transaction makes the ledger decide by the notice, from that instant on. Repeating it changes nothing.
 *
 * By time: an early close (close.ts), an early end of an offer (offers.ts) and a raised stock (raising.ts). The ledger can put these instants behind the one
 * at which all gateways know, so they never have to be refused, and are never undone: nobody can say which gateways know.
 * `resume` continues with those that an engine has abandoned.
 *
 * By confirmation: changes (../change.ts, ../decide.ts). Their times are the operator's. An opening that is moved to an instant
 * cannot be put behind the one at which all gateways know; it has to be refused if that is too late. So gateways hold what only
 * one of the two versions allows, which is right whatever is decided, and the change is due as soon as all have confirmed it.
 * Changes share the telling, and the reading of the clock after it (`tellGateways`). They are no `Notice`, because their
 * decision depends on what happened meanwhile (`refusalOf`), or is a refusal.
 *
 * Blocks of users and networks (../../operators/blocks.ts) are no notices. They belong to no campaign: one list, with a revision of its own,
 * is published whole. Nor does the ledger have anything to make due: it refuses redemptions from the commit of the block on, and what a
 * gateway accepted before it knew counts. So there is no instant to find, and nothing to decide by. The only question is what the
 * operator is answered: whether all gateways act on the list. That is by confirmation, read as for changes (confirmations.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, Queryable } from '../../../sql/database.ts';
import { type Campaign, opensAtUs } from '../../../sql/statements/campaigns/campaigns.ts';
import { latestStamp } from '../../../sql/statements/entries/entries.ts';
import { readLatestPromise } from '../../../sql/statements/progress/gateways.ts';
import { Problem } from '../../contract/api/problem.ts';
import { instantOf } from '../../contract/record/stamp.ts';
import { leaseMarginMs } from '../../contract/redis/lease/lease.ts';
import { campaignName, tryEach } from '../../retrying/try-each.ts';
import type { CampaignDeps } from '../deps.ts';

export type TellDeps = Pick<
  CampaignDeps,
  'pool' | 'publish' | 'nowUs' | 'leaseMs' | 'longestLeaseMs' | 'log'
>;

/** A kind of notice that becomes due by time. */
export interface Notice<T> {
  /** For operators. */
  readonly name: string;
  /** Makes the notice in this row due, now that every gateway has known of it since `knownUs`, microseconds since the epoch. */
  readonly makeDue: (pool: Pool, campaign: Campaign, knownUs: number) => Promise<T>;
}

/** One with which engines continue that another one has abandoned. */
export interface ResumedNotice<T> extends Notice<T> {
  /** Campaigns with notices in the ledger that are noted and may not be due yet. */
  readonly listNoted: (db: Queryable) => Promise<readonly Campaign[]>;
}

/** Time for the ledger and the publication. If they take longer, the notice becomes due later, which is still correct. */
export const PUBLISH_SLACK_MS = 250;

/** How far ahead a notice is noted, so that it mostly becomes due at the instant that gateways are told. */
export function noticeMs(leaseMs: number): number {
  return leaseMs + leaseMarginMs(leaseMs) + PUBLISH_SLACK_MS;
}

export interface Told<T> {
  /** The result of `ask`. */
  readonly answer: T;
  /** The latest time that counts, read after the telling and `ask`; microseconds since the epoch. */
  readonly nowUs: number;
  /** From then on every gateway acts on what it was told, or does not act. */
  readonly knownUs: number;
}

/**
 * Publishes what this row says. `ask` runs between the publication and the reading of the clock, and gets the epoch of the
 * board that shows it. Rejects if the publication is not certain, and when `ask` rejects.
 */
export async function tellGateways<T>(
  deps: Omit<TellDeps, 'log'>,
  campaign: Campaign,
  ask: (epoch: number) => Promise<T>,
): Promise<Told<T>> {
  const epoch = await deps.publish([campaign]);
  const answer = await ask(epoch);
  const nowUs = await latestNowUs(deps.nowUs, deps.pool, campaign);
  const leaseMs = await deps.longestLeaseMs();
  const knownUs = Math.ceil(nowUs + (leaseMs + leaseMarginMs(leaseMs)) * 1_000);
  return { answer, nowUs, knownUs };
}

/**
 * The latest time of any clock that counts: those of gateways as far as they are known, and Redis' clock, which is read last.
 * If Redis' clock is set back, those of gateways go on.
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

/** Takes the notices of a campaign from noted to due. Rejects if gateways cannot be told now; the notices stay noted. */
export async function tellThenAct<T>(deps: TellDeps, notice: Notice<T>, campaign: Campaign): Promise<T> {
  const { knownUs } = await tellGateways(deps, campaign, async () => undefined);
  return await notice.makeDue(deps.pool, campaign, knownUs);
}

/** The same for a waiting request. Throws Problem unavailable if gateways cannot be told now. */
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
 * Continues with notices that were noted and are not due, because an engine or Redis was gone. Every engine calls it from time
 * to time; tries each campaign, and rejects if any could not be continued with, as while Redis or Postgres is away.
 */
export async function resume<T>(deps: TellDeps, notice: ResumedNotice<T>): Promise<void> {
  const noted = await notice.listNoted(deps.pool);
  await tryEach(noted, campaignName, campaign => tellThenAct(deps, notice, campaign));
}

/** Waits, or returns early on a stop, which the caller's next turn notices. */
export async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
}
