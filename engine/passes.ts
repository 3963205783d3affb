/**
 * Passes: over and over, the engine looks how far nothing can arrive any more, settles up to there, and publishes.
 *
 * A pass reads the registry, then the ledger's gateways (in this order: see watermark.ts), raises the watermark,
 * settles campaigns for a bounded time, and brings Redis up to date. Passes never overlap. They are asked for after
 * each batch of the intake; many requests make one pass. Without requests they come at an interval.
 *
 * With Redis gone the last registry that was read goes on to hold: the watermark stays at or below the instant of that
 * read, so nobody who registered since can be overtaken, and what is below it is settled. Raffles are settled beside
 * the passes, for a large draw takes seconds.
 */
import type { Logger } from 'pino';
import type { Campaign } from '../sql/campaigns.ts';
import type { Pool } from '../sql/database.ts';
import { readGateways } from '../sql/gateways.ts';
import { findWork } from '../sql/settling.ts';
import { raiseWatermark, readWatermark } from '../sql/watermarks.ts';
import type { Keys } from './contract/keys.ts';
import { type Registry, readRegistry } from './contract/lease/lease.ts';
import type { RedisClient } from './contract/redis.ts';
import { Publisher } from './publish.ts';
import { type SettlingOptions, settleCampaign } from './settling.ts';
import { rankedWatermarkOf, watermarkOf } from './watermark.ts';

/** A campaign that has more to decide than fits in it goes on in the next pass, so that what is decided is shown. */
const SETTLE_MS = 150;

export interface PassOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly settling: SettlingOptions;
  readonly log: Logger;
}

export interface PassReport {
  /** Redis' time when the registry was read; undefined while it is closed. */
  readonly nowUs: number | undefined;
  readonly watermarkUs: number;
  /** undefined while the registry was never read. */
  readonly rankedUs: number | undefined;
  /** Campaigns that are not finished; undefined where nothing could be published. */
  readonly unfinished: readonly Campaign[] | undefined;
  /** Whether there was more to settle than the pass had time for. */
  readonly more: boolean;
}

export class Passes {
  readonly #options: PassOptions;
  readonly #publisher: Publisher;
  readonly #closing = new AbortController();
  readonly #raffles = new Map<number, Promise<void>>();
  /** Asks for the next pass at once. */
  readonly #onMore: () => void;
  #registry: (Registry & { readonly epoch: number }) | undefined;
  #watermarkUs = 0;

  constructor(options: PassOptions, onMore: () => void) {
    this.#options = options;
    this.#publisher = new Publisher(options);
    this.#onMore = onMore;
  }

  /** One pass. Rejects when Postgres is gone; when Redis is, it settles all the same and then rejects. */
  async run(): Promise<PassReport> {
    let failure: unknown;
    let isOpen = false;
    try {
      isOpen = await this.#readRegistry();
    } catch (error) {
      failure = error;
    }
    const { ranked, watermarkUs } = await this.#moveWatermark();
    const more = await this.#settle(watermarkUs);
    if (failure !== undefined) throw failure;
    const registry = this.#registry;
    if (!isOpen || registry === undefined || ranked === undefined) {
      return { nowUs: undefined, watermarkUs, rankedUs: ranked, unfinished: undefined, more };
    }
    const campaigns = await this.#publisher.publish({ epoch: registry.epoch, watermarkUs, rankedUs: ranked });
    const unfinished = campaigns.filter(campaign => campaign.finishedAt === null);
    return { nowUs: registry.readAtUs, watermarkUs, rankedUs: ranked, unfinished, more };
  }

  /** Stops between two steps, and waits for raffles that are being settled. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#raffles.values());
  }

  /** Keeps the last registry that was open; answers whether this one is. */
  async #readRegistry(): Promise<boolean> {
    const { redis, keys } = this.#options;
    const registry = await readRegistry(redis, keys.leases);
    const { epoch } = registry;
    if (epoch === undefined) return false;
    this.#registry = { ...registry, epoch };
    return true;
  }

  async #moveWatermark(): Promise<{ readonly watermarkUs: number; readonly ranked: number | undefined }> {
    const { pool } = this.#options;
    const registry = this.#registry;
    if (registry === undefined) {
      this.#watermarkUs = await readWatermark(pool);
      return { watermarkUs: this.#watermarkUs, ranked: undefined };
    }
    const gateways = await readGateways(
      pool,
      registry.leases.map(lease => lease.incarnation),
    );
    const watermarkUs = watermarkOf(registry, gateways);
    if (watermarkUs > this.#watermarkUs) this.#watermarkUs = await raiseWatermark(pool, watermarkUs);
    return { watermarkUs: this.#watermarkUs, ranked: rankedWatermarkOf(registry, gateways) };
  }

  async #settle(watermarkUs: number): Promise<boolean> {
    const { pool, settling } = this.#options;
    const untilMs = performance.now() + SETTLE_MS;
    const work = await findWork(pool, watermarkUs);
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(SETTLE_MS)]);
    for (const { campaignId, kind } of work) {
      if (this.#closing.signal.aborted) break;
      if (kind === 'raffle') this.#settleBeside(campaignId, watermarkUs);
      else await settleCampaign(settling, campaignId, watermarkUs, signal);
    }
    return performance.now() > untilMs;
  }

  #settleBeside(campaignId: number, watermarkUs: number): void {
    if (this.#raffles.has(campaignId)) return;
    const { settling, log } = this.#options;
    const settled = settleCampaign(settling, campaignId, watermarkUs, this.#closing.signal)
      .then(this.#onMore)
      .catch((err: unknown) =>
        log.error({ err, campaignId }, 'a raffle could not be settled; it is tried again'),
      )
      .finally(() => this.#raffles.delete(campaignId));
    this.#raffles.set(campaignId, settled);
  }
}
