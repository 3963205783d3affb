/**
 * The lease reaper keeps the registry of leases. One engine at a time is the reaper: the one that holds the lock `registry`.
 *
 * While the registry is open:
 * - The reaper prepares free numbers, so that gateways can join without an engine (writers.ts).
 * - It revokes a lease that was not renewed for one lease and a margin, by its own monotonic clock, and ends the holder:
 *   it makes the log refuse the holder's appends, then appends a fence in the holder's partition, so everything ever
 *   acknowledged lies before the fence. It also ends an incarnation that is live in the ledger but has been missing from
 *   the registry for as long. No clock decides what counts: a wrong one only ends a gateway that could have continued.
 * - An incarnation that has ended in the ledger (its `leave` or its fence was consumed) returns its number.
 * - The reaper ranks from the ledger what the incarnation had logged and not ranked; then the incarnation no longer holds
 *   the ranked watermark back.
 *
 * While the clocks contradict each other (clock/clock-agreement.ts), the registry says so: no lease is granted, and gateways
 * stamp nothing. A closed registry stays closed.
 *
 * The registry is closed when Redis is new, was emptied or restarted (it may lack its last second), when a node of a
 * Cluster has failed over (redis-loss.ts), or when `rebuild` has closed it; no gateway can then get or renew a lease. The
 * reaper closes a registry that was opened under an older epoch than the ledger's: it belongs to another Redis than the
 * one opened last. Then:
 * 1. retiring  Begins an epoch in the ledger and makes the log refuse every identity prepared before. (A Redis log refuses
 *              older epochs from the marker on.)
 * 2. fencing   Appends a marker to each partition, a fence of the new epoch's incarnation 0, and a fence for each
 *              incarnation that is live in the ledger, repeatedly until all markers are consumed and no incarnation is live.
 *              Nothing acknowledged under an older epoch lies behind a marker, and intake drops whatever does: an
 *              incarnation unknown to the ledger has shown itself before the marker, or never will. If one shows that the
 *              epoch was in use before (the ledger was restored, or recreated in front of an old log), the reaper takes
 *              another epoch and starts this stage again, one lease and a margin after the registry was closed: there may
 *              be identities unknown to this ledger, whose holders have stopped by themselves by then.
 * 3. building  Marks every campaign's projection as being built, and builds a new board. Ranks and outcomes are built from
 *              the ledger while gateways accept entries: see projections/maker.ts.
 * 4. open      Gives the board the new epoch, then opens the registry with it.
 * The stages live in memory: a reaper that takes over starts at the first, which is always safe. Each attempt has its own
 * epoch, and claims the closed registry for it before anything else. Redis itself refuses writes under an older epoch, or
 * after it was emptied or restarted, and the next attempt has another epoch. So a reaper that has lost its lock, however
 * long it stood still, opens, closes and deletes nothing.
 */
import { opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { readCampaigns } from '../../sql/statements/campaigns/settling.ts';
import {
  endWithoutLog,
  type GatewayRow,
  hasIncarnationAbove,
  type Incarnation,
  markAllBackfilled,
  markBackfilled,
  nameOf,
  readGateways,
  readIncarnations,
} from '../../sql/statements/progress/gateways.ts';
import {
  beginEpoch,
  INCARNATIONS_PER_EPOCH,
  nextEpoch,
  raiseEpoch,
  readEpoch,
  readWatermark,
} from '../../sql/statements/progress/watermarks.ts';
import type { ClockWatch } from '../clock/clock-watch.ts';
import { partitionOf } from '../contract/log/log.ts';
import { encodeHead } from '../contract/record/record.ts';
import { lastStampAt } from '../contract/record/stamp.ts';
import {
  beginOpening,
  closeRegistry,
  freeLease,
  type Lease,
  leaseMarginMs,
  noteNodes,
  openRegistry,
  type Registry,
  readRegistry,
  revokeLease,
  setLeaseLength,
} from '../contract/redis/lease/lease.ts';
import { readNodes } from '../contract/redis/redis-nodes.ts';
import type { Locks } from '../locks.ts';
import { projectRanks } from '../projections/projections.ts';
import { beginAnew, sweepOlder } from '../projections/rebuild.ts';
import { findLoss } from './redis-loss.ts';
import { Writers, type WritersOptions } from './writers.ts';

/** A fence not consumed after this time is appended again; a second one is harmless. */
const FENCE_AGAIN_MS = 2_000;
const BEFORE_ALL_STAMPS = -1;
/** The end of a lease as written by contract/redis/lease/revoke.lua. */
const REVOKED = 0;

export interface LeaseReaperOptions extends WritersOptions {
  readonly locks: Locks;
  readonly clocks: ClockWatch;
  readonly leaseMs: number;
}

interface Reopening {
  readonly noticedAtMs: number;
  /** 0 until an incarnation unknown to the ledger shows itself. */
  waitMs: number;
  marker: Marker | undefined;
}

interface Marker {
  readonly epoch: number;
  /** The promise in the marker; it distinguishes this marker from earlier ones. */
  readonly nowUs: number;
}

export class LeaseReaper {
  readonly #options: LeaseReaperOptions;
  readonly #writers: Writers;
  /** How long a lease may be missing before its holder is ended. */
  #waitMs: number;
  #saidDiffers = false;
  #lookedForMarksAtMs = Number.NEGATIVE_INFINITY;
  #reopening: Reopening | undefined;
  /** When a fence was last appended, by incarnation. */
  readonly #fencedAtMs = new Map<string, number>();
  /** Since when an incarnation that is live in the ledger has been missing from the registry. */
  readonly #missingSinceMs = new Map<string, number>();
  /** The end of each lease at its last renewal, by Redis' clock, and when it was first seen, by our clock. */
  readonly #unrenewed = new Map<string, { readonly expiresUs: number; readonly sinceMs: number }>();

  /** Logged once, however many attempts it takes to close the registry. */
  #saidLost = false;
  /** Logged once, however long a part of the Cluster is unavailable. */
  #saidPartly = false;

  constructor(options: LeaseReaperOptions) {
    this.#options = options;
    this.#writers = new Writers(options);
    this.#waitMs = waitMsOf(options.leaseMs);
  }

  /** Does what is due if this engine is the lease reaper. Call it about every 100 ms; rejects when a component is unavailable. */
  async tick(): Promise<void> {
    const { locks, pool, redis, keys, clocks, log } = this.#options;
    if (!(await locks.take({ name: 'registry' }))) {
      this.#reopening = undefined;
      return;
    }
    const registry = await clocks.readRegistry('reaper');
    if (registry.epoch === undefined) {
      // Fences and markers promise an instant, and leases depend on it.
      if (clocks.isAgreed) await this.#reopen();
      return;
    }
    this.#reopening = undefined;
    const loss = await findLoss(redis, keys, registry.epoch);
    if (loss !== undefined) {
      // The registry is still there, but other projections may be lost.
      if (!this.#saidLost) log.error(`${loss}: closing the registry and rebuilding all projections`);
      this.#saidLost = true;
      await closeRegistry(redis, keys.leases, registry.epoch);
      return;
    }
    this.#saidLost = false;
    const epoch = await readEpoch(pool);
    if (registry.epoch !== epoch) {
      log.error(
        { opened: registry.epoch, epoch },
        'the registry belongs to another epoch than the ledger: closing it',
      );
      await closeRegistry(redis, keys.leases, registry.epoch);
      return;
    }
    await this.#tend(registry);
    if (await this.#agreesOnLength(registry)) await this.#writers.putUp(epoch, registry);
  }

  /**
   * Whether the length of leases matches this engine's configuration; sets the length if nobody holds a lease. Existing
   * leases keep the length that they were granted with.
   */
  async #agreesOnLength({ leaseMs, leases }: Registry): Promise<boolean> {
    const { redis, keys, leaseMs: ownMs, log } = this.#options;
    this.#waitMs = waitMsOf(leases.length > 0 ? (leaseMs ?? ownMs) : ownMs);
    const agrees =
      leaseMs === ownMs || (leases.length === 0 && (await setLeaseLength(redis, keys.leases, ownMs)));
    if (!agrees && !this.#saidDiffers) {
      log.error(
        { registryMs: leaseMs, ownMs },
        'LEASE_MS differs from the value the registry was opened with: no leases are granted until all leases of that length have ended',
      );
    }
    this.#saidDiffers = !agrees;
    return agrees;
  }

  async #tend(registry: Registry): Promise<void> {
    const { pool, redis, keys } = this.#options;
    const { leases } = registry;
    const rows = await readGateways(
      pool,
      leases.map(lease => lease.incarnation),
    );
    const known = new Map(rows.map(row => [nameOf(row), row]));
    const registered = new Set(leases.map(nameOf));
    for (const name of this.#unrenewed.keys()) if (!registered.has(name)) this.#unrenewed.delete(name);
    for (const lease of leases) {
      const row = known.get(nameOf(lease));
      if (row?.state === 'ended') await this.#free(lease);
      else if (this.#isSilent(lease) && (await revokeLease(redis, keys.leases, lease)))
        await this.#end(lease, row, lease.registeredUs, lease);
    }
    await this.#endMissing(rows, registry);
    await this.#markMissing(registry);
    for (const row of rows) if (row.state === 'ended' && !row.backfilled) await this.#backfill(row);
  }

  /** Ensures that nothing can be written with the old identity before the number goes to another gateway. */
  async #free(lease: Lease): Promise<void> {
    const { redis, keys } = this.#options;
    await this.#writers.retireLease(lease);
    await freeLease(redis, keys.leases, lease);
  }

  /** Whether the lease was not renewed for so long that its holder can no longer rely on it. */
  #isSilent(lease: Lease): boolean {
    if (lease.expiresUs === REVOKED) return true;
    const nowMs = performance.now();
    const before = this.#unrenewed.get(nameOf(lease));
    if (before?.expiresUs === lease.expiresUs) return nowMs - before.sinceMs > this.#waitMs;
    this.#unrenewed.set(nameOf(lease), { expiresUs: lease.expiresUs, sinceMs: nowMs });
    return false;
  }

  /** Ends incarnations that are live in the ledger and missing from the registry for one lease and a margin. */
  async #endMissing(rows: readonly GatewayRow[], registry: Registry): Promise<void> {
    const registered = new Set(registry.leases.map(nameOf));
    const missing = rows.filter(row => row.state === 'live' && !registered.has(nameOf(row)));
    const names = new Set(missing.map(nameOf));
    for (const name of this.#missingSinceMs.keys()) if (!names.has(name)) this.#missingSinceMs.delete(name);
    const nowMs = performance.now();
    for (const row of missing) {
      const sinceMs = this.#missingSinceMs.get(nameOf(row)) ?? nowMs;
      this.#missingSinceMs.set(nameOf(row), sinceMs);
      if (nowMs - sinceMs > this.#waitMs) await this.#end(row, row, registry.readAtUs);
    }
  }

  /** For a log that opens epochs by itself: marks partitions without this epoch; no gateway could write there otherwise. */
  async #markMissing({ epoch = 0, readAtUs }: Registry): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#lookedForMarksAtMs < FENCE_AGAIN_MS) return;
    this.#lookedForMarksAtMs = nowMs;
    const { fencing, log } = this.#options;
    for (const partition of await fencing.unmarked(epoch)) {
      const marker = { gateway: partition, incarnation: epoch * INCARNATIONS_PER_EPOCH };
      await fencing.mark(partition, epoch, encodeFence(marker, readAtUs));
      log.warn({ partition, epoch }, 'a partition of the log was new or emptied; marking it');
    }
  }

  /** Ranks what an ended incarnation had logged but perhaps not ranked. */
  async #backfill(row: GatewayRow): Promise<void> {
    const { pool, redis, keys, log } = this.#options;
    const { gateway, incarnation, rankedUs } = row;
    let ranked = 0;
    for (const campaign of await readCampaigns(pool, undefined)) {
      if (campaign.closesAt.getTime() * 1000 <= rankedUs) continue;
      const { campaignId } = campaign;
      const after = Math.max(BEFORE_ALL_STAMPS, lastStampAt(rankedUs, opensAtUs(campaign)));
      ranked += await projectRanks(pool, redis, keys.campaign(campaignId), { campaignId, after, gateway });
    }
    await markBackfilled(pool, gateway, incarnation);
    log.info({ gateway, incarnation, ranked }, 'ranks of a fenced gateway backfilled');
  }

  /** Appends a fence, unless one was appended a moment ago. `promisedUs` applies to an incarnation that never logged. */
  async #end(
    who: Incarnation,
    row: GatewayRow | undefined,
    promisedUs: number,
    lease?: Lease,
  ): Promise<void> {
    const { pool, logName, partitions, log } = this.#options;
    const { gateway, incarnation } = who;
    if (row !== undefined && row.logName !== logName) {
      log.warn(
        { gateway, incarnation, logName: row.logName },
        'a gateway of another log is treated as ended',
      );
      await endWithoutLog(pool, gateway, incarnation);
      return;
    }
    const { fencing } = this.#options;
    const partition = row?.partition ?? partitionOf(gateway, partitions);
    await this.#onceAWhile(nameOf(who), async () => {
      await (lease === undefined ? this.#writers.retireLost(who) : this.#writers.retireLease(lease));
      await fencing.fence({ gateway, incarnation, partition }, encodeFence(who, promisedUs));
      log.info({ gateway, incarnation, partition }, 'a gateway is fenced');
    });
  }

  /** Appends unconsumed fences and markers again after a while. */
  async #onceAWhile(name: string, append: () => Promise<void>): Promise<void> {
    const nowMs = performance.now();
    const lastMs = this.#fencedAtMs.get(name);
    if (lastMs !== undefined && nowMs - lastMs < FENCE_AGAIN_MS) return;
    for (const [other, atMs] of this.#fencedAtMs) {
      if (nowMs - atMs > FENCE_AGAIN_MS) this.#fencedAtMs.delete(other);
    }
    await append();
    this.#fencedAtMs.set(name, nowMs);
  }

  async #reopen(): Promise<void> {
    const { redis, leaseMs, log } = this.#options;
    // A part of the Cluster is unavailable: an epoch started now could not be opened.
    const isWhole = (await readNodes(redis)) !== undefined;
    if (!isWhole && !this.#saidPartly)
      log.warn('the registry stays closed: some slots of the Cluster have no answering node');
    this.#saidPartly = !isWhole;
    if (!isWhole) return;
    if (this.#reopening === undefined) {
      this.#reopening = { noticedAtMs: performance.now(), waitMs: 0, marker: undefined };
      log.info('the registry is closed');
    }
    const reopening = this.#reopening;
    if (performance.now() - reopening.noticedAtMs < reopening.waitMs) return;
    const marker = reopening.marker ?? (await this.#newMarker());
    if (marker === undefined) return;
    const state = await this.#fenceAll(marker);
    reopening.marker = state === 'used' ? undefined : marker;
    // An earlier incarnation is unknown to this ledger.
    if (state === 'used') reopening.waitMs = waitMsOf(leaseMs);
    if (state !== 'done') return;
    // Whatever the result, the next attempt has its own epoch.
    reopening.marker = undefined;
    await this.#open(marker);
  }

  /** Opens the registry; projections are rebuilt in the background. */
  async #open(marker: Marker): Promise<void> {
    const { pool, redis, keys, leaseMs, log } = this.#options;
    const { epoch, nowUs } = marker;
    await this.#holdsLock();
    // Read before anything starts, so that a later loss shows.
    const nodes = await readNodes(redis);
    if (nodes === undefined) throw new Error('some slots of the Cluster have no answering node');
    const begun = await beginAnew(pool, redis, keys, epoch);
    if ('later' in begun) {
      log.warn({ epoch, later: begun.later }, 'Redis has a later epoch than the ledger');
      await raiseEpoch(pool, begun.later);
      return;
    }
    await markAllBackfilled(pool, epoch * INCARNATIONS_PER_EPOCH);
    // No gateway has stamped since the marker was made, so new stamps can start after it.
    const floorUs = Math.max(nowUs, await readWatermark(pool));
    if (nodes !== '') await noteNodes(redis, keys.leases, nodes);
    if (!(await openRegistry(redis, keys.leases, { epoch, floorUs, leaseMs })))
      throw new Error('Redis was emptied or restarted, or another engine opens the registry');
    this.#reopening = undefined;
    log.info({ epoch, ...begun }, 'the registry is open; rebuilding projections in the background');
    await this.#writers.putUp(epoch, await readRegistry(redis, keys.leases));
    // In the background: it scans all of Redis, and leases need attention meanwhile.
    sweepOlder(pool, redis, keys, epoch).catch((err: unknown) =>
      log.debug({ err }, 'keys of older epochs remain in Redis'),
    );
  }

  /**
   * A marker of a new epoch, once the log refuses everything prepared before; undefined if the registry is open after all. A
   * marker ends every older epoch, so none of those may be open, now or later. The closed registry is claimed only after the
   * epoch is taken: if another reaper has opened it before, that shows, and it can no longer be opened under an older epoch.
   */
  async #newMarker(): Promise<Marker | undefined> {
    const { pool, redis, keys, clocks } = this.#options;
    const epoch = await nextEpoch(pool);
    await this.#holdsLock();
    const begun = await beginOpening(redis, keys.leases, epoch);
    if (begun.state === 'stale') await raiseEpoch(pool, begun.epoch);
    if (begun.state !== 'begun') return undefined;
    await beginEpoch(pool, epoch);
    await this.#writers.retireBefore(epoch);
    return { epoch, nowUs: (await clocks.readRegistry('reaper')).readAtUs };
  }

  /** Rejects if another engine has become the lease reaper: this one may have been paused and must not continue. */
  async #holdsLock(): Promise<void> {
    if (!(await this.#options.locks.take({ name: 'registry' })))
      throw new Error('another engine is the lease reaper');
  }

  /** Appends missing markers and fences. Returns whether every earlier incarnation has ended and is consumed. */
  async #fenceAll({ epoch, nowUs }: Marker): Promise<'under way' | 'done' | 'used'> {
    const { pool, fencing, partitions, log } = this.#options;
    const incarnation = epoch * INCARNATIONS_PER_EPOCH;
    const markers = await readIncarnations(pool, [incarnation]);
    if (markers.some(row => row.throughUs !== nowUs)) return 'used';
    const consumed = new Set(markers.map(row => row.partition));
    for (let partition = 0; partition < partitions; partition++) {
      if (consumed.has(partition)) continue;
      const marker = { gateway: partition, incarnation };
      let isLatest = true;
      await this.#onceAWhile(nameOf(marker), async () => {
        isLatest = await fencing.mark(partition, epoch, encodeFence(marker, nowUs));
        log.info({ partition, epoch }, 'a partition is marked');
      });
      if (!isLatest) return 'used';
    }
    // An incarnation of a later epoch means that the epoch is in use, and its holder may have a lease.
    const live = (await readGateways(pool, [])).filter(
      row => row.state === 'live' && row.incarnation < incarnation,
    );
    for (const row of live) await this.#end(row, row, nowUs);
    if (consumed.size < partitions || live.length > 0) return 'under way';
    return (await hasIncarnationAbove(pool, incarnation)) ? 'used' : 'done';
  }
}

function waitMsOf(leaseMs: number): number {
  return leaseMs + leaseMarginMs(leaseMs);
}

function encodeFence({ gateway, incarnation }: Incarnation, promisedUs: number): Buffer {
  const promises = { sliceNumber: 0, throughUs: promisedUs, rankedUs: promisedUs };
  return encodeHead({ kind: 'fence', gateway, incarnation, ...promises });
}
