/**
 * Passes: over and over, the engine looks how far nothing can arrive any more, settles up to there, and publishes.
 *
 * A pass reads the registry, then the ledger's gateways (in this order: see watermark.ts), raises the watermark,
 * settles campaigns (campaign-turns.ts), which it waits for for a bounded time, and brings Redis up to date. Passes never
 * overlap. They are asked for after each batch of the intake; many requests make one pass. Without requests they come at an
 * interval.
 *
 * While the clocks contradict each other (clock-agreement.ts) the watermark stands still and nothing is settled: what is
 * decided is shown, and no deadline runs, as no time is heard. Heard time is noted apart from passes (hearing.ts).
 *
 * With Redis gone the last registry that was read goes on to hold: the watermark stays at or below the instant of that
 * read, so nobody who registered since can be overtaken, and what is below it is settled.
 */
import type { Logger } from 'pino';
import type { Campaign } from '../sql/campaigns.ts';
import { extendDeadlines } from '../sql/claims.ts';
import type { Pool } from '../sql/database.ts';
import { readBounds } from '../sql/gateways.ts';
import { findRooms } from '../sql/rooms.ts';
import { findWork } from '../sql/settling.ts';
import { raiseWatermark, readWatermark } from '../sql/watermarks.ts';
import { CampaignTurns } from './campaign-turns.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { Keys } from './contract/keys.ts';
import type { Registry } from './contract/lease/lease.ts';
import type { RedisClient } from './contract/redis.ts';
import type { Hearing } from './hearing.ts';
import { takePresence } from './presence.ts';
import { Publisher } from './publish.ts';
import { EMPTY_MS } from './room-settling.ts';
import type { SettlingOptions } from './settling.ts';
import type { HeardInstants, Instants } from './settling-step.ts';
import { rankedWatermarkOf, watermarkOf } from './watermark.ts';

/**
 * The ledger keeps the watermark of every decision, and otherwise one this old: a commit for each pass would cost more
 * than all the rest of it.
 */
const RAISE_MS = 1_000;

export interface PassOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly clocks: ClockWatch;
  readonly settling: SettlingOptions;
  /** See TurnOptions. */
  readonly settledAtOnce: number;
  /** Noted apart from passes. */
  readonly hearing: Pick<Hearing, 'heard' | 'lookedUs'>;
  readonly log: Logger;
  /** See MakerOptions. */
  readonly rankedAtOnce?: number | undefined;
  /** See PresenceOptions. */
  readonly endedAtOnce?: number | undefined;
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
  /** Campaigns that could not be settled when they were tried last. */
  readonly failing: number;
}

export class Passes {
  readonly #options: PassOptions;
  readonly #publisher: Publisher;
  readonly #turns: CampaignTurns;
  #registry: (Registry & { readonly epoch: number }) | undefined;
  #watermarkUs = 0;
  /** undefined while the registry was never read. */
  #rankedUs: number | undefined;
  #raisedAtMs = Number.NEGATIVE_INFINITY;
  /** The unheard time that open deadlines were extended by last. */
  #extendedUs: number | undefined;
  /** The heard time as of which this engine knows that the ledger has who is there. */
  #presentMs: number | undefined;
  #shownMs = Number.NEGATIVE_INFINITY;
  /** Whether any campaign that is not finished has claims. */
  #hasClaims = false;

  /** `onMore` asks for the next pass at once. */
  constructor(options: PassOptions, onMore: () => void) {
    this.#options = options;
    this.#publisher = new Publisher(options);
    this.#turns = new CampaignTurns({ ...options, atOnce: options.settledAtOnce }, onMore);
    options.redis.on('close', () => this.#publisher.forget());
  }

  /** One pass. What can be done is done, then it rejects with the first thing that could not. */
  async run(): Promise<PassReport> {
    const failures: unknown[] = [];
    const isOpen = await this.#readRegistry().catch((error: unknown) => {
      failures.push(error);
      return false;
    });
    const { isAgreed } = this.#options.clocks;
    if (isAgreed) await this.#moveWatermark();
    const [watermarkUs, rankedUs] = [this.#watermarkUs, this.#rankedUs];
    if (isOpen && this.#registry !== undefined) {
      await this.#takePresence(this.#registry.epoch).catch((error: unknown) => failures.push(error));
    }
    const more = isAgreed && (await this.#settle(watermarkUs));
    const { failing } = this.#turns;
    let report: PassReport = {
      nowUs: undefined,
      watermarkUs,
      rankedUs,
      unfinished: undefined,
      more,
      failing,
    };
    const registry = this.#registry;
    if (isOpen && registry !== undefined && rankedUs !== undefined) {
      const { epoch, readAtUs } = registry;
      const unfinished = await this.#publisher.publish({ epoch, watermarkUs, rankedUs });
      this.#shownMs = performance.now();
      this.#hasClaims = unfinished.some(campaign => campaign.claimWithinS !== null);
      report = { ...report, nowUs: readAtUs, unfinished };
    }
    if (failures.length > 0) throw failures[0];
    return report;
  }

  /** How long leases hold by the registry, as it was read last; undefined while it was never open. */
  get leaseMs(): number | undefined {
    return this.#registry?.leaseMs;
  }

  /** How long ago gateways were shown what is decided. */
  sinceShownMs(): number {
    return performance.now() - this.#shownMs;
  }

  /** Puts campaigns on the board now, and before that what it will speak of. Rejects while there is no board. */
  tell(campaigns: readonly Campaign[]): Promise<void> {
    return this.#publisher.tell(campaigns);
  }

  /** Lets go, in Redis and here, of what is on the shelf. Rejects where a server does not answer. */
  clearShelved(): Promise<void> {
    return this.#publisher.clearShelved();
  }

  /** Stops between two steps, and waits for campaigns that are being settled. */
  async close(): Promise<void> {
    await Promise.all([this.#turns.close(), this.#publisher.close()]);
  }

  /** Keeps the last registry that was open; answers whether this one is. */
  async #readRegistry(): Promise<boolean> {
    const registry = await this.#options.clocks.readRegistry();
    const { epoch } = registry;
    if (epoch === undefined) return false;
    this.#registry = { ...registry, epoch };
    return true;
  }

  async #moveWatermark(): Promise<void> {
    const { pool } = this.#options;
    const registry = this.#registry;
    if (registry === undefined) {
      this.#watermarkUs = await readWatermark(pool);
      return;
    }
    const { epoch, gateways } = await readBounds(
      pool,
      registry.leases.map(lease => lease.incarnation),
    );
    const watermarkUs = watermarkOf(registry, gateways);
    this.#watermarkUs = Math.max(this.#watermarkUs, watermarkUs);
    // Who counts as repaired may be ranked at the Redis of a later epoch, and not at this one.
    if (epoch === registry.epoch) this.#rankedUs = rankedWatermarkOf(registry, gateways);
  }

  async #takePresence(epoch: number): Promise<void> {
    // Known before the reports are read: who told of a stream by then is in the ledger when they have been taken.
    const heardMs = this.#options.hearing.heard?.heardMs;
    if (await takePresence(this.#options, epoch)) this.#presentMs = heardMs;
  }

  async #settle(watermarkUs: number): Promise<boolean> {
    const { pool } = this.#options;
    const { heard } = this.#instants(watermarkUs);
    await this.#extendDeadlines(heard);
    const due = await findWork(pool, watermarkUs, heard?.throughUs ?? 0);
    const found = new Map(due.map(work => [work.campaignId, work]));
    for (const campaignId of await findRooms(pool, watermarkUs, EMPTY_MS))
      found.set(campaignId, { campaignId, kind: 'room' });
    // One that is under way, as a raffle may be for long, is no reason to commit in every pass.
    const work = [...found.values()].filter(each => this.#turns.canBegin(each));
    if (work.length > 0 || performance.now() - this.#raisedAtMs > RAISE_MS) {
      if (!(await this.#raise(watermarkUs))) return false;
      this.#raisedAtMs = performance.now();
    }
    return this.#turns.settle(work, () => this.#instants(watermarkUs));
  }

  /** Whether the ledger has that watermark; not one by a registry in whose place another was opened, or is being. */
  async #raise(watermarkUs: number): Promise<boolean> {
    const { pool } = this.#options;
    if (this.#registry === undefined) return true;
    return raiseWatermark(pool, watermarkUs, this.#registry.epoch);
  }

  #instants(watermarkUs: number): Instants {
    const { heard, lookedUs } = this.#options.hearing;
    return {
      watermarkUs,
      // Of a pass that began long ago the registry's reading would be the beginning of an offer that is made only now.
      nowUs: Math.max(watermarkUs, this.#registry?.readAtUs ?? 0, lookedUs),
      presentMs: this.#presentMs,
      heard: heard && {
        throughUs: heard.throughMs * 1_000,
        unheardUs: (heard.throughMs - heard.heardMs) * 1_000,
      },
    };
  }

  /** Of offers that nothing is decided about at the moment: people are shown at once that they have longer. */
  async #extendDeadlines(heard: HeardInstants | undefined): Promise<void> {
    if (heard === undefined || heard.unheardUs === this.#extendedUs || !this.#hasClaims) return;
    await extendDeadlines(this.#options.pool, heard.unheardUs);
    this.#extendedUs = heard.unheardUs;
  }
}
