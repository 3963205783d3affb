/**
 * The keeper of the registry of leases. One engine at a time is the keeper: the one that holds the lock `registry`.
 *
 * While the registry is open:
 * - Free numbers are prepared, so that gateways can join without an engine (writers.ts).
 * - A lease that was not renewed for one lease and a margin, by the keeper's own monotonic clock, is condemned and its
 *   holder ended: the log is made to refuse what it appends, and behind that a fence is appended in its partition, so
 *   everything it was ever acknowledged for stands before the fence. So is an incarnation that lives in the ledger and has
 *   not stood in the registry for as long. No clock says what counts: one that is wrong ends a gateway that could have
 *   gone on, and that is all.
 * - An incarnation that has ended in the ledger (its `leave` or its fence was consumed) gives its number back.
 * - What it had logged and not ranked is ranked from the ledger; then it no longer holds the ranked watermark up.
 *
 * While the clocks contradict each other (clock-agreement.ts), the registry says so: no lease is given, and gateways stamp
 * nothing. A registry that is closed stays so.
 *
 * When the registry is closed, Redis is new, was emptied or started again (it may lack its last second), a node of a Cluster
 * has taken over (redis-loss.ts), or `rebuild` has closed it; no gateway can get or renew a lease. A registry that was opened
 * under an older epoch than the ledger's is closed: it is of another Redis than the one that was opened last. Then:
 * 1. retiring  An epoch is begun in the ledger, and the log is made to refuse every identity that was prepared before. (A
 *              Redis log refuses older epochs from the marker on.)
 * 2. fencing   Each partition gets a marker, a fence of the new epoch's incarnation 0; and each incarnation that lives
 *              in the ledger its fence, again and again until all markers were consumed and nobody lives. Behind a
 *              marker stands nothing of an older epoch that was acknowledged, and intake drops what stands there: an
 *              incarnation that the ledger did not know has shown itself before it, or never does. If one shows that
 *              the epoch was in use before (a ledger that was restored, or made anew in front of an old log), another
 *              epoch is taken and this stage begins again, one lease and a margin after the registry was closed: there
 *              may be identities that this ledger knows nothing of, whose holders stop by themselves by then.
 * 3. building  Every campaign's projection is marked as being made, and the board is made anew. Ranks and outcomes are
 *              made from the ledger while the door is open: see maker.ts.
 * 4. open      The board gets the new epoch, then the registry is opened with it.
 * The stages live in memory: a keeper that takes over begins at the first, which is always safe. An attempt has an epoch
 * of its own, for which it claims the closed registry before it does anything: what is written under an older one, or
 * after Redis was emptied or started again, is refused by Redis itself, and the next attempt has another epoch. So a keeper
 * that has lost its lock, however long it stood still, opens, closes and deletes nothing.
 */
import { opensAtUs } from '../sql/campaigns.ts';
import {
  endWithoutLog,
  type GatewayRow,
  hasIncarnationAbove,
  markAllRepaired,
  markRepaired,
  readGateways,
  readIncarnations,
} from '../sql/gateways.ts';
import { readCampaigns } from '../sql/settling.ts';
import {
  beginEpoch,
  INCARNATIONS_PER_EPOCH,
  nextEpoch,
  raiseEpoch,
  readEpoch,
  readWatermark,
} from '../sql/watermarks.ts';
import type { ClockWatch } from './clock-watch.ts';
import {
  beginOpening,
  closeRegistry,
  condemnLease,
  freeLease,
  type Lease,
  leaseMarginMs,
  noteNodes,
  openRegistry,
  type Registry,
  readRegistry,
  setLeaseLength,
} from './contract/lease/lease.ts';
import { partitionOf } from './contract/log/log.ts';
import { encodeHead } from './contract/record.ts';
import { readNodes } from './contract/redis-nodes.ts';
import { lastStampAt } from './contract/stamp.ts';
import type { Locks } from './locks.ts';
import { projectRanks } from './projections.ts';
import { beginAnew, sweepOlder } from './rebuild.ts';
import { findLoss } from './redis-loss.ts';
import { Writers, type WritersOptions } from './writers.ts';

/** A fence that was not consumed by then is appended again; a second one does no harm. */
const FENCE_AGAIN_MS = 2_000;
const BEFORE_ALL_STAMPS = -1;
/** What condemn.lua leaves as the end of a lease. */
const CONDEMNED = 0;

export interface KeeperOptions extends WritersOptions {
  readonly locks: Locks;
  readonly clocks: ClockWatch;
  readonly leaseMs: number;
}

interface Reopening {
  readonly noticedAtMs: number;
  /** 0, until it shows that there is somebody from before of whom the ledger does not know. */
  waitMs: number;
  marker: Marker | undefined;
}

interface Marker {
  readonly epoch: number;
  /** What the marker promises; tells it from one of another time. */
  readonly nowUs: number;
}

type Incarnation = Pick<GatewayRow, 'gateway' | 'incarnation'>;

export class RegistryKeeper {
  readonly #options: KeeperOptions;
  readonly #writers: Writers;
  /** How long a lease may be out of sight before its holder is ended. */
  #waitMs: number;
  #saidDiffers = false;
  #lookedForMarksAtMs = Number.NEGATIVE_INFINITY;
  #reopening: Reopening | undefined;
  /** When a fence was last appended, by incarnation. */
  readonly #fencedAtMs = new Map<string, number>();
  /** Since when an incarnation that lives in the ledger is not in the registry. */
  readonly #missingSinceMs = new Map<string, number>();
  /** Until when each lease was last renewed, by Redis' clock, and since when that is so, by ours. */
  readonly #unrenewed = new Map<string, { readonly expiresUs: number; readonly sinceMs: number }>();

  /** Said once, however often it takes to close the registry. */
  #saidLost = false;
  /** Said once, however long a part of the Cluster is away. */
  #saidPartly = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#writers = new Writers(options);
    this.#waitMs = waitMsOf(options.leaseMs);
  }

  /** Does what is due, if this engine is the keeper. To be called every 100 ms or so; rejects when a part is gone. */
  async tick(): Promise<void> {
    const { locks, pool, redis, keys, clocks, log } = this.#options;
    if (!(await locks.take({ name: 'registry' }))) {
      this.#reopening = undefined;
      return;
    }
    const registry = await clocks.readRegistry('keeper');
    if (registry.epoch === undefined) {
      // What fences and markers promise is the time, and leases are given by it.
      if (clocks.isAgreed) await this.#reopen();
      return;
    }
    this.#reopening = undefined;
    const loss = await findLoss(redis, keys, registry.epoch);
    if (loss !== undefined) {
      // The registry was not lost: other projections may be gone as well.
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
   * Whether leases hold for as long as this engine was told; the length is set where nobody has one. Those who hold one are
   * tended by the length that they have.
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
      else if (this.#isSilent(lease) && (await condemnLease(redis, keys.leases, lease)))
        await this.#end(lease, row, lease.registeredUs, lease);
    }
    await this.#endMissing(rows, registry);
    await this.#markMissing(registry);
    for (const row of rows) if (row.state === 'ended' && !row.repaired) await this.#repair(row);
  }

  /** Before the number is anybody else's, nothing can be written with what this one had. */
  async #free(lease: Lease): Promise<void> {
    const { redis, keys } = this.#options;
    await this.#writers.retireLease(lease);
    await freeLease(redis, keys.leases, lease);
  }

  /** Whether the lease was not renewed for so long that its holder cannot believe in it any more. */
  #isSilent(lease: Lease): boolean {
    if (lease.expiresUs === CONDEMNED) return true;
    const nowMs = performance.now();
    const before = this.#unrenewed.get(nameOf(lease));
    if (before?.expiresUs === lease.expiresUs) return nowMs - before.sinceMs > this.#waitMs;
    this.#unrenewed.set(nameOf(lease), { expiresUs: lease.expiresUs, sinceMs: nowMs });
    return false;
  }

  /** Ends those that live in the ledger and have not been in the registry for one lease and a margin. */
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

  /** Of a log that opens its epochs by itself, partitions where this one is not: else nobody could write there. */
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

  /** Ranks what an ended incarnation had logged and perhaps not ranked. */
  async #repair(row: GatewayRow): Promise<void> {
    const { pool, redis, keys, log } = this.#options;
    const { gateway, incarnation, rankedUs } = row;
    let ranked = 0;
    for (const campaign of await readCampaigns(pool, undefined)) {
      if (campaign.closesAt.getTime() * 1000 <= rankedUs) continue;
      const { campaignId } = campaign;
      const after = Math.max(BEFORE_ALL_STAMPS, lastStampAt(rankedUs, opensAtUs(campaign)));
      ranked += await projectRanks(pool, redis, keys.campaign(campaignId), { campaignId, after, gateway });
    }
    await markRepaired(pool, gateway, incarnation);
    log.info({ gateway, incarnation, ranked }, 'ranks of a fenced gateway repaired');
  }

  /** Appends a fence, unless one was a moment ago. `promisedUs` holds for an incarnation that never logged. */
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

  /** Fences and markers that were not consumed are appended again after a while. */
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
    // A part of it is away: an epoch that is begun now would not be opened.
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
    // There is somebody from before of whom this ledger knows nothing.
    if (state === 'used') reopening.waitMs = waitMsOf(leaseMs);
    if (state !== 'done') return;
    // Whatever comes of it, another attempt has an epoch of its own.
    reopening.marker = undefined;
    await this.#open(marker);
  }

  /** Opens the door: what it shows is made anew behind it. */
  async #open(marker: Marker): Promise<void> {
    const { pool, redis, keys, leaseMs, log } = this.#options;
    const { epoch, nowUs } = marker;
    await this.#holdsLock();
    // Before anything is begun: what is lost of it later shows.
    const nodes = await readNodes(redis);
    if (nodes === undefined) throw new Error('some slots of the Cluster have no answering node');
    const begun = await beginAnew(pool, redis, keys, epoch);
    if ('later' in begun) {
      log.warn({ epoch, later: begun.later }, 'Redis has a later epoch than the ledger');
      await raiseEpoch(pool, begun.later);
      return;
    }
    await markAllRepaired(pool, epoch * INCARNATIONS_PER_EPOCH);
    // Nobody has stamped since the marker was made: whoever does from here on may as well begin behind it.
    const floorUs = Math.max(nowUs, await readWatermark(pool));
    if (nodes !== '') await noteNodes(redis, keys.leases, nodes);
    if (!(await openRegistry(redis, keys.leases, { epoch, floorUs, leaseMs })))
      throw new Error('Redis was emptied or restarted, or another engine opens the registry');
    this.#reopening = undefined;
    log.info({ epoch, ...begun }, 'the registry is open; rebuilding projections in the background');
    await this.#writers.putUp(epoch, await readRegistry(redis, keys.leases));
    // Beside: it goes through all of Redis, and leases are to be tended meanwhile.
    sweepOlder(pool, redis, keys, epoch).catch((err: unknown) =>
      log.debug({ err }, 'keys of older epochs remain in Redis'),
    );
  }

  /**
   * A marker of a new epoch, when the log refuses what was prepared before; undefined when the registry is open after all. A
   * marker ends every older epoch, so none of those may be open, now or later. Only when the epoch is taken the closed
   * registry is claimed for it: what another keeper has opened before shows itself, and under an older epoch it can be
   * opened no more.
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
    return { epoch, nowUs: (await clocks.readRegistry('keeper')).readAtUs };
  }

  /** Rejects when another engine is the keeper by now: this one may have been paused, and must not go on. */
  async #holdsLock(): Promise<void> {
    if (!(await this.#options.locks.take({ name: 'registry' })))
      throw new Error('another engine is the keeper');
  }

  /** Appends markers and fences that are wanting. Answers whether everybody from before has ended and is consumed. */
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
    // Of a later epoch there is nobody, or the epoch is used; whoever it is may hold a lease.
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

function nameOf({ gateway, incarnation }: Incarnation): string {
  return `${gateway}/${incarnation}`;
}
