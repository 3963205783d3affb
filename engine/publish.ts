/**
 * The publisher: tells the gateways, by way of Redis, what the ledger has decided. It runs after each pass, sends only
 * what changed since it last did, and keeps an order: who won and who left stands in the campaign's own keys before
 * the board says that they are so many.
 *
 * What it remembers of Redis is only a way to save work. After any error, and when the registry was opened anew, it
 * forgets all of that, compares with what Redis holds, and brings Redis up to the ledger.
 */
import type { Logger } from 'pino';
import { type Campaign, opensAtUs } from '../sql/campaigns.ts';
import type { Pool } from '../sql/database.ts';
import { readCampaigns, saveGoneRanked } from '../sql/settling.ts';
import { toBoard } from './api/board-campaign.ts';
import { projectClaimants, projectMoves } from './claim-projections.ts';
import { publishBoard } from './contract/board/board.ts';
import type { Keys } from './contract/keys.ts';
import type { RedisClient } from './contract/redis.ts';
import { lastStampAt } from './contract/stamp.ts';
import { mendRanks, projectGone, projectRedrawn, projectWithdrawn, projectWon } from './projections.ts';

/** A finished campaign is looked at for this long after its end, or a redraw; before a catch-up all of them are. */
const FINISHED_MS = 300_000;

/** What of a campaign Redis is known to hold. */
interface Published {
  revision: number;
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

export class Publisher {
  readonly #pool: Pool;
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #published = new Map<number, Published>();
  #epoch: number | undefined;
  /** Grows with each time everything was forgotten. */
  #generation = 0;

  constructor(options: {
    readonly pool: Pool;
    readonly redis: RedisClient;
    readonly keys: Keys;
    readonly log: Logger;
  }) {
    this.#pool = options.pool;
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#log = options.log;
  }

  /** Rejects when Redis or Postgres don't answer; the next turn catches up. Answers the campaigns that it read. */
  async publish(turn: PublishTurn): Promise<readonly Campaign[]> {
    if (this.#epoch !== turn.epoch) this.forget();
    const generation = this.#generation;
    const campaigns = await readCampaigns(this.#pool, this.#epoch === undefined ? undefined : FINISHED_MS);
    try {
      const changed = campaigns.filter(
        campaign => this.#published.get(campaign.campaignId)?.revision !== campaign.revision,
      );
      for (const campaign of changed) await this.#prepare(campaign, turn);
      await publishBoard(this.#redis, this.#keys, {
        watermarkUs: turn.watermarkUs,
        rankedUs: turn.rankedUs,
        campaigns: changed.map(toBoard),
      });
      for (const campaign of changed) this.#of(campaign.campaignId).revision = campaign.revision;
      for (const campaign of campaigns) await this.#publishGone(campaign, turn.rankedUs);
      this.#epoch = turn.epoch;
      if (this.#generation !== generation) this.forget();
    } catch (error) {
      this.forget();
      throw error;
    }
    return campaigns;
  }

  /** To be called when Redis was away: it may have come back without its last second. */
  forget(): void {
    this.#epoch = undefined;
    this.#generation += 1;
    this.#published.clear();
  }

  #of(campaignId: number): Published {
    const held = this.#published.get(campaignId);
    if (held !== undefined) return held;
    const fresh = { revision: 0, won: 0, withdrawn: 0, redrawn: 0, claimants: 0, moves: 0 };
    this.#published.set(campaignId, fresh);
    return fresh;
  }

  /** Puts in place what the board's record of a campaign will speak of. */
  async #prepare(campaign: Campaign, turn: PublishTurn): Promise<void> {
    const { campaignId, grantedCount, goneCount, redrawnCount } = campaign;
    const published = this.#of(campaignId);
    const keys = this.#keys.campaign(campaignId);
    if (published.revision === 0) await this.#compare(campaign, published, turn);
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

  /** Finds out what Redis holds of a campaign, and mends what it has lost. */
  async #compare(campaign: Campaign, published: Published, turn: PublishTurn): Promise<void> {
    const { campaignId, grantedCount, goneCount, goneRanked } = campaign;
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
    if (campaign.finishedAt !== null) return;
    const through = lastStampAt(turn.watermarkUs, opensAtUs(campaign));
    const ranked = await mendRanks(this.#pool, this.#redis, keys, { campaignId, through });
    if (ranked > 0) this.#log.warn({ campaignId, ranked }, 'Redis lacked ranks: they are made anew');
    if ((await this.#redis.llen(keys.gone)) < goneRanked) {
      await projectGone(this.#pool, this.#redis, keys, {
        campaignId,
        kind: campaign.kind,
        after: 0,
        rankedStamp: lastStampAt(turn.rankedUs, opensAtUs(campaign)),
      });
    }
  }

  /** Appends ranks that have become final. That changes the campaign's row, so the next turn puts it on the board. */
  async #publishGone(campaign: Campaign, rankedUs: number): Promise<void> {
    const { campaignId, goneRanked, goneCount } = campaign;
    if (goneRanked === goneCount) return;
    const ranked = await projectGone(this.#pool, this.#redis, this.#keys.campaign(campaignId), {
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
