/**
 * The publisher: tells the gateways, through Redis, what the ledger has decided. It runs after each cycle, sends only changes
 * since its last run, and keeps an order: winners and leavers are in the campaign's own keys before the board counts them.
 * While those keys are incomplete (contract/redis/projection/), nobody is told anything from them, so the board may go
 * ahead. The maker (maker.ts) then rebuilds them beside the cycles, and at the end reads again whatever the board already
 * refers to.
 *
 * Its memory of Redis only saves work. After any error, and when the registry was opened again, it forgets everything,
 * compares with what Redis holds, and brings Redis up to date with the ledger.
 */
import { Cluster } from 'ioredis';
import type { Pool } from '../../sql/database.ts';
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { readCampaigns, saveGoneRanked } from '../../sql/statements/campaigns/settling.ts';
import { readShelved, readShelvedSince, readUnshelved } from '../../sql/statements/campaigns/shelving.ts';
import { readEpoch } from '../../sql/statements/progress/watermarks.ts';
import { lastStampAt } from '../contract/record/stamp.ts';
import {
  type PublishedNews,
  publishBoard,
  readBoardEpoch,
  readRevisions,
  readShelvings,
  readShown,
  takeOffBoard,
} from '../contract/redis/board/board.ts';
import { toBoard } from '../contract/redis/board/board-campaign.ts';
import type { Keys } from '../contract/redis/keys.ts';
import { closeRegistry } from '../contract/redis/lease/lease.ts';
import { beginProjection, clearProjection, joinProjection } from '../contract/redis/projection/projection.ts';
import type { RedisClient } from '../contract/redis/redis.ts';
import { Slots } from '../settling/slots.ts';
import {
  type ClaimNews,
  claimantsOf,
  compareClaims,
  type PublishedClaims,
  projectClaims,
  readClaimNews,
} from './claim-projections.ts';
import { LeftToOthers, SHARED_FROM } from './left-to-others.ts';
import { Maker, type MakerOptions } from './maker.ts';
import type { Projected } from './pages.ts';
import { projectGone, projectRedrawn, projectWithdrawn, projectWon } from './projections.ts';

/** How long a finished campaign is checked after its end or a redraw; until a catch-up all of them are checked. */
const FINISHED_MS = 300_000;
/** It is kept a while longer, because the ledger has another clock: whatever the ledger still reports is then known. */
const FORGOTTEN_MS = FINISHED_MS + 60_000;

/**
 * The keys of a shelved campaign are deleted again after this time: a gateway that stood still between log and rank may
 * have ranked into them since. Anything later stays until the registry is opened again.
 */
const CLEARED_AGAIN_MS = 60_000;

/** Projections checked in one batch. */
const JOINED_AT_ONCE = 500;
/**
 * Campaigns written at the same time: one after another, a hundred of them kept the next step of each waiting. Each uses a
 * connection to Postgres that others need too.
 */
const PREPARED_AT_ONCE = 4;
/** The same of those whose news were read before: they use Redis alone. */
const WRITTEN_AT_ONCE = 32;
/** How long the board waits for a campaign announced just now, so that it is complete when people come. */
const MAKE_MS = 500;

/** A campaign as read last. */
interface Read {
  readonly campaign: Campaign;
  readonly atMs: number;
}

/** What Redis is known to hold of a campaign. */
interface Published extends PublishedClaims {
  revision: number;
  /** Until then nobody is told anything from it, and none of this needs to exist. */
  isWhole: boolean;
  /** Whether the counts below were compared with Redis. */
  isCompared: boolean;
  won: number;
  withdrawn: number;
  redrawn: number;
}

export interface PublishTurn {
  readonly epoch: number;
  readonly watermarkUs: number;
  readonly rankedUs: number;
  /** Whether another engine settles a campaign, and publishes it; absent: this engine publishes all. */
  readonly isOthers?: (campaignId: number) => boolean;
}

export interface PublisherOptions extends MakerOptions {
  /** From how many changes on engines share them, for the simulator. */
  readonly sharedFrom?: number | undefined;
}

export class Publisher {
  readonly #pool: Pool;
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #maker: Maker;
  /** All unfinished campaigns and recently finished ones; only changed ones are read again. */
  readonly #read = new Map<number, Read>();
  readonly #published = new Map<number, Published>();
  /** Campaigns that were on a board before: their incomplete projections may be large, and nothing waits for them. */
  readonly #shown = new Set<number>();
  readonly #sharedFrom: number;
  readonly #left = new LeftToOthers();
  /** One at a time: each run relies on what the previous one has written. */
  #last: Promise<unknown> = Promise.resolve();
  #epoch: number | undefined;
  /** Increases each time everything is forgotten. */
  #generation = 0;

  constructor(options: PublisherOptions) {
    this.#pool = options.pool;
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#sharedFrom = options.sharedFrom ?? SHARED_FROM;
    this.#maker = new Maker(options);
  }

  /** Returns all unfinished campaigns. Rejects when Redis or Postgres does not answer; the next turn catches up. */
  publish(turn: PublishTurn): Promise<readonly Campaign[]> {
    return this.#oneAtATime(() => this.#publish(turn));
  }

  /**
   * Puts campaigns on the board now, as in these rows, and resolves with its epoch. Rejects when there is no board right now,
   * or when another one counts: after a failover of Redis nobody would read it. A later board is made from the
   * ledger and includes the change.
   */
  tell(campaigns: readonly Campaign[]): Promise<number> {
    return this.#oneAtATime(async () => {
      const epoch = await readBoardEpoch(this.#redis, this.#keys);
      if (epoch === '') throw new Error('Redis is being rebuilt: there is no board right now');
      if (this.#epoch !== undefined && String(this.#epoch) !== epoch) this.forget();
      await this.#putOnBoard(
        Number(epoch),
        campaigns.filter(({ shelvedAt }) => shelvedAt === null),
        {},
      );
      const latest = await readEpoch(this.#pool);
      if (String(latest) !== epoch)
        throw new Error(`the board here is of epoch ${epoch}; ${latest} has begun since`);
      return latest;
    });
  }

  /**
   * Removes shelved campaigns (shelving.ts): first tells gateways that a campaign is shelved; for those that were told
   * before, deletes the keys and the record. It checks the whole board each time: by the ledger's clock alone, which may be
   * set, a campaign could be older than CLEARED_AGAIN_MS before an engine has removed it.
   */
  clearShelved(): Promise<void> {
    return this.#oneAtATime(async () => {
      const epoch = await readBoardEpoch(this.#redis, this.#keys);
      if (epoch !== '') await this.#clear(Number(epoch), await this.#onBoard());
    });
  }

  async #onBoard(): Promise<readonly Campaign[]> {
    const ids = await this.#redis.hkeys(this.#keys.boardCampaigns);
    return await readShelved(this.#pool, ids.map(Number));
  }

  async #clear(epoch: number, onTheBoard: readonly Campaign[]): Promise<void> {
    const last = await readShelvedSince(this.#pool, CLEARED_AGAIN_MS);
    const shelved = [...new Map([...onTheBoard, ...last].map(each => [each.campaignId, each])).values()];
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
    this.#left.drop(campaignId);
    this.#maker.forget(campaignId);
    await clearProjection(this.#redis, this.#keys.campaign(campaignId));
  }

  /** Waits for running work. */
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
    await this.#readChanged();
    const changed = await this.#withoutOthers(turn);
    const { watermarkUs, rankedUs } = turn;
    await this.#putOnBoard(turn.epoch, changed, { watermarkUs, rankedUs });
    const campaigns = Array.from(this.#read.values(), ({ campaign }) => campaign);
    for (const campaign of campaigns) await this.#publishGone(campaign, turn);
    this.#epoch = turn.epoch;
    if (this.#generation !== generation) this.forget();
    return campaigns.filter(({ finishedAt }) => finishedAt === null);
  }

  /** Reads campaigns that have changed since they were read last. Each change increases a campaign's revision. */
  async #readChanged(): Promise<void> {
    const nowMs = performance.now();
    for (const [campaignId, { campaign, atMs }] of this.#read) {
      if (campaign.finishedAt === null || nowMs - atMs < FORGOTTEN_MS) continue;
      this.#read.delete(campaignId);
      this.#published.delete(campaignId);
      this.#left.drop(campaignId);
    }
    const known = new Map(Array.from(this.#read, ([id, { campaign }]) => [id, campaign.revision]));
    const finishedMs = this.#epoch === undefined ? undefined : FINISHED_MS;
    const changed = await readCampaigns(this.#pool, finishedMs, known);
    for (const campaign of changed) this.#read.set(campaign.campaignId, { campaign, atMs: nowMs });
  }

  /** What has changed and was not published, without what is left to other engines. */
  async #withoutOthers({ isOthers = () => false }: PublishTurn): Promise<readonly Campaign[]> {
    const changed = Array.from(this.#read.values(), ({ campaign }) => campaign).filter(
      ({ campaignId, revision }) => (this.#published.get(campaignId)?.revision ?? 0) < revision,
    );
    if (changed.length < this.#sharedFrom) return changed;
    // Before the first comparison it is not known what Redis holds.
    const others = changed
      .map(({ campaignId }) => campaignId)
      .filter(campaignId => isOthers(campaignId) && this.#published.get(campaignId)?.isCompared === true);
    const shown = await readRevisions(this.#redis, this.#keys, others);
    const isOther = new Set(others);
    const nowMs = performance.now();
    return changed.filter(campaign => {
      const { campaignId } = campaign;
      if (!isOther.has(campaignId)) return true;
      const share = this.#left.shareOf(campaign, shown.get(campaignId) ?? 0, nowMs);
      if (share === 'published') this.#adopt(campaign);
      return share === 'ours';
    });
  }

  /** Another engine has published it: whatever the board refers to was in place before. */
  #adopt(campaign: Campaign): void {
    const { campaignId, revision, grantedCount, goneCount, redrawnCount, moveCount } = campaign;
    const published = this.#of(campaignId);
    Object.assign(published, {
      revision,
      won: Math.max(published.won, grantedCount),
      withdrawn: Math.max(published.withdrawn, goneCount),
      redrawn: Math.max(published.redrawn, redrawnCount),
      claimants: Math.max(published.claimants, claimantsOf(campaign)),
      moves: Math.max(published.moves, moveCount),
    });
  }

  /** Writes first what the board will refer to, if it is complete; if not, nobody is told anything from it. */
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
    await this.#prepareAll(campaigns.filter(({ campaignId }) => this.#of(campaignId).isWhole));
    // Anything forgotten meanwhile was assumed incomplete, and may be.
    if (this.#generation !== generation) throw new Error('lost the connection to Redis during a turn');
    const news = { ...others, campaigns: campaigns.map(toBoard) };
    if ((await publishBoard(this.#redis, this.#keys, epoch, news)) === 'left out')
      return await this.#readAgain(epoch, campaigns);
    for (const { campaignId, revision } of campaigns) {
      this.#of(campaignId).revision = revision;
      this.#left.drop(campaignId);
    }
  }

  /**
   * These may have been shelved since they were read: then nothing of them may stay in Redis, including what was started a
   * moment ago. A campaign announced later than shelved ones takes this path as well.
   */
  async #readAgain(epoch: number, campaigns: readonly Campaign[]): Promise<void> {
    const shelvings = await readShelvings(this.#redis, this.#keys);
    const ids = campaigns.map(({ campaignId }) => campaignId);
    const unshelved = await readUnshelved(this.#pool, ids);
    const isUnshelved = new Set(unshelved.map(({ campaignId }) => campaignId));
    for (const campaignId of ids) if (!isUnshelved.has(campaignId)) await this.#letGo(campaignId);
    await this.#putOnBoard(epoch, unshelved, { shelvings });
  }

  /** Returns the incomplete projections, so that the maker learns that the board refers to them. */
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
   * Lets gateways accept entries of the campaign before any outcome is published. A campaign on the board was started under
   * its epoch. If on a Cluster another node has taken over since, a gateway may still rank on the previous node, so no
   * projection can be completed under that epoch. The lease reaper watches the nodes, and mostly notices before this does.
   */
  async #begin(epoch: number, campaignId: number): Promise<void> {
    const [redis, keys] = [this.#redis, this.#keys];
    const isLost =
      redis instanceof Cluster &&
      (await redis.hexists(keys.boardCampaigns, String(campaignId))) === 1 &&
      !(await this.#isLetGoOf(campaignId));
    if (!isLost) return beginProjection(redis, keys.campaign(campaignId), epoch, 'gateways');
    await closeRegistry(redis, keys.leases, epoch);
    throw new Error(`campaign ${campaignId} is on another node: the registry is closed`);
  }

  /**
   * Another engine may have deleted a shelved campaign while this one still has its earlier row. The ledger marks it before
   * anything is deleted; the board still shows it afterwards.
   */
  async #isLetGoOf(campaignId: number): Promise<boolean> {
    return (await readUnshelved(this.#pool, [campaignId])).length === 0;
  }

  /** Call this after an outage of Redis: it may have come back without its last second. */
  forget(): void {
    this.#epoch = undefined;
    this.#generation += 1;
    this.#published.clear();
    this.#read.clear();
    this.#left.clear();
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

  #projected(campaignId: number): Projected {
    return { db: this.#pool, redis: this.#redis, keys: this.#keys.campaign(campaignId), campaignId };
  }

  /** Resolves when none of them is being written any more; rejects if any could not be. */
  async #prepareAll(campaigns: readonly Campaign[]): Promise<void> {
    const [preparing, writing] = [new Slots(PREPARED_AT_ONCE), new Slots(WRITTEN_AT_ONCE)];
    const unknown = campaigns.filter(({ campaignId }) => !this.#of(campaignId).isCompared);
    await allOf(
      unknown.map(campaign => writing.run(() => this.#compare(campaign, this.#of(campaign.campaignId)))),
    );
    const news = await readClaimNews(this.#pool, campaigns, campaignId => this.#of(campaignId));
    await allOf(
      campaigns.map(campaign => {
        const claims = news.get(campaign.campaignId);
        const slots = claims === undefined ? preparing : writing;
        return slots.run(() => this.#prepare(campaign, claims));
      }),
    );
  }

  /** Writes what the board's record of a campaign will refer to; `news` were read before, where there are claims. */
  async #prepare(campaign: Campaign, news: ClaimNews | undefined): Promise<void> {
    const { campaignId, grantedCount, goneCount, redrawnCount } = campaign;
    const published = this.#of(campaignId);
    const projected = this.#projected(campaignId);
    if (campaign.claimWithinS !== null) {
      await projectClaims(projected, campaign, published, news);
    } else if (grantedCount > published.won) {
      published.won = await projectWon(projected, published.won);
    }
    if (campaign.claimWithinS === null && redrawnCount > published.redrawn) {
      published.redrawn = await projectRedrawn(projected, published.redrawn);
    }
    if (goneCount > published.withdrawn) {
      published.withdrawn = await projectWithdrawn(projected, published.withdrawn);
    }
  }

  /** Finds out how much of a complete projection was written: another engine may have decided and ended before publishing. */
  async #compare(campaign: Campaign, published: Published): Promise<void> {
    const { campaignId, grantedCount, goneCount } = campaign;
    const keys = this.#keys.campaign(campaignId);
    // A complete hash has as many fields as the ledger has rows: each user is in it once.
    if (grantedCount > 0 && (await this.#redis.hlen(keys.won)) >= grantedCount) published.won = grantedCount;
    if (goneCount > 0 && (await this.#redis.hlen(keys.withdrawn)) >= goneCount)
      published.withdrawn = goneCount;
    await compareClaims(this.#redis, keys, campaign, published);
    published.isCompared = true;
  }

  /** Appends final ranks. That changes the campaign's row, so the next turn puts it on the board. */
  async #publishGone(campaign: Campaign, { epoch, rankedUs }: PublishTurn): Promise<void> {
    const { campaignId, kind, goneRanked, goneCount } = campaign;
    if (goneRanked === goneCount) return;
    const projected = this.#projected(campaignId);
    // Check first, because joining blocks the maker.
    if ((await this.#redis.hget(projected.keys.mark, 'whole')) !== String(epoch)) return;
    if ((await this.#join(epoch, [campaign])).length > 0) return;
    const rankedStamp = lastStampAt(rankedUs, opensAtUs(campaign));
    const ranked = await projectGone(projected, { kind, after: goneRanked, rankedStamp });
    if (ranked > goneRanked) await saveGoneRanked(this.#pool, campaignId, ranked);
  }
}

/** Resolves when all of them are over; rejects if any has failed. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const done = await Promise.allSettled(work);
  const failed = done.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
