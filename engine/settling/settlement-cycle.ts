/**
 * Settlement cycles: in a loop, the engine finds the instant before which nothing more can arrive, settles up to it, and
 * publishes.
 *
 * A cycle reads the registry, then the ledger's gateways (in this order: see watermark/watermark.ts), raises the watermark,
 * settles campaigns (campaign-turns.ts), waiting for a bounded time, and updates Redis. Cycles never overlap. Each batch of
 * the intake requests a cycle; several requests share one. Without requests cycles run at an interval. While a cycle settles,
 * it goes on raising the watermark: with many campaigns, the last step of a cycle would otherwise decide only what had come
 * before the first one began, and leave the rest to the next cycle.
 *
 * While the clocks contradict each other (clock/clock-agreement.ts) the watermark does not move and nothing is settled.
 * Earlier decisions are still published, and no deadline runs, because available time stands still. It is recorded apart
 * from cycles (availability-clock.ts).
 *
 * While Redis is unavailable, the registry read last stays in use: the watermark stays at or below the instant of that
 * read, so no gateway that registered since can be overtaken, and everything below it is settled.
 */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { findWork } from '../../sql/statements/campaigns/settling.ts';
import { extendFreeDeadlines } from '../../sql/statements/claims/claims.ts';
import { readBounds } from '../../sql/statements/progress/gateways.ts';
import { raiseWatermark, readWatermark } from '../../sql/statements/progress/watermarks.ts';
import { findRooms } from '../../sql/statements/rooms/rooms.ts';
import type { ClockWatch } from '../clock/clock-watch.ts';
import { withTimeout } from '../contract/process/with-timeout.ts';
import type { Keys } from '../contract/redis/keys.ts';
import type { Registry } from '../contract/redis/lease/lease.ts';
import type { RedisClient } from '../contract/redis/redis.ts';
import { takePresence } from '../intake/presence.ts';
import { Publisher } from '../projections/publish.ts';
import { rankedWatermarkOf, watermarkOf } from '../watermark/watermark.ts';
import type { AvailabilityClock } from './availability-clock.ts';
import { CampaignTurns, type Work } from './campaign-turns.ts';
import { EMPTY_MS } from './room-settling.ts';
import type { SettlingOptions } from './settling.ts';
import type { AvailableInstants, Instants } from './settling-step.ts';

/**
 * The ledger has the watermark of every decision; without decisions its watermark is up to this old: a commit per cycle
 * would cost more than the rest of the cycle.
 */
const RAISE_MS = 1_000;
/**
 * While campaigns are settled, the watermark is read and raised this often. Longer: entries and deadlines of campaigns whose
 * step begins late wait longer. Shorter: each time costs a read of Redis, one of the ledger and a commit.
 */
const RAISE_AGAIN_MS = 100;

export interface SettlementCycleOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly clocks: ClockWatch;
  readonly settling: SettlingOptions;
  /** See TurnOptions. */
  readonly settledAtOnce: number;
  /** Recorded apart from cycles. */
  readonly availability: Pick<AvailabilityClock, 'current' | 'lookedUs'>;
  readonly log: Logger;
  /** See MakerOptions. */
  readonly rankedAtOnce?: number | undefined;
  /** See PublisherOptions. */
  readonly sharedFrom?: number | undefined;
  /** See PresenceOptions. */
  readonly endedAtOnce?: number | undefined;
}

export interface CycleReport {
  /** Redis' time when the registry was read; undefined while it is closed. */
  readonly nowUs: number | undefined;
  readonly watermarkUs: number;
  /** undefined until the registry was read. */
  readonly rankedUs: number | undefined;
  /** Unfinished campaigns; undefined if nothing could be published. */
  readonly unfinished: readonly Campaign[] | undefined;
  /** Whether the cycle ran out of time before everything was settled. */
  readonly more: boolean;
  /** Campaigns whose last settling attempt failed. */
  readonly failing: number;
}

export class SettlementCycle {
  readonly #options: SettlementCycleOptions;
  readonly #publisher: Publisher;
  readonly #turns: CampaignTurns;
  #registry: (Registry & { readonly epoch: number }) | undefined;
  #watermarkUs = 0;
  /** The greatest watermark that the ledger took from this engine; steps decide up to it. */
  #raisedUs = 0;
  /** undefined until the registry was read. */
  #rankedUs: number | undefined;
  #raisedAtMs = Number.NEGATIVE_INFINITY;
  /** The outage time by which open deadlines were last extended. */
  #extendedUs: number | undefined;
  /** The available time up to which the ledger is known to have everybody's presence. */
  #presentMs: number | undefined;
  #shownMs = Number.NEGATIVE_INFINITY;
  /** Whether any unfinished campaign has claims. */
  #hasClaims = false;

  /** `onMore` requests the next cycle at once. */
  constructor(options: SettlementCycleOptions, onMore: () => void) {
    this.#options = options;
    this.#publisher = new Publisher(options);
    this.#turns = new CampaignTurns({ ...options, atOnce: options.settledAtOnce }, onMore);
    options.redis.on('close', () => this.#publisher.forget());
  }

  /** Runs one cycle: does everything possible, then rejects with the first error. */
  async run(): Promise<CycleReport> {
    const failures: unknown[] = [];
    const isOpen = await this.#readRegistry().catch((error: unknown) => {
      failures.push(error);
      return false;
    });
    const { isAgreed } = this.#options.clocks;
    if (isAgreed) await this.#moveWatermark();
    if (isOpen && this.#registry !== undefined) {
      await this.#takePresence(this.#registry.epoch).catch((error: unknown) => failures.push(error));
    }
    const more = isAgreed && (await this.#settle(this.#watermarkUs));
    const { failing } = this.#turns;
    // As of now: nothing may be decided beyond the watermark that is published with it.
    const [watermarkUs, rankedUs] = [this.#watermarkUs, this.#rankedUs];
    let report: CycleReport = {
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
      const isOthers = (campaignId: number): boolean => this.#turns.isLeft(campaignId);
      const unfinished = await this.#publisher.publish({ epoch, watermarkUs, rankedUs, isOthers });
      this.#shownMs = performance.now();
      this.#hasClaims = unfinished.some(campaign => campaign.claimWithinS !== null);
      report = { ...report, nowUs: readAtUs, unfinished };
    }
    if (failures.length > 0) throw failures[0];
    return report;
  }

  /** The length of leases in the registry as read last; undefined if it was never open. */
  get leaseMs(): number | undefined {
    return this.#registry?.leaseMs;
  }

  /** The time since decisions were last published to gateways. */
  sinceShownMs(): number {
    return performance.now() - this.#shownMs;
  }

  /** Publishes what the board will refer to, then puts the campaigns on the board; see Publisher. */
  tell(campaigns: readonly Campaign[]): Promise<number> {
    return this.#publisher.tell(campaigns);
  }

  /** Removes shelved campaigns from Redis and from memory. Rejects if a server does not answer. */
  clearShelved(): Promise<void> {
    return this.#publisher.clearShelved();
  }

  /** Stops between two steps and waits for campaigns being settled. */
  async close(): Promise<void> {
    await Promise.all([this.#turns.close(), this.#publisher.close()]);
  }

  /** Keeps the last open registry; returns whether this one is open. */
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
    // Another registry has replaced this one: gateways that it does not know may have stamped what is not in the ledger yet,
    // and one that is marked as backfilled may be ranked in the Redis of that epoch and not in this one.
    if (epoch !== registry.epoch) return;
    this.#watermarkUs = Math.max(this.#watermarkUs, watermarkOf(registry, gateways));
    this.#rankedUs = rankedWatermarkOf(registry, gateways);
  }

  async #takePresence(epoch: number): Promise<void> {
    // Read before the reports: every stream reported by then is in the ledger once the reports are ingested.
    const availableMs = this.#options.availability.current?.availableMs;
    if (await takePresence(this.#options, epoch)) this.#presentMs = availableMs;
  }

  async #settle(watermarkUs: number): Promise<boolean> {
    const { pool } = this.#options;
    const { availability } = this.#instants();
    await this.#extendDeadlines(availability);
    const due = await findWork(pool, watermarkUs, availability?.throughUs ?? 0);
    const found = new Map(due.map(work => [work.campaignId, work]));
    for (const room of await findRooms(pool, watermarkUs, EMPTY_MS))
      found.set(room.campaignId, { ...room, kind: 'room' });
    // A running campaign, such as a long raffle, is no reason to commit in every cycle.
    const work = this.#turns.choose([...found.values()]);
    if (work.length > 0 || performance.now() - this.#raisedAtMs > RAISE_MS) {
      if (!(await this.#raise(watermarkUs))) return false;
      this.#raised(watermarkUs);
    }
    return this.#settleChosen(work);
  }

  /** Waits for steps as CampaignTurns does, and raises the watermark meanwhile. */
  async #settleChosen(work: readonly Work[]): Promise<boolean> {
    const settled = this.#turns.settle(work, () => this.#instants());
    for (;;) {
      const more = await withTimeout(RAISE_AGAIN_MS, settled, () => undefined);
      if (more !== undefined) return more;
      // If a server does not answer, the next cycle says so; until then steps decide up to where they could before.
      await this.#raiseAgain().catch(() => undefined);
    }
  }

  /** Does nothing when the registry was closed or replaced since the cycle began. */
  async #raiseAgain(): Promise<void> {
    const { clocks } = this.#options;
    const registry = await clocks.readRegistry();
    const { epoch } = registry;
    if (epoch === undefined || epoch !== this.#registry?.epoch || !clocks.isAgreed) return;
    this.#registry = { ...registry, epoch };
    await this.#moveWatermark();
    const watermarkUs = this.#watermarkUs;
    if (await this.#raise(watermarkUs)) this.#raised(watermarkUs);
  }

  #raised(watermarkUs: number): void {
    this.#raisedUs = Math.max(this.#raisedUs, watermarkUs);
    this.#raisedAtMs = performance.now();
  }

  /** Whether the ledger took that watermark. It takes none from a registry that was, or is being, replaced. */
  async #raise(watermarkUs: number): Promise<boolean> {
    const { pool } = this.#options;
    if (this.#registry === undefined) return true;
    return raiseWatermark(pool, watermarkUs, this.#registry.epoch);
  }

  #instants(): Instants {
    const { current, lookedUs } = this.#options.availability;
    const watermarkUs = this.#raisedUs;
    return {
      watermarkUs,
      clockMs: Math.ceil(this.#options.clocks.sharedUs / 1_000),
      // In a cycle that began long ago, the time of the registry read would become the start of an offer made only now.
      nowUs: Math.max(watermarkUs, this.#registry?.readAtUs ?? 0, lookedUs),
      presentMs: this.#presentMs,
      availability: current && {
        throughUs: current.throughMs * 1_000,
        outageUs: (current.throughMs - current.availableMs) * 1_000,
      },
    };
  }

  /** Extends offers that no step decides right now, so that people see the later deadline at once. */
  async #extendDeadlines(availability: AvailableInstants | undefined): Promise<void> {
    if (availability === undefined || availability.outageUs === this.#extendedUs || !this.#hasClaims) return;
    if (await extendFreeDeadlines(this.#options.pool, availability.outageUs))
      this.#extendedUs = availability.outageUs;
  }
}
