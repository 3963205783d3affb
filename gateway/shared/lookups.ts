/**
 * Looks up single users: stamp, rank and outcome, from Redis unless their campaign is shelved. One look-up when a user
 * arrives, one when the rank is final and one for the outcome; none while the user waits.
 *
 * The look-ups of one turn of the event loop go out together, at most a few hundred of a campaign at once, so that ten thousand
 * users who connect at the same moment do not delay the ranking that shares the connection. Campaigns do not wait for each
 * other: the node of a Cluster that has one of them may answer nothing.
 */
import { type Claimant, parseClaimant } from '../../engine/contract/campaign/claimant.ts';
import { messageOf } from '../../engine/contract/process/message-of.ts';
import { lastStampAt } from '../../engine/contract/record/stamp.ts';
import { type BoardCampaign, readBoardEpoch } from '../../engine/contract/redis/board/board.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import { lookAt } from '../../engine/contract/redis/projection/projection.ts';
import { requestProjection } from '../../engine/contract/redis/projection/requested.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import { monotonicUs } from '../clock/clock.ts';
import type { Board } from './board.ts';
import type { EpochCheck } from './epoch-check.ts';

export interface Grant {
  readonly serial: number;
  readonly code: string;
}

export interface EntryStanding {
  /** The campaign as of just before the look-up: a later board may report more than the answer about the user. */
  readonly campaign: BoardCampaign;
  readonly stamp: number;
  /** The number of entries with an earlier stamp. Show it only if the rank is final. */
  readonly rank: number;
  /** False while an earlier request may still arrive and change the rank. */
  readonly final: boolean;
  readonly grant: Grant | undefined;
  /** With claims: the claimant's state; `grant` is then undefined. */
  readonly claimant: Claimant | undefined;
  readonly withdrawn: boolean;
  /** Whether the entry is decided: without grant or withdrawal it has lost. */
  readonly settled: boolean;
  /** When the look-up began, by the monotonic clock, microseconds: everything here is at least as new. */
  readonly lookedUpUs: number;
}

/** Looks up a user's standing in a campaign that is no longer in Redis: see cold/shelved.ts. */
export interface ShelvedStandings {
  standing(campaign: BoardCampaign, userId: string): Promise<EntryStanding | undefined>;
}

/** Redis does not answer, was emptied, or may be outdated after a failover; nothing is known about any user. */
export class LookupFailed extends Error {}

/** The campaign's projection in Redis is being rebuilt from the ledger, which knows more. */
export class BeingMade extends LookupFailed {
  /** The stamp of the entry, if it is ranked already; the ledger may have an earlier one. */
  readonly stamp: number | undefined;

  constructor(stamp: number | undefined) {
    super('the campaign is being rebuilt in Redis');
    this.stamp = stamp;
  }
}

interface Question {
  readonly userId: string;
  /** The latest epoch at the time of the request, if the caller knows it. */
  readonly latest: string | undefined;
  readonly resolve: (standing: EntryStanding | undefined) => void;
  readonly reject: (error: LookupFailed) => void;
}

export interface LookupParts {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly board: Board;
  readonly shelved: ShelvedStandings;
  readonly epochs: Pick<EpochCheck, 'isLatest'>;
}

/** Of a campaign. */
const QUESTIONS_AT_ONCE = 500;
/** How often engines are told that users wait for a campaign, however many do. */
const ASK_AGAIN_MS = 1_000;

export class Lookups {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #board: Board;
  readonly #shelved: ShelvedStandings;
  readonly #epochs: Pick<EpochCheck, 'isLatest'>;
  /** By campaign, in order. */
  readonly #waiting = new Map<number, Question[]>();
  /** Campaigns whose next questions go out with the next turn, or whose last ones are not answered yet. */
  readonly #busy = new Set<number>();
  /** When engines were last told that a user waits, keyed by campaign being rebuilt. */
  readonly #askedAtMs = new Map<number, number>();

  constructor({ redis, keys, board, shelved, epochs }: LookupParts) {
    this.#redis = redis;
    this.#keys = keys;
    this.#board = board;
    this.#shelved = shelved;
    this.#epochs = epochs;
  }

  /**
   * The user's standing in the campaign, or undefined without an entry; for a shelved campaign from the ledger. It is at least
   * as new as everything that the user was told before the call, by whichever gateway. Rejects with LookupFailed.
   *
   * `latest` is the latest epoch at the time of the request, if the caller knows it: the log has accepted an append under it
   * since. If the board has the same epoch, it is not checked again.
   */
  find(campaign: BoardCampaign, userId: string, latest?: string): Promise<EntryStanding | undefined> {
    if (campaign.shelved === true) {
      return this.#shelved.standing(campaign, userId).catch((error: unknown) => {
        throw new LookupFailed(messageOf(error));
      });
    }
    const { campaignId } = campaign;
    return new Promise((resolve, reject) => {
      const question = { userId, latest, resolve, reject };
      const waiting = this.#waiting.get(campaignId);
      if (waiting === undefined) this.#waiting.set(campaignId, [question]);
      else waiting.push(question);
      this.#schedule(campaignId);
    });
  }

  #schedule(campaignId: number): void {
    if (this.#busy.has(campaignId)) return;
    this.#busy.add(campaignId);
    setImmediate(() => {
      void this.#ask(campaignId);
    });
  }

  async #ask(campaignId: number): Promise<void> {
    const waiting = this.#waiting.get(campaignId) ?? [];
    const questions = waiting.splice(0, QUESTIONS_AT_ONCE);
    if (waiting.length === 0) this.#waiting.delete(campaignId);
    await this.#answer(campaignId, questions);
    this.#busy.delete(campaignId);
    if (this.#waiting.has(campaignId)) this.#schedule(campaignId);
  }

  async #answer(campaignId: number, questions: readonly Question[]): Promise<void> {
    try {
      await this.#askCampaign(campaignId, questions);
    } catch (error) {
      const failed = new LookupFailed(messageOf(error));
      for (const question of questions) question.reject(failed);
    }
  }

  async #askCampaign(campaignId: number, questions: readonly Question[]): Promise<void> {
    const keys = this.#keys.campaign(campaignId);
    const users = questions.map(question => question.userId);
    const board = this.#board;
    // Other gateways may have answered from a newer board than this one has read.
    await board.refresh();
    // Decide finality by the board from before the look-up: the answers are at least as new.
    const { epoch, rankedUs } = board;
    const campaign = board.campaign(campaignId);
    if (campaign === undefined) throw new LookupFailed('the campaign has left the board');
    const hasClaims = campaign.claims !== undefined;
    const outcomes = hasClaims ? keys.claimants : keys.won;
    const isLatest = questions.some(each => each.latest !== epoch) && this.#epochs.isLatest(epoch);
    const lookedUpUs = monotonicUs();
    const looked = await lookAt(this.#redis, keys, outcomes, epoch, users);
    // Read last: if the board is still the known one, Redis was not emptied before the answers above.
    const epochNow = await readBoardEpoch(this.#redis, this.#keys);
    if (epoch === '' || epochNow !== epoch || looked.state === 'unmade')
      throw new LookupFailed('Redis was emptied and is being rebuilt');

    if (looked.state === 'building') {
      this.#askFor(campaignId);
      for (const [index, { reject }] of questions.entries()) reject(new BeingMade(looked.stamps[index]));
      return;
    }
    this.#askedAtMs.delete(campaignId);
    const standings = new Map(
      questions.map((question, index) => {
        const user = looked.users[index];
        return [
          question,
          user && {
            campaign,
            stamp: user.stamp,
            rank: user.rank,
            final: user.stamp <= lastStampAt(rankedUs, campaign.opensAtUs),
            grant: hasClaims ? undefined : parseGrant(user.outcome),
            claimant: hasClaims ? parseClaimant(user.outcome) : undefined,
            withdrawn: user.withdrawn,
            settled: user.stamp <= campaign.settledStamp,
            lookedUpUs,
          },
        ];
      }),
    );
    for (const [question, standing] of standings) {
      if (question.latest !== epoch) continue;
      question.resolve(standing);
      standings.delete(question);
    }
    // Not awaited: the next questions go out meanwhile.
    if (isLatest !== false) void answerIf(isLatest, standings);
  }

  #askFor(campaignId: number): void {
    const nowMs = performance.now();
    const askedAtMs = this.#askedAtMs.get(campaignId);
    if (askedAtMs !== undefined && nowMs - askedAtMs < ASK_AGAIN_MS) return;
    this.#askedAtMs.set(campaignId, nowMs);
    // A lost message is repeated within a second.
    requestProjection(this.#redis, this.#keys, campaignId).catch(() => undefined);
  }
}

/** Waits for the check of the epoch, then answers with the standings if they were read under the latest one. */
async function answerIf(
  isLatest: Promise<boolean>,
  standings: ReadonlyMap<Question, EntryStanding | undefined>,
): Promise<void> {
  const failed = (await isLatest)
    ? undefined
    : new LookupFailed('the epoch of this Redis cannot be confirmed as the latest');
  for (const [question, standing] of standings) {
    if (failed === undefined) question.resolve(standing);
    else question.reject(failed);
  }
}

/** `serial:code`, as published by the engine. */
export function parseGrant(text: string | null | undefined): Grant | undefined {
  if (text === null || text === undefined) return undefined;
  const colon = text.indexOf(':');
  return { serial: Number(text.slice(0, colon)), code: text.slice(colon + 1) };
}
