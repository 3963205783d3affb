/**
 * What is known of single users, by Redis unless their campaign is on the shelf: their stamp, rank and outcome. Asked once when somebody arrives, once when their
 * rank has become final and once for their outcome; never while they wait.
 *
 * Questions of one turn of the event loop go out together, at most a few hundred at once, so that ten thousand people
 * who connect at the same moment do not hold up the ranking that shares the connection.
 */
import { type BoardCampaign, readBoardEpoch } from '../engine/contract/board/board.ts';
import { type Claimant, parseClaimant } from '../engine/contract/claimant.ts';
import type { Keys } from '../engine/contract/keys.ts';
import { askForProjection } from '../engine/contract/projection/asked.ts';
import { lookAt } from '../engine/contract/projection/projection.ts';
import type { RedisClient } from '../engine/contract/redis.ts';
import { lastStampAt } from '../engine/contract/stamp.ts';
import type { Board } from './board.ts';

export interface Grant {
  readonly serial: number;
  readonly code: string;
}

export interface Place {
  /** As who asked knew it, which was before: a later board tells what is over by then, of people whom this knows as they were. */
  readonly campaign: BoardCampaign;
  readonly stamp: number;
  /** Entries with an earlier stamp. Only of a final place may it be shown. */
  readonly rank: number;
  /** Whether the rank can still change: an earlier request may still be on its way. */
  readonly final: boolean;
  readonly grant: Grant | undefined;
  /** Where there are claims: who has a place. Then nothing else tells of a grant. */
  readonly claimant: Claimant | undefined;
  readonly withdrawn: boolean;
  /** Decided: with neither grant nor withdrawal the entry has lost. */
  readonly settled: boolean;
}

/** Where somebody stands in a campaign that Redis holds nothing of any more: see shelved.ts. */
export interface PlacesOnTheShelf {
  place(campaign: BoardCampaign, userId: string): Promise<Place | undefined>;
}

/** Redis does not answer, or has been emptied; nothing can be said of anybody. */
export class LookupFailed extends Error {}

/** What Redis holds of the campaign is being made anew from the ledger, which knows more. */
export class BeingMade extends LookupFailed {
  /** Of the entry, if it is ranked by now; an earlier one may stand in the ledger. */
  readonly stamp: number | undefined;

  constructor(stamp: number | undefined) {
    super('the campaign is being made anew in Redis');
    this.stamp = stamp;
  }
}

interface Question {
  readonly campaign: BoardCampaign;
  readonly userId: string;
  readonly resolve: (place: Place | undefined) => void;
  readonly reject: (error: LookupFailed) => void;
}

const QUESTIONS_AT_ONCE = 500;
/** That somebody waits for a campaign is told so often, however many do. */
const ASK_AGAIN_MS = 1_000;

export class Lookups {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #board: Board;
  readonly #shelved: PlacesOnTheShelf;
  #waiting: Question[] = [];
  #scheduled = false;
  /** When engines were told last that somebody waits for a campaign, by those that are being made. */
  readonly #askedAtMs = new Map<number, number>();

  constructor(redis: RedisClient, keys: Keys, board: Board, shelved: PlacesOnTheShelf) {
    this.#redis = redis;
    this.#keys = keys;
    this.#board = board;
    this.#shelved = shelved;
  }

  /**
   * The user's place in the campaign, or undefined without an entry; of one on the shelf from the ledger. Rejects with
   * LookupFailed.
   */
  find(campaign: BoardCampaign, userId: string): Promise<Place | undefined> {
    if (campaign.shelved === true) {
      return this.#shelved.place(campaign, userId).catch((error: unknown) => {
        throw new LookupFailed(error instanceof Error ? error.message : String(error));
      });
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ campaign, userId, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    const questions = this.#waiting.splice(0, QUESTIONS_AT_ONCE);
    const byCampaign = groupByCampaign(questions);
    await Promise.all([...byCampaign].map(([campaignId, asked]) => this.#answer(campaignId, asked)));
    this.#scheduled = false;
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** One campaign that cannot be looked up, as on a node of a Cluster that is away, fails no other. */
  async #answer(campaignId: number, questions: readonly Question[]): Promise<void> {
    try {
      await this.#askCampaign(campaignId, questions);
    } catch (error) {
      const failed = new LookupFailed(error instanceof Error ? error.message : String(error));
      for (const question of questions) question.reject(failed);
    }
  }

  async #askCampaign(campaignId: number, questions: readonly Question[]): Promise<void> {
    const keys = this.#keys.campaign(campaignId);
    const users = questions.map(question => question.userId);
    // What is final and settled is judged by the board from before the questions: the answers are at least as new.
    const board = this.#board;
    const { epoch, rankedUs } = board;
    const known = board.campaign(campaignId);
    const settledStamp = known?.settledStamp ?? -1;
    const hasClaims = known?.claims !== undefined;
    const outcomes = hasClaims ? keys.claimants : keys.won;
    const looked = await lookAt(this.#redis, keys, outcomes, epoch, users);
    // Asked last: if the board is still the one we know, Redis was not emptied before the answers above.
    const epochNow = await readBoardEpoch(this.#redis, this.#keys);
    if (epoch === '' || epochNow !== epoch || looked.state === 'unmade')
      throw new LookupFailed('Redis has been emptied and is being made anew');

    if (looked.state === 'building') this.#askFor(campaignId);
    else this.#askedAtMs.delete(campaignId);
    for (const [index, { campaign, resolve, reject }] of questions.entries()) {
      if (looked.state === 'building') {
        reject(new BeingMade(looked.stamps[index]));
        continue;
      }
      const user = looked.users[index];
      if (user === undefined) {
        resolve(undefined);
        continue;
      }
      const { stamp, rank, outcome, withdrawn } = user;
      resolve({
        campaign,
        stamp,
        rank,
        final: stamp <= lastStampAt(rankedUs, campaign.opensAtUs),
        grant: hasClaims ? undefined : parseGrant(outcome),
        claimant: hasClaims ? parseClaimant(outcome) : undefined,
        withdrawn,
        // As whoever asks knows the campaign: one that was cancelled since has others that are decided.
        settled: stamp <= Math.min(settledStamp, campaign.settledStamp),
      });
    }
  }

  #askFor(campaignId: number): void {
    const nowMs = performance.now();
    const askedAtMs = this.#askedAtMs.get(campaignId);
    if (askedAtMs !== undefined && nowMs - askedAtMs < ASK_AGAIN_MS) return;
    this.#askedAtMs.set(campaignId, nowMs);
    // What is lost is told again in a second.
    askForProjection(this.#redis, this.#keys, campaignId).catch(() => undefined);
  }
}

/** `serial:code`, as the engine publishes it. */
export function parseGrant(text: string | null | undefined): Grant | undefined {
  if (text === null || text === undefined) return undefined;
  const colon = text.indexOf(':');
  return { serial: Number(text.slice(0, colon)), code: text.slice(colon + 1) };
}

function groupByCampaign(questions: readonly Question[]): Map<number, Question[]> {
  const groups = new Map<number, Question[]>();
  for (const question of questions) {
    const group = groups.get(question.campaign.campaignId);
    if (group === undefined) groups.set(question.campaign.campaignId, [question]);
    else group.push(question);
  }
  return groups;
}
