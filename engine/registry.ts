/**
 * The keeper of the registry of leases. One engine at a time is the keeper: the one that holds the lock `registry`.
 *
 * While the registry is open:
 * - A lease that was not renewed for one lease and a margin, by the keeper's own monotonic clock, is condemned and its
 *   holder fenced: a record in the gateway's own partition, so everything it was ever acknowledged for stands before it.
 *   So is an incarnation that lives in the ledger and has not stood in the registry for as long. The clock of Redis is
 *   not asked: it can be set, and would fence gateways that rightly believe in their leases.
 * - An incarnation that has ended in the ledger (its `leave` or its fence was consumed) gives its number back.
 * - What it had logged and not ranked is ranked from the ledger; then it no longer holds the ranked watermark up.
 *
 * When the registry is closed, Redis is new, was emptied or started again (it may lack its last second), or `rebuild`
 * has closed it; no gateway can get or renew a lease. Then:
 * 1. waiting   One lease and a margin go by, for a gateway from before may believe in its lease that long. Only a
 *              ledger that never opened a registry need not wait: there is no gateway from before.
 * 2. fencing   Each partition gets a marker, a fence of the new epoch's incarnation 0; and each incarnation that lives
 *              in the ledger its fence, again and again until all markers were consumed and nobody lives. Behind a
 *              marker stands nothing of an older epoch that was acknowledged, and intake drops what stands there: an
 *              incarnation that the ledger did not know has shown itself before it, or never does. If one shows that
 *              the epoch was in use before (a ledger that was restored, or made anew in front of an old log), another
 *              epoch is taken and this stage begins again, once old leases are over in this case as well.
 * 3. building  The projections are made anew from the ledger.
 * 4. open      The board gets the new epoch, then the registry is opened with it.
 * The stages live in memory: a keeper that takes over begins at the first, which is always safe.
 */
import type { Logger } from 'pino';
import { opensAtUs } from '../sql/campaigns.ts';
import type { Pool } from '../sql/database.ts';
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
import { INCARNATIONS_PER_EPOCH, nextEpoch, readWatermark, wasEverOpened } from '../sql/watermarks.ts';
import type { Keys } from './contract/keys.ts';
import {
  condemnLease,
  freeLease,
  type Lease,
  leaseMarginMs,
  openRegistry,
  type Registry,
  readRegistry,
} from './contract/lease/lease.ts';
import { type LogProducer, partitionOf } from './contract/log/log.ts';
import { encodeHead } from './contract/record.ts';
import type { RedisClient } from './contract/redis.ts';
import { lastStampAt } from './contract/stamp.ts';
import type { Locks } from './locks.ts';
import { projectRanks } from './projections.ts';
import { rebuildProjections } from './rebuild.ts';

/** A fence that was not consumed by then is appended again; a second one does no harm. */
const FENCE_AGAIN_MS = 2_000;
const BEFORE_ALL_STAMPS = -1;
/** What condemn.lua leaves as the end of a lease. */
const CONDEMNED = 0;

export interface KeeperOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly locks: Locks;
  readonly producer: LogProducer;
  /** The name of the log that is consumed; see LogConsumer. */
  readonly logName: string;
  readonly partitions: number;
  readonly leaseMs: number;
  readonly log: Logger;
}

interface Reopening {
  readonly noticedAtMs: number;
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
  readonly #waitMs: number;
  #reopening: Reopening | undefined;
  /** When a fence was last appended, by incarnation. */
  readonly #fencedAtMs = new Map<string, number>();
  /** Since when an incarnation that lives in the ledger is not in the registry. */
  readonly #missingSinceMs = new Map<string, number>();
  /** Until when each lease was last renewed, by Redis' clock, and since when that is so, by ours. */
  readonly #unrenewed = new Map<string, { readonly expiresUs: number; readonly sinceMs: number }>();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#waitMs = options.leaseMs + leaseMarginMs(options.leaseMs);
  }

  /** Does what is due, if this engine is the keeper. To be called every 100 ms or so; rejects when a part is gone. */
  async tick(): Promise<void> {
    const { locks, redis, keys } = this.#options;
    if (!(await locks.take({ name: 'registry' }))) {
      this.#reopening = undefined;
      return;
    }
    const registry = await readRegistry(redis, keys.leases);
    if (registry.epoch === undefined) {
      await this.#reopen();
      return;
    }
    this.#reopening = undefined;
    if ((await redis.hget(keys.boardState, 'epoch')) !== String(registry.epoch)) {
      // The board was lost and the registry was not: other projections may be gone as well.
      this.#options.log.error(
        'Redis has lost the board: the registry is closed, and all projections made anew',
      );
      await redis.hdel(keys.leases, 'epoch');
      return;
    }
    await this.#tend(registry);
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
      if (row?.state === 'ended') await freeLease(redis, keys.leases, lease);
      else if (this.#isSilent(lease) && (await condemnLease(redis, keys.leases, lease)))
        await this.#end(lease, row, lease.registeredUs);
    }
    await this.#endMissing(rows, registry);
    for (const row of rows) if (row.state === 'ended' && !row.repaired) await this.#repair(row);
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
    log.info({ gateway, incarnation, ranked }, 'an ended gateway is repaired');
  }

  /** Appends a fence, unless one was a moment ago. `promisedUs` holds for an incarnation that never logged. */
  async #end(who: Incarnation, row: GatewayRow | undefined, promisedUs: number): Promise<void> {
    const { pool, logName, partitions, log } = this.#options;
    const { gateway, incarnation } = who;
    if (row !== undefined && row.logName !== logName) {
      log.warn({ gateway, incarnation, logName: row.logName }, 'a gateway of another log is taken for ended');
      await endWithoutLog(pool, gateway, incarnation);
      return;
    }
    await this.#fence(who, row?.partition ?? partitionOf(gateway, partitions), promisedUs);
  }

  async #fence(who: Incarnation, partition: number, promisedUs: number): Promise<void> {
    const name = nameOf(who);
    const nowMs = performance.now();
    const lastMs = this.#fencedAtMs.get(name);
    if (lastMs !== undefined && nowMs - lastMs < FENCE_AGAIN_MS) return;
    for (const [other, atMs] of this.#fencedAtMs) {
      if (nowMs - atMs > FENCE_AGAIN_MS) this.#fencedAtMs.delete(other);
    }
    const { gateway, incarnation } = who;
    const promises = { sliceNumber: 0, throughUs: promisedUs, rankedUs: promisedUs };
    await this.#options.producer.append(
      partition,
      encodeHead({ kind: 'fence', gateway, incarnation, ...promises }),
    );
    this.#fencedAtMs.set(name, nowMs);
    this.#options.log.info({ gateway, incarnation, partition }, 'a gateway is fenced');
  }

  async #reopen(): Promise<void> {
    const { pool, redis, keys, log } = this.#options;
    if (this.#reopening === undefined) {
      const waitMs = (await wasEverOpened(pool)) ? this.#waitMs : 0;
      this.#reopening = { noticedAtMs: performance.now(), waitMs, marker: undefined };
      log.info({ waitMs }, 'the registry is closed');
    }
    const reopening = this.#reopening;
    if (performance.now() - reopening.noticedAtMs < reopening.waitMs) return;
    const marker = reopening.marker ?? (await this.#newMarker());
    if (marker === undefined) return;
    const state = await this.#fenceAll(marker);
    reopening.marker = state === 'used' ? undefined : marker;
    // There is somebody from before after all.
    if (state === 'used') reopening.waitMs = this.#waitMs;
    if (state !== 'done') return;
    const { epoch } = marker;
    await markAllRepaired(pool);
    const rebuilt = await rebuildProjections(pool, redis, keys, epoch, () => this.#holdsLock());
    await this.#holdsLock();
    await openRegistry(redis, keys.leases, epoch, await readWatermark(pool));
    this.#reopening = undefined;
    log.info({ epoch, ...rebuilt }, 'the projections are made anew and the registry is open');
  }

  /**
   * A marker of a new epoch; undefined when the registry is open after all. A marker ends every older epoch, so none of
   * those may be open. Only when the epoch is taken it is looked whether this engine is the keeper and the registry closed:
   * what another keeper has opened before shows itself, and what one opens afterwards has a later epoch.
   */
  async #newMarker(): Promise<Marker | undefined> {
    const { pool, redis, keys } = this.#options;
    const epoch = await nextEpoch(pool);
    await this.#holdsLock();
    const { epoch: opened, readAtUs } = await readRegistry(redis, keys.leases);
    return opened === undefined ? { epoch, nowUs: readAtUs } : undefined;
  }

  /** Rejects when another engine is the keeper by now: this one may have been paused, and must not go on. */
  async #holdsLock(): Promise<void> {
    if (!(await this.#options.locks.take({ name: 'registry' })))
      throw new Error('another engine is the keeper');
  }

  /** Appends markers and fences that are wanting. Answers whether everybody from before has ended and is consumed. */
  async #fenceAll({ epoch, nowUs }: Marker): Promise<'under way' | 'done' | 'used'> {
    const { pool, partitions } = this.#options;
    const incarnation = epoch * INCARNATIONS_PER_EPOCH;
    const markers = await readIncarnations(pool, [incarnation]);
    if (markers.some(row => row.throughUs !== nowUs)) return 'used';
    const consumed = new Set(markers.map(row => row.partition));
    for (let partition = 0; partition < partitions; partition++) {
      if (!consumed.has(partition)) await this.#fence({ gateway: partition, incarnation }, partition, nowUs);
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

function nameOf({ gateway, incarnation }: Incarnation): string {
  return `${gateway}/${incarnation}`;
}
