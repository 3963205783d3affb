/**
 * The door: whether to accept a request at an instant. The gateway decides by itself, from the shared clock and its copy
 * of the board, so an opening needs no message to arrive, and a sold-out coupon costs no log and no Redis.
 *
 * A user who was granted a coupon must never get "sold out" on a retry. So when a coupon is sold out, the gateway loads
 * its winners once (as many as the stock) and answers them with their entries. With claims, a campaign is sold out only
 * when the waitlist is full as well, and the gateway loads everybody who has a place in either. Once the campaign is
 * closed and over, users are looked up (behind-close.ts), and no winners are kept.
 */
import type { Logger } from 'pino';
import type { ProblemSlug } from '../../engine/contract/api/problem.ts';
import { lastStampAt } from '../../engine/contract/record/stamp.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import { lookAt } from '../../engine/contract/redis/projection/projection.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import type { EntryView } from '../http/contract.ts';
import { ANSWERED, type Answered, type Reply } from '../http/reply.ts';
import type { Metrics } from '../metrics.ts';
import type { Board, BoardListener } from '../shared/board.ts';
import { type Grant, parseGrant } from '../shared/lookups.ts';
import { type Refusal, refusalAt } from './admission.ts';

interface Winner extends Grant {
  readonly stamp: number;
}

/** Asks only for the state: no user has an empty name. */
const NO_USER = '';
const NOBODY: ReadonlyMap<string, Winner> = new Map();
const SCAN_COUNT = 1_000;
const RELOAD_MS = 500;
/** After a close there is nothing to wait for; a client that retries is told to wait an hour. */
const CLOSED_RETRY_SECONDS = 3_600;
/** The operator may resume a paused campaign at any moment. */
const PAUSED_RETRY_SECONDS = 5;

export class Doorkeeper implements BoardListener {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #board: Pick<Board, 'rankedUs' | 'epoch' | 'campaign'>;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #winners = new Map<number, ReadonlyMap<string, Winner>>();
  /** With claims: everybody who has a place. */
  readonly #claimants = new Map<number, ReadonlySet<string>>();
  readonly #loading = new Set<number>();
  /** Increases with each board. */
  #generation = 0;

  constructor(parts: { redis: RedisClient; keys: Keys; board: Board; metrics: Metrics; log: Logger }) {
    this.#redis = parts.redis;
    this.#keys = parts.keys;
    this.#board = parts.board;
    this.#metrics = parts.metrics;
    this.#log = parts.log;
    parts.board.listen(this);
  }

  changed(campaigns: readonly BoardCampaign[]): void {
    for (const campaign of campaigns) {
      const { campaignId, soldOut } = campaign;
      if (soldOut && !this.#winners.has(campaignId) && !this.#isOver(campaignId)) void this.#load(campaign);
    }
    this.forgot([...this.#winners.keys()].filter(campaignId => this.#isOver(campaignId)));
  }

  /** The number of campaigns whose winners are kept. */
  get size(): number {
    return this.#winners.size;
  }

  /** Whether nobody can enter any more, by any clock behind a promise, and every entry has its outcome. */
  #isOver(campaignId: number): boolean {
    const campaign = this.#board.campaign(campaignId);
    // A gateway that last read it before it was over, and was suspended since, may find it gone: it would ask for winners forever.
    if (campaign === undefined) return true;
    return campaign.finished && this.#board.rankedUs >= campaign.closesAtUs;
  }

  /** Reads the winners again: the ledger behind the new board may be another one. Until then entries take the usual path. */
  replaced(): void {
    this.#generation += 1;
    this.#winners.clear();
    this.#claimants.clear();
    this.#loading.clear();
  }

  forgot(campaignIds: readonly number[]): void {
    for (const campaignId of campaignIds) {
      this.#winners.delete(campaignId);
      this.#claimants.delete(campaignId);
    }
  }

  /** Whether an entry at `instantUs` is accepted for any user. Sends no answer. */
  isWideOpen(campaign: BoardCampaign, instantUs: number): boolean {
    return !this.#winners.has(campaign.campaignId) && refusalAt(campaign, instantUs) === undefined;
  }

  /** Whether it is too late to enter while the user's own entry is not known here. Sends no answer. */
  isBehindClose(
    { campaignId, closesAtUs, cancelledStamp, soldOut }: BoardCampaign,
    userId: string,
    instantUs: number,
  ): boolean {
    if (instantUs < closesAtUs) return false;
    // Everybody but earlier winners is told of the cancellation, and the winners are forgotten by then.
    if (cancelledStamp !== undefined && !(soldOut && this.#isOver(campaignId))) return false;
    return !this.#winners.has(campaignId) || this.#claimants.get(campaignId)?.has(userId) === true;
  }

  /** Answers the user if their entry at `instantUs` is not accepted. */
  refuseEntry(
    reply: Reply,
    campaign: BoardCampaign,
    userId: string,
    instantUs: number,
  ): Answered | undefined {
    const winners = this.#winners.get(campaign.campaignId);
    if (winners !== undefined) {
      // The state of a claimant changes, so it is looked up: claimants take the path of a repeated entry.
      const isClaimant = this.#claimants.get(campaign.campaignId)?.has(userId) === true;
      if (isClaimant) return this.refuseEntrant(reply, campaign, instantUs);
      return this.#answerSoldOut(reply, campaign, winners.get(userId));
    }
    const refusal = refusalAt(campaign, instantUs);
    return refusal && this.#refuse(reply, campaign, instantUs, refusal);
  }

  /** Answers a user who has entered if the campaign is not open at `instantUs` to those. */
  refuseEntrant(reply: Reply, campaign: BoardCampaign, instantUs: number): Answered | undefined {
    const refusal = refusalAt(campaign, instantUs);
    if (refusal === undefined || refusal === 'paused') return undefined;
    return this.#refuse(reply, campaign, instantUs, refusal);
  }

  #refuse(reply: Reply, campaign: BoardCampaign, instantUs: number, refusal: Refusal): Answered {
    this.#metrics.refuse(refusal);
    const { slug, detail, members, seconds } = problemOf(campaign, instantUs, refusal);
    return reply.problem(slug, detail, {
      ...(members === undefined ? {} : { members }),
      headers: retryAfter(seconds),
    });
  }

  #answerSoldOut(reply: Reply, campaign: BoardCampaign, winner: Winner | undefined): Answered {
    if (winner === undefined) {
      this.#metrics.refuse('sold_out');
      const { places, claims } = campaign;
      const waits =
        claims === undefined || claims.waitlist === 0
          ? ''
          : `, and the waitlist of ${claims.waitlist} is full`;
      return reply.problem('sold-out', `All ${places} coupons are granted${waits}.`, {
        members: { stock: campaign.places },
        headers: retryAfter(CLOSED_RETRY_SECONDS),
      });
    }
    const view: EntryView = {
      campaign: campaign.campaignId,
      stamp: winner.stamp,
      position: null,
      ahead: 0,
      provisional: false,
      outcome: 'granted',
      serial: winner.serial,
      code: winner.code,
    };
    reply.json(200, JSON.stringify(view));
    return ANSWERED;
  }

  async #load(campaign: BoardCampaign): Promise<void> {
    const { campaignId } = campaign;
    if (this.#loading.has(campaignId)) return;
    this.#loading.add(campaignId);
    const generation = this.#generation;
    const isWanted = (): boolean => this.#generation === generation && !this.#isOver(campaignId);
    while (isWanted() && !this.#winners.has(campaignId)) {
      try {
        const all = await this.#readAll(campaign);
        if (all !== undefined && isWanted()) {
          this.#winners.set(campaignId, all.winners);
          if (all.claimants !== undefined) this.#claimants.set(campaignId, all.claimants);
        }
      } catch (error) {
        this.#log.debug({ err: error, campaignId }, 'cannot read the winners');
      }
      await new Promise(resolve => setTimeout(resolve, RELOAD_MS).unref());
    }
    if (this.#generation === generation) this.#loading.delete(campaignId);
  }

  /** undefined until all winners are loaded: until then entries take the usual path, which is slower and just as correct. */
  async #readAll(campaign: BoardCampaign): Promise<
    | {
        readonly winners: ReadonlyMap<string, Winner>;
        readonly claimants: ReadonlySet<string> | undefined;
      }
    | undefined
  > {
    const { campaignId, places, claims } = campaign;
    // While a campaign is being rebuilt, a winner's first stamp may not be ranked yet.
    if (!(await this.#isWhole(campaignId))) return undefined;
    const claimants = claims && (await this.#readClaimants(campaignId));
    const winners = claims === undefined ? await this.#read(campaign) : NOBODY;
    if ((claimants ?? winners).size < places + (claims?.waitlist ?? 0)) return undefined;
    // A read on a node that has failed over meanwhile may be stale: it may show the later of a user's two stamps.
    if (!(await this.#isWhole(campaignId))) return undefined;
    return { winners, claimants };
  }

  async #isWhole(campaignId: number): Promise<boolean> {
    const keys = this.#keys.campaign(campaignId);
    const looked = await lookAt(this.#redis, keys, keys.won, this.#board.epoch, [NO_USER]);
    return looked.state === 'whole';
  }

  async #readClaimants(campaignId: number): Promise<ReadonlySet<string>> {
    const claimants = new Set<string>();
    let cursor = '0';
    do {
      const key = this.#keys.campaign(campaignId).claimants;
      const [next, flat] = await this.#redis.hscan(key, cursor, 'COUNT', SCAN_COUNT);
      cursor = next;
      for (let index = 0; index < flat.length; index += 2) claimants.add(flat[index] ?? '');
    } while (cursor !== '0');
    return claimants;
  }

  async #read({ campaignId, opensAtUs }: BoardCampaign): Promise<ReadonlyMap<string, Winner>> {
    const keys = this.#keys.campaign(campaignId);
    // Read before the ranks. Behind it, an earlier stamp of the same user may be logged and not ranked yet.
    const lastFinal = lastStampAt(this.#board.rankedUs, opensAtUs);
    const winners = new Map<string, Winner>();
    let cursor = '0';
    do {
      const [next, flat] = await this.#redis.hscan(keys.won, cursor, 'COUNT', SCAN_COUNT);
      cursor = next;
      const users = flat.filter((_, index) => index % 2 === 0);
      const stamps = users.length === 0 ? [] : await this.#redis.zmscore(keys.rank, ...users);
      for (const [index, user] of users.entries()) {
        const grant = parseGrant(flat[2 * index + 1]);
        const stamp = stamps[index];
        // Granted but not ranked yet: its gateway has ended, and the engine ranks what that gateway had not.
        if (grant === undefined || stamp === null || stamp === undefined) continue;
        if (Number(stamp) > lastFinal) continue;
        winners.set(user, { ...grant, stamp: Number(stamp) });
      }
    } while (cursor !== '0');
    return winners;
  }
}

interface RefusalProblem {
  readonly slug: ProblemSlug;
  readonly detail: string;
  readonly members?: Readonly<Record<string, string>>;
  /** After which asking again may help. */
  readonly seconds: number;
}

function problemOf(
  { campaignId, opensAtUs, closesAtUs }: BoardCampaign,
  instantUs: number,
  refusal: Refusal,
): RefusalProblem {
  const members = { opens_at: isoOf(opensAtUs), closes_at: isoOf(closesAtUs) };
  switch (refusal) {
    case 'cancelled':
      return {
        slug: 'cancelled',
        detail: `Campaign ${campaignId} was cancelled.`,
        seconds: CLOSED_RETRY_SECONDS,
      };
    case 'not_open':
      return {
        slug: 'not-open-yet',
        detail: `The campaign opens at ${members.opens_at}.`,
        members,
        seconds: Math.max(1, Math.ceil((opensAtUs - instantUs) / 1_000_000)),
      };
    case 'closed':
      return {
        slug: 'closed',
        detail: `The campaign closed at ${members.closes_at}. Earlier entries stay.`,
        members,
        seconds: CLOSED_RETRY_SECONDS,
      };
    case 'changing':
      return {
        slug: 'unavailable',
        detail: 'The campaign is being changed right now. Retrying is safe.',
        seconds: 1,
      };
    case 'paused':
      return {
        slug: 'paused',
        detail: `Campaign ${campaignId} is paused. Earlier entries stay.`,
        seconds: PAUSED_RETRY_SECONDS,
      };
  }
}

function retryAfter(seconds: number): { readonly 'retry-after': string } {
  return { 'retry-after': String(seconds) };
}

export function isoOf(us: number): string {
  return new Date(us / 1000).toISOString();
}
