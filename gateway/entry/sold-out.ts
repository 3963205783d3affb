/**
 * The holders of sold-out coupons. A user who was granted a coupon must never get "sold out" on a retry. So when a coupon is
 * sold out, the gateway loads its winners once (as many as the stock) and answers them with their entries. With claims, a
 * campaign is sold out only when the waitlist is full as well, and the gateway loads the claimants of both. Once the campaign
 * is closed and over, users are looked up (behind-close.ts), and no winners are kept. When the stock is raised, the holders are
 * forgotten with the board that shows it, so nobody is told of the previous stock; they are loaded again once that is gone.
 */
import type { Logger } from 'pino';
import { lastStampAt } from '../../engine/contract/record/stamp.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import { lookAt } from '../../engine/contract/redis/projection/projection.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import type { Board, BoardListener } from '../shared/board.ts';
import { type Grant, parseGrant } from '../shared/lookups.ts';

export interface Winner extends Grant {
  readonly stamp: number;
}

/** All holders of a sold-out campaign. */
export interface Holders {
  /** When they were loaded. */
  readonly stock: number;
  /** Without claims: everybody who was granted a coupon, which is final. */
  readonly winners: ReadonlyMap<string, Winner>;
  /** With claims: all claimants; their states change, so they are looked up. */
  readonly claimants: ReadonlySet<string>;
}

export interface SoldOutParts {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly board: Pick<Board, 'rankedUs' | 'epoch' | 'campaign' | 'listen'>;
  readonly log: Pick<Logger, 'debug'>;
}

/** Asks only for the state: no user has an empty name. */
const NO_USER = '';
const NO_WINNERS: ReadonlyMap<string, Winner> = new Map();
const NO_CLAIMANTS: ReadonlySet<string> = new Set();
const SCAN_COUNT = 1_000;
const RELOAD_MS = 500;

export class SoldOutCampaigns implements BoardListener {
  readonly #parts: SoldOutParts;
  readonly #holders = new Map<number, Holders>();
  readonly #loading = new Set<number>();
  /** Increases with each board. */
  #generation = 0;

  constructor(parts: SoldOutParts) {
    this.#parts = parts;
    parts.board.listen(this);
  }

  /** The number of campaigns whose holders are kept. */
  get size(): number {
    return this.#holders.size;
  }

  /** Whether the holders are loaded: until then entries take the usual path. */
  has(campaignId: number): boolean {
    return this.#holders.has(campaignId);
  }

  /** Undefined while the campaign is not sold out, or its holders are not loaded. */
  holders(campaignId: number): Holders | undefined {
    return this.#holders.get(campaignId);
  }

  /** Whether every entry has its outcome, and all gateways have promised to stamp nothing more before the close. */
  isOver(campaignId: number): boolean {
    const { board } = this.#parts;
    const campaign = board.campaign(campaignId);
    // A gateway that was suspended since before the end may find the campaign gone: otherwise it would load winners forever.
    if (campaign === undefined) return true;
    return campaign.finished && board.rankedUs >= campaign.closesAtUs;
  }

  changed(campaigns: readonly BoardCampaign[]): void {
    for (const { campaignId, soldOut, stock } of campaigns) {
      if (this.#holders.get(campaignId)?.stock !== stock) this.#holders.delete(campaignId);
      if (soldOut && !this.#holders.has(campaignId) && !this.isOver(campaignId)) void this.#load(campaignId);
    }
    this.forgot([...this.#holders.keys()].filter(campaignId => this.isOver(campaignId)));
  }

  /** Reads the winners again: the ledger behind the new board may be another one. Until then entries take the usual path. */
  replaced(): void {
    this.#generation += 1;
    this.#holders.clear();
    this.#loading.clear();
  }

  forgot(campaignIds: readonly number[]): void {
    for (const campaignId of campaignIds) this.#holders.delete(campaignId);
  }

  async #load(campaignId: number): Promise<void> {
    if (this.#loading.has(campaignId)) return;
    this.#loading.add(campaignId);
    const generation = this.#generation;
    // Undefined once nobody wants its holders: it is over, or its stock was raised.
    const wanted = (): BoardCampaign | undefined => {
      if (this.#generation !== generation || this.isOver(campaignId)) return undefined;
      const campaign = this.#parts.board.campaign(campaignId);
      return campaign?.soldOut === true ? campaign : undefined;
    };
    for (let campaign = wanted(); campaign !== undefined; campaign = wanted()) {
      if (this.#holders.has(campaignId)) break;
      try {
        const all = await this.#readAll(campaign);
        if (all !== undefined && wanted()?.stock === all.stock) this.#holders.set(campaignId, all);
      } catch (error) {
        this.#parts.log.debug({ err: error, campaignId }, 'cannot read the winners');
      }
      await new Promise(resolve => setTimeout(resolve, RELOAD_MS).unref());
    }
    if (this.#generation === generation) this.#loading.delete(campaignId);
  }

  /** undefined until all winners are loaded: until then entries take the usual path, which is slower and just as correct. */
  async #readAll(campaign: BoardCampaign): Promise<Holders | undefined> {
    const { campaignId, stock, claims } = campaign;
    // While a campaign is being rebuilt, a winner's first stamp may not be ranked yet.
    if (!(await this.#isWhole(campaignId))) return undefined;
    const claimants = claims === undefined ? NO_CLAIMANTS : await this.#readClaimants(campaignId);
    const winners = claims === undefined ? await this.#readWinners(campaign) : NO_WINNERS;
    if (claimants.size + winners.size < stock + (claims?.waitlist ?? 0)) return undefined;
    // A read on a node that has failed over meanwhile may be stale: it may show the later of a user's two stamps.
    if (!(await this.#isWhole(campaignId))) return undefined;
    return { stock, winners, claimants };
  }

  async #isWhole(campaignId: number): Promise<boolean> {
    const { redis, keys, board } = this.#parts;
    const campaignKeys = keys.campaign(campaignId);
    const looked = await lookAt(redis, campaignKeys, campaignKeys.won, board.epoch, [NO_USER]);
    return looked.state === 'whole';
  }

  async #readClaimants(campaignId: number): Promise<ReadonlySet<string>> {
    const { redis, keys } = this.#parts;
    const key = keys.campaign(campaignId).claimants;
    const claimants = new Set<string>();
    let cursor = '0';
    do {
      const [next, flat] = await redis.hscan(key, cursor, 'COUNT', SCAN_COUNT);
      cursor = next;
      for (let index = 0; index < flat.length; index += 2) claimants.add(flat[index] ?? '');
    } while (cursor !== '0');
    return claimants;
  }

  async #readWinners({ campaignId, opensAtUs }: BoardCampaign): Promise<ReadonlyMap<string, Winner>> {
    const { redis, board } = this.#parts;
    const keys = this.#parts.keys.campaign(campaignId);
    // Read before the ranks. After this stamp, an earlier one of the same user may be logged but not ranked yet.
    const lastFinal = lastStampAt(board.rankedUs, opensAtUs);
    const winners = new Map<string, Winner>();
    let cursor = '0';
    do {
      const [next, flat] = await redis.hscan(keys.won, cursor, 'COUNT', SCAN_COUNT);
      cursor = next;
      const users = flat.filter((_, index) => index % 2 === 0);
      const stamps = users.length === 0 ? [] : await redis.zmscore(keys.rank, ...users);
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
