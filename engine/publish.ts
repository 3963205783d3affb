/**
 * The publisher: tells the gateways, by way of Redis, what the ledger has decided. It runs after each pass, sends only
 * what changed since it last did, and keeps an order: who won and who left stands in the campaign's own keys before
 * the board says that they are so many. Where those keys are not whole (contract/projection/), nothing is told from them,
 * so the board may go ahead; they are then made anew beside the passes (maker.ts), which ends by reading once more whatever
 * the board has been told of.
 *
 * What it remembers of Redis is only a way to save work. After any error, and when the registry was opened anew, it
 * forgets all of that, compares with what Redis holds, and brings Redis up to the ledger.
 */
import { Cluster } from 'ioredis';
import { type Campaign, opensAtUs } from '../sql/campaigns.ts';
import type { Pool } from '../sql/database.ts';
import { readCampaigns, saveGoneRanked } from '../sql/settling.ts';
import { readShelved, readShelvedSince, readUnshelved } from '../sql/shelving.ts';
import { projectClaimants, projectMoves } from './claim-projections.ts';
import {
  type PublishedNews,
  publishBoard,
  readBoardEpoch,
  readShelvings,
  readShown,
  takeOffBoard,
} from './contract/board/board.ts';
import { toBoard } from './contract/board/board-campaign.ts';
import type { Keys } from './contract/keys.ts';
import { closeRegistry } from './contract/lease/lease.ts';
import { beginProjection, clearProjection, joinProjection } from './contract/projection/projection.ts';
import type { RedisClient } from './contract/redis.ts';
import { lastStampAt } from './contract/stamp.ts';
import { Maker, type MakerOptions } from './maker.ts';
import { projectGone, projectRedrawn, projectWithdrawn, projectWon } from './projections.ts';

/** A finished campaign is looked at for this long after its end, or a redraw; before a catch-up all of them are. */
const FINISHED_MS = 300_000;
/** And kept for a while longer, as the ledger's clock is another: what it still tells of is known then. */
const FORGOTTEN_MS = FINISHED_MS + 60_000;

/**
 * So long after a campaign was put on the shelf its keys are deleted again: a gateway that stood still between log and rank
 * may have ranked into them since. What comes later stays until the registry is opened anew.
 */
const CLEARED_AGAIN_MS = 60_000;

/** Projections asked about in one go. */
const JOINED_AT_ONCE = 500;
/** The board waits so long for what was announced a moment ago, so that it is whole when people come. */
const MAKE_MS = 500;

/** A campaign as it was read last. */
interface Read {
  readonly campaign: Campaign;
  readonly atMs: number;
}

/** What of a campaign Redis is known to hold. */
interface Published {
  revision: number;
  /** Before, nothing is told from it, and nothing of this has to be there. */
  isWhole: boolean;
  /** Whether the counts below were held against Redis. */
  isCompared: boolean;
  won: number;
  withdrawn: number;
  redrawn: number;
  claimants: number;
  moves: number;
}

export interface PublishTurn {
  readonly epoch: number;
  readonly watermarkUs: number;
  readonly rankedUs: number;
}

export type PublisherOptions = MakerOptions;

export class Publisher {
  readonly #pool: Pool;
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #maker: Maker;
  /** Every campaign that is not finished, and those that were finished a while ago: only what has changed is read again. */
  readonly #read = new Map<number, Read>();
  readonly #published = new Map<number, Published>();
  /** Campaigns that were on a board before: what of them is not whole may be large, and nothing waits for it. */
  readonly #shown = new Set<number>();
  /** One at a time: what one has put in place, the next one counts on. */
  #last: Promise<unknown> = Promise.resolve();
  #epoch: number | undefined;
  /** Grows with each time everything was forgotten. */
  #generation = 0;
  /** As of when the whole board was looked at for what is on the shelf. */
  #clearedAs: number | undefined;

  constructor(options: PublisherOptions) {
    this.#pool = options.pool;
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#maker = new Maker(options);
  }

  /** Rejects when Redis or Postgres don't answer; the next turn catches up. Answers all campaigns that are not finished. */
  publish(turn: PublishTurn): Promise<readonly Campaign[]> {
    return this.#oneAtATime(() => this.#publish(turn));
  }

  /** Puts campaigns on the board now, as these rows are. Rejects when there is no board at the moment. */
  tell(campaigns: readonly Campaign[]): Promise<void> {
    return this.#oneAtATime(async () => {
      const epoch = await readBoardEpoch(this.#redis, this.#keys);
      if (epoch === '') throw new Error('Redis is being made anew: there is no board at the moment');
      if (this.#epoch !== undefined && String(this.#epoch) !== epoch) this.forget();
      await this.#putOnBoard(
        Number(epoch),
        campaigns.filter(({ shelvedAt }) => shelvedAt === null),
        {},
      );
    });
  }

  /**
   * Lets go of what is on the shelf (shelving.ts): shows gateways that it is, and of what they were shown that before, deletes
   * the keys and the record. The first time, and after anything was forgotten, whatever is on the board is looked at.
   */
  clearShelved(): Promise<void> {
    return this.#oneAtATime(async () => {
      const epoch = await readBoardEpoch(this.#redis, this.#keys);
      if (epoch === '') return;
      const generation = this.#generation;
      await this.#clear(Number(epoch), this.#clearedAs === generation ? [] : await this.#onBoard());
      this.#clearedAs = generation;
    });
  }

  async #onBoard(): Promise<readonly Campaign[]> {
    const ids = await this.#redis.hkeys(this.#keys.boardCampaigns);
    return await readShelved(this.#pool, ids.map(Number));
  }

  async #clear(epoch: number, others: readonly Campaign[]): Promise<void> {
    const last = await readShelvedSince(this.#pool, CLEARED_AGAIN_MS);
    const shelved = [...new Map([...others, ...last].map(each => [each.campaignId, each])).values()];
    const shown = await readShown(
      this.#redis,
      this.#keys,
      shelved.map(({ campaignId }) => campaignId),
    );
    const unseen = shelved.filter(({ campaignId }) => shown.get(campaignId) === 'shown');
    if (unseen.length > 0)
      await publishBoard(this.#redis, this.#keys, epoch, { campaigns: unseen.map(toBoard) });
    const seen = shelved.map(({ campaignId }) => campaignId).filter(id => shown.get(id) !== 'shown');
    for (const campaignId of seen) await this.#letGo(campaignId);
    const onBoard = seen.filter(campaignId => shown.has(campaignId));
    await takeOffBoard(this.#redis, this.#keys, epoch, onBoard);
  }

  async #letGo(campaignId: number): Promise<void> {
    this.#read.delete(campaignId);
    this.#published.delete(campaignId);
    this.#shown.delete(campaignId);
    this.#maker.forget(campaignId);
    await clearProjection(this.#redis, this.#keys.campaign(campaignId));
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#maker.close();
    await this.#last;
  }

  #oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => this.forget());
    return turn;
  }

  async #publish(turn: PublishTurn): Promise<readonly Campaign[]> {
    if (this.#epoch !== turn.epoch) this.forget();
    this.#maker.follow(turn);
    const generation = this.#generation;
    const changed = (await this.#readChanged()).filter(
      campaign => this.#published.get(campaign.campaignId)?.revision !== campaign.revision,
    );
    const { watermarkUs, rankedUs } = turn;
    await this.#putOnBoard(turn.epoch, changed, { watermarkUs, rankedUs });
    const campaigns = Array.from(this.#read.values(), ({ campaign }) => campaign);
    for (const campaign of campaigns) await this.#publishGone(campaign, turn);
    this.#epoch = turn.epoch;
    if (this.#generation !== generation) this.forget();
    return campaigns.filter(({ finishedAt }) => finishedAt === null);
  }

  /** Campaigns that are not as they were read last. With each change a campaign's revision grows. */
  async #readChanged(): Promise<readonly Campaign[]> {
    const nowMs = performance.now();
    for (const [campaignId, { campaign, atMs }] of this.#read) {
      if (campaign.finishedAt === null || nowMs - atMs < FORGOTTEN_MS) continue;
      this.#read.delete(campaignId);
      this.#published.delete(campaignId);
    }
    const known = new Map(Array.from(this.#read, ([id, { campaign }]) => [id, campaign.revision]));
    const finishedMs = this.#epoch === undefined ? undefined : FINISHED_MS;
    const changed = await readCampaigns(this.#pool, finishedMs, known);
    for (const campaign of changed) this.#read.set(campaign.campaignId, { campaign, atMs: nowMs });
    return changed;
  }

  /** First what the board will speak of, where that is whole; where it is not, nothing is told from it. */
  async #putOnBoard(
    epoch: number,
    campaigns: readonly Campaign[],
    others: Omit<PublishedNews, 'campaigns'>,
  ): Promise<void> {
    const generation = this.#generation;
    const unmade = await this.#join(epoch, campaigns);
    this.#maker.want(unmade);
    const fresh = unmade.filter(
      ({ campaignId, settledCount }) => settledCount === 0 && !this.#shown.has(campaignId),
    );
    if (fresh.length > 0) {
      await this.#maker.attend(fresh, MAKE_MS);
      await this.#join(epoch, fresh);
    }
    for (const { campaignId } of campaigns) this.#shown.add(campaignId);
    for (const campaign of campaigns) {
      if (this.#of(campaign.campaignId).isWhole) await this.#prepare(campaign);
    }
    // What was forgotten meanwhile was taken for not whole, and may be.
    if (this.#generation !== generation)
      throw new Error('the connection to Redis was lost in the middle of a turn');
    const news = { ...others, campaigns: campaigns.map(toBoard) };
    if ((await publishBoard(this.#redis, this.#keys, epoch, news)) === 'left out')
      return await this.#readAgain(epoch, campaigns);
    for (const campaign of campaigns) this.#of(campaign.campaignId).revision = campaign.revision;
  }

  /**
   * These may have been put on the shelf since they were read: then nothing of them is to be in Redis, what was begun a moment
   * ago included. One that is announced later than others that are on the shelf comes this way as well.
   */
  async #readAgain(epoch: number, campaigns: readonly Campaign[]): Promise<void> {
    const shelvings = await readShelvings(this.#redis, this.#keys);
    const ids = campaigns.map(({ campaignId }) => campaignId);
    const unshelved = await readUnshelved(this.#pool, ids);
    const isUnshelved = new Set(unshelved.map(({ campaignId }) => campaignId));
    for (const campaignId of ids) if (!isUnshelved.has(campaignId)) await this.#letGo(campaignId);
    await this.#putOnBoard(epoch, unshelved, { shelvings });
  }

  /** Looks which projections are whole, and answers those that are not: who makes them hears that the board was told. */
  async #join(epoch: number, campaigns: readonly Campaign[]): Promise<readonly Campaign[]> {
    const unmade: Campaign[] = [];
    const unknown = campaigns.filter(({ campaignId }) => !this.#of(campaignId).isWhole);
    for (let at = 0; at < unknown.length; at += JOINED_AT_ONCE) {
      const page = unknown.slice(at, at + JOINED_AT_ONCE);
      const states = await Promise.all(
        page.map(({ campaignId }) => joinProjection(this.#redis, this.#keys.campaign(campaignId), epoch)),
      );
      for (const [index, campaign] of page.entries()) {
        const { campaignId } = campaign;
        if (states[index] === 'whole') this.#of(campaignId).isWhole = true;
        else unmade.push(campaign);
        if (states[index] === 'unmade') await this.#begin(epoch, campaignId);
      }
    }
    return unmade;
  }

  /**
   * So that gateways can take entries of it, before anything is told of them. What the board speaks of was begun under its
   * epoch: on a Cluster another node has taken over since, and a gateway may still rank on the one from before, so nothing can
   * be made whole under that epoch. The keeper sees the nodes, and most often before this.
   */
  async #begin(epoch: number, campaignId: number): Promise<void> {
    const [redis, keys] = [this.#redis, this.#keys];
    const isLost =
      redis instanceof Cluster &&
      (await redis.hexists(keys.boardCampaigns, String(campaignId))) === 1 &&
      !(await this.#isLetGoOf(campaignId));
    if (!isLost) return beginProjection(redis, keys.campaign(campaignId), epoch, 'gateways');
    await closeRegistry(redis, keys.leases, epoch);
    throw new Error(`the node with campaign ${campaignId} is another one: the registry is closed`);
  }

  /**
   * Another engine may have deleted what is on the shelf, while this one still has the campaign as it was before. The ledger says
   * that it is there before anything is deleted; the board still shows it after.
   */
  async #isLetGoOf(campaignId: number): Promise<boolean> {
    return (await readUnshelved(this.#pool, [campaignId])).length === 0;
  }

  /** To be called when Redis was away: it may have come back without its last second. */
  forget(): void {
    this.#epoch = undefined;
    this.#generation += 1;
    this.#published.clear();
    this.#read.clear();
  }

  #of(campaignId: number): Published {
    const held = this.#published.get(campaignId);
    if (held !== undefined) return held;
    const fresh = {
      revision: 0,
      isWhole: false,
      isCompared: false,
      won: 0,
      withdrawn: 0,
      redrawn: 0,
      claimants: 0,
      moves: 0,
    };
    this.#published.set(campaignId, fresh);
    return fresh;
  }

  /** Puts in place what the board's record of a campaign will speak of. */
  async #prepare(campaign: Campaign): Promise<void> {
    const { campaignId, grantedCount, goneCount, redrawnCount } = campaign;
    const published = this.#of(campaignId);
    const keys = this.#keys.campaign(campaignId);
    if (!published.isCompared) await this.#compare(campaign, published);
    if (campaign.claimWithinS !== null) {
      await this.#prepareClaims(campaign, published);
    } else if (grantedCount > published.won) {
      published.won = await projectWon(this.#pool, this.#redis, keys, campaignId, published.won);
    }
    if (campaign.claimWithinS === null && redrawnCount > published.redrawn) {
      published.redrawn = await projectRedrawn(this.#pool, this.#redis, keys, campaignId, published.redrawn);
    }
    if (goneCount > published.withdrawn) {
      published.withdrawn = await projectWithdrawn(
        this.#pool,
        this.#redis,
        keys,
        campaignId,
        published.withdrawn,
      );
    }
  }

  /** Those who have a place, then how far they have moved. */
  async #prepareClaims(campaign: Campaign, published: Published): Promise<void> {
    const { campaignId, moveCount } = campaign;
    const keys = this.#keys.campaign(campaignId);
    if (claimantsOf(campaign) > published.claimants) {
      const { claimants } = published;
      published.claimants = await projectClaimants(this.#pool, this.#redis, keys, campaignId, claimants);
    }
    if (moveCount > published.moves) {
      const { moves } = published;
      published.moves = await projectMoves(this.#pool, this.#redis, keys, campaignId, moves);
    }
  }

  /** Finds out how much of a whole projection was put there: another engine may have decided, and ended before it told. */
  async #compare(campaign: Campaign, published: Published): Promise<void> {
    const { campaignId, grantedCount, goneCount } = campaign;
    const keys = this.#keys.campaign(campaignId);
    // A hash that is complete has as many fields as the ledger has rows: each user is in it once.
    if (grantedCount > 0 && (await this.#redis.hlen(keys.won)) >= grantedCount) published.won = grantedCount;
    if (goneCount > 0 && (await this.#redis.hlen(keys.withdrawn)) >= goneCount)
      published.withdrawn = goneCount;
    if (claimantsOf(campaign) > 0) {
      const held = await this.#redis.hlen(keys.claimants);
      // A move is in the list once what it says of its claimant is in the hash.
      if (held >= claimantsOf(campaign)) published.claimants = held;
      if (published.claimants > 0) published.moves = await this.#redis.llen(keys.moves);
    }
    published.isCompared = true;
  }

  /** Appends ranks that have become final. That changes the campaign's row, so the next turn puts it on the board. */
  async #publishGone(campaign: Campaign, { epoch, rankedUs }: PublishTurn): Promise<void> {
    const { campaignId, goneRanked, goneCount } = campaign;
    if (goneRanked === goneCount) return;
    const keys = this.#keys.campaign(campaignId);
    // Looked at first, as joining holds up who makes it.
    if ((await this.#redis.hget(keys.mark, 'whole')) !== String(epoch)) return;
    if ((await this.#join(epoch, [campaign])).length > 0) return;
    const ranked = await projectGone(this.#pool, this.#redis, keys, {
      campaignId,
      kind: campaign.kind,
      after: goneRanked,
      rankedStamp: lastStampAt(rankedUs, opensAtUs(campaign)),
    });
    if (ranked > goneRanked) await saveGoneRanked(this.#pool, campaignId, ranked);
  }
}

/** How many have a place, where there are claims: their numbers count from 1 without gaps. */
function claimantsOf({ claimWithinS, grantedCount, waitlistedCount }: Campaign): number {
  return claimWithinS === null ? 0 : grantedCount + waitlistedCount;
}
