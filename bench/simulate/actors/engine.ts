/**
 * An engine in the simulator: production's assembly (engine/assembly.ts) over the simulated ledger, Redis and log. It also acts
 * as the operator, by calling the functions that the API's handlers call.
 */
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { assembleRuntime, type RuntimeDeps, type RuntimeIntervals } from '../../../engine/assembly.ts';
import { plainDraw } from '../../../engine/campaigns/announce.ts';
import { changeCampaign } from '../../../engine/campaigns/change.ts';
import { makeCoupon, replaceTerms } from '../../../engine/campaigns/coupons/coupon-terms.ts';
import { createWanted, type WantedCampaign } from '../../../engine/campaigns/create-campaign.ts';
import { findCampaign } from '../../../engine/campaigns/find-campaign.ts';
import { setRoomTerms } from '../../../engine/campaigns/room-terms.ts';
import { closeCampaign } from '../../../engine/campaigns/telling/close.ts';
import { endOffer } from '../../../engine/campaigns/telling/offers.ts';
import { aheadMsOf, trustClock } from '../../../engine/clock/trust-clock.ts';
import { Problem } from '../../../engine/contract/api/problem.ts';
import type { Terms } from '../../../engine/contract/coupons/terms.ts';
import { commitmentOf, deriveSecret } from '../../../engine/draw/commit.ts';
import { Randomness } from '../../../engine/draw/randomness.ts';
import { intakeOf } from '../../../engine/intake/log-intake.ts';
import { type LockName, Locks } from '../../../engine/locks.ts';
import type { EngineMetrics } from '../../../engine/metrics.ts';
import type { Actor, By } from '../../../engine/operators/acts.ts';
import { readOffer } from '../../../sql/statements/claims/offers.ts';
import { getCoupon } from '../../../sql/statements/coupons/coupons.ts';
import { getRoom } from '../../../sql/statements/rooms/rooms.ts';
import type { CheckedCoupon, CouponTerms } from '../checks/checker-coupons.ts';
import type { Announced, RoomTerms } from '../checks/checker-rows.ts';
import type { Path } from '../kernel/network.ts';
import type { Tally } from '../kernel/tally.ts';
import { BEGINNING_US, type Process } from '../kernel/world.ts';
import type { Ledger } from '../models/ledger/ledger.ts';
import { ConstraintError } from '../models/ledger/statement.ts';
import type { SimulatedConsumer, SimulatedLog } from '../models/log.ts';
import { KEYS, type SimulatedRedis } from '../models/redis/redis.ts';
import type { Operation } from '../plans/plan.ts';
import { SALT_SECRET } from './gateway.ts';

/** Also the shortest interval between cycles: with one more cycle for every batch, cycles would be most of a run. */
const CYCLE_MS = 160;
const INTERVALS: RuntimeIntervals = {
  cycleGap: CYCLE_MS,
  cycleActive: CYCLE_MS,
  cycleIdle: CYCLE_MS,
  availability: 260,
  leases: 220,
  clock: 200,
  tidy: 1_000,
};
/** Most runs have no more campaigns. */
const SETTLED_AT_ONCE = 2;
const DRAW_SECRET = 'a secret of draws, for the simulator only';
/** Nobody uses a pass, so capacity becomes free only when a pass ends. */
const PASS_TTL_MS = 1_000;
/** Nobody reads these counts. */
const UNCOUNTED: EngineMetrics = {
  registry: new Registry(),
  batch: () => undefined,
  settled: () => undefined,
  scheduledDone: () => undefined,
  moved: () => undefined,
  cycle: () => undefined,
  clocks: () => undefined,
  books: () => undefined,
};
/** Drawn after the winners of a raffle. */
const ALTERNATES = 2;

export interface EngineTerms {
  readonly leaseMs: number;
  /** How many entries of a projection are ranked at once; undefined for production's number. */
  readonly rankedAtOnce: number | undefined;
  readonly claimsAtOnce: number | undefined;
  readonly movesAtOnce: number | undefined;
  readonly drawnAtOnce: number | undefined;
  readonly sharedFrom: number | undefined;
  readonly clockStopMs: number;
  /** How long after its end a campaign leaves Redis; undefined for never. */
  readonly shelveAfterMs: number | undefined;
  readonly partitions: number;
  /** Counts the operator's changes and refusals. */
  readonly tally: Tally;
  /** Makes draws depend only on the seed. */
  readonly seed: number;
  readonly log: Logger;
}

/** Advisory locks of one process, at the simulated server. */
class SimulatedLocks extends Locks {
  readonly #ledger: Ledger;
  readonly #process: Process;

  constructor(ledger: Ledger, process: Process) {
    super({ databaseUrl: '', applicationName: process.name, onError: () => undefined });
    this.#ledger = ledger;
    this.#process = process;
  }

  override async take(lock: LockName): Promise<boolean> {
    const { server, world } = this.#ledger;
    await new Promise<void>(resolve => world.after(world.random.between(80, 900), this.#process, resolve));
    if (!server.isUp) throw new Error('lost the connection that holds locks');
    return this.#ledger.take(nameOf(lock), this.#process);
  }

  override async release(lock: LockName): Promise<void> {
    this.#ledger.release(nameOf(lock), this.#process);
  }
}

/** Commitments that a seed reproduces: production's nonces come from the machine's own randomness. */
class SimulatedRandomness extends Randomness {
  readonly #seed: number;

  constructor(seed: number, log: Logger) {
    super({ drawSecret: DRAW_SECRET, drandDelayMs: 0, relays: [], nowMs: () => Date.now(), log });
    this.#seed = seed;
  }

  override announce(_source: 'commit' | 'drand', { campaignId }: { readonly campaignId: number }) {
    const nonce = createHash('sha256').update(`${this.#seed}/${campaignId}`).digest();
    const commitment = commitmentOf(deriveSecret(DRAW_SECRET, campaignId, nonce)).toString('base64url');
    return { announced: { source: 'commit' as const, commitment }, nonce };
  }
}

function nameOf(lock: LockName): string {
  return lock.name === 'partition' ? `partition ${lock.partition}` : lock.name;
}

export class SimulatedEngine {
  readonly process: Process;
  readonly consumer: SimulatedConsumer;
  readonly #deps: RuntimeDeps;
  readonly #tally: Tally;

  /** Call this in an event of its own process. */
  constructor(
    process: Process,
    servers: { readonly ledger: Ledger; readonly redis: SimulatedRedis; readonly log: SimulatedLog },
    paths: { readonly ledger: Path; readonly redis: Path; readonly log: Path },
    terms: EngineTerms,
  ) {
    this.process = process;
    const { log, leaseMs, partitions, clockStopMs } = terms;
    this.consumer = servers.log.consumerFor(process, paths.log, log);
    const pool = servers.ledger.poolFor(process, paths.ledger);
    const { deps } = assembleRuntime({
      config: {
        LEASE_MS: leaseMs,
        LOG_PARTITIONS: partitions,
        RECEIPT_SALT_SECRET: SALT_SECRET,
        CLOCK_STOP_MS: clockStopMs,
      },
      servers: {
        pool,
        redis: servers.redis.clientFor(process, paths.redis).client,
        keys: KEYS,
        locks: new SimulatedLocks(servers.ledger, process),
        fencing: servers.log.fencingFor(process, paths.log),
        intake: intakeOf(this.consumer, { pool, log }),
      },
      rankedAtOnce: terms.rankedAtOnce,
      shelveAfterMs: terms.shelveAfterMs,
      settledAtOnce: terms.sharedFrom ?? SETTLED_AT_ONCE,
      claimsAtOnce: terms.claimsAtOnce,
      movesAtOnce: terms.movesAtOnce,
      drawnAtOnce: terms.drawnAtOnce,
      sharedFrom: terms.sharedFrom,
      intervals: INTERVALS,
      randomness: new SimulatedRandomness(terms.seed, log),
      metrics: UNCOUNTED,
      log,
    });
    this.#deps = deps;
    this.#tally = terms.tally;
  }

  /** The operator creates the announced campaigns, and the coupons. */
  async create(announced: readonly Announced[], coupons: readonly CheckedCoupon[]): Promise<void> {
    for (const campaign of announced) {
      const isOfIt = ({ of }: CheckedCoupon): boolean =>
        'campaignId' in of && of.campaignId === campaign.campaignId;
      const granted = coupons.find(isOfIt);
      await createWanted(
        this.#deps,
        wantedOf(campaign),
        actor('createCampaign'),
        granted && termsOf(granted),
      );
    }
    for (const coupon of coupons) {
      const { of } = coupon;
      if ('code' in of) await makeCoupon(this.#deps.pool, of, termsOf(coupon), by('createCoupon'));
    }
  }

  /** The operator changes the current version of a campaign. */
  async change(campaignId: number, operation: Operation): Promise<void> {
    const { action, opensAtMs, closesAtMs, drawsAtMs, stock } = operation;
    const at = (ms: number): Date => new Date(BEGINNING_US / 1000 + ms);
    const change = {
      ...(opensAtMs === undefined ? {} : { opensAt: at(opensAtMs) }),
      ...(closesAtMs === undefined ? {} : { closesAt: at(closesAtMs) }),
      ...(drawsAtMs === undefined ? {} : { drawsAt: drawsAtMs === null ? null : at(drawsAtMs) }),
      ...(stock === undefined ? {} : { stock }),
    };
    const reason = action === 'raise' ? 'there are more' : null;
    const attribution = { actor: actor(`${action}Campaign`), reason };
    try {
      const campaign = await findCampaign(this.#deps.pool, campaignId);
      await changeCampaign(this.#deps, campaign, action, change, attribution, new AbortController().signal);
      this.#tally.count(`${action} in effect`);
    } catch (error) {
      this.#tally.count(`${action} refused`);
      this.#deps.log.info({ err: error, campaignId, action }, 'the operator was refused');
    }
  }

  /** By how much Redis appears ahead of PostgreSQL, ms, if the two contradict each other; undefined otherwise. */
  shownAheadMs(): number | undefined {
    const look = this.#deps.clocks.look();
    return look.state === 'apart' ? aheadMsOf(look).postgres : undefined;
  }

  /** The operator declares Redis right while it is that far ahead of PostgreSQL. Never rejects. */
  async trustClock(aheadMs: number): Promise<string> {
    const said = { actor: actor('trustClock'), reason: null };
    try {
      await trustClock(this.#deps, { aheadOf: 'postgres', aheadMs }, said);
      return 'in effect';
    } catch (error) {
      this.#deps.log.info({ err: error, aheadMs }, 'the operator was refused');
      return error instanceof Problem ? error.slug : 'not known';
    }
  }

  /** The operator's view of a room; undefined if there is none yet. Rejects if it cannot be read now. */
  async readRoom(campaignId: number): Promise<{ readonly version: number } | undefined> {
    return await getRoom(this.#deps.pool, campaignId);
  }

  /**
   * The operator sets the terms of that version of a room; false if the room has another version. Rejects if it is unknown
   * whether they are set.
   */
  async setRoom(campaignId: number, terms: RoomTerms, version: number): Promise<boolean> {
    try {
      await setRoomTerms(this.#deps, campaignId, terms, version, by('setRoom'));
      return true;
    } catch (error) {
      if (error instanceof Problem && error.slug === 'precondition-failed') return false;
      throw error;
    }
  }

  /** The operator replaces a coupon's terms, as the API does. */
  async changeTerms(couponId: number, terms: CouponTerms): Promise<void> {
    const { pool, couponsChanged, log } = this.#deps;
    try {
      const coupon = await getCoupon(pool, couponId);
      if (coupon === undefined) throw new Error(`coupon ${couponId} has gone`);
      await replaceTerms(pool, coupon, termsOf(terms), coupon.revision, by('replaceTerms'));
      this.#tally.count('terms of a coupon in effect');
    } catch (error) {
      // A refusal of the ledger must have been turned into a problem.
      if (error instanceof ConstraintError) throw error;
      this.#tally.count('terms of a coupon refused');
      log.info({ err: error, couponId }, 'the operator was refused');
      return;
    }
    await couponsChanged([couponId]).catch(() => undefined);
  }

  /**
   * The operator ends an offer by hand, whichever user holds it, after calling `asks` with the holder. Resolves with whether
   * that was answered: false if nobody has the offer, or the result is unknown.
   */
  async endOffer(campaignId: number, serial: number, asks: (userId: string) => void): Promise<boolean> {
    const { pool, log } = this.#deps;
    try {
      const offer = await readOffer(pool, campaignId, serial);
      if (offer === undefined) return false;
      asks(offer.userId);
      const toEnd = { serial, holder: offer.userId, reason: 'by hand' };
      await endOffer(this.#deps, campaignId, toEnd, actor('passOn'), new AbortController().signal);
      this.#tally.count('offer ended by hand');
      return true;
    } catch (error) {
      // A refusal of the ledger must have been turned into a problem.
      if (error instanceof ConstraintError) throw error;
      const became = error instanceof Problem ? error.slug : 'not known';
      this.#tally.count(`end of an offer: ${became}`);
      log.info({ err: error, campaignId, serial }, 'the operator was refused');
      return became !== 'not known' && became !== 'unavailable';
    }
  }

  /** The operator closes a campaign early, and gives up if that is impossible now. */
  async close(campaignId: number): Promise<void> {
    try {
      await closeCampaign(this.#deps, campaignId, by('closeCampaign'), new AbortController().signal);
    } catch (error) {
      this.#deps.log.info({ err: error, campaignId }, 'the operator was refused');
    }
  }
}

/** The operator, who gives no reason. */
function by(action: string): By {
  return { actor: actor(action), reason: null };
}

/** The operator, with the operation of the API that they request. */
function actor(action: string): Actor {
  return { name: 'operator', role: 'owner', tokenId: null, action };
}

function termsOf({ basisPoints, limitTotal, limitPerUser }: CouponTerms): Terms {
  return {
    ...{ discount: { kind: 'percentage', basisPoints, most: null }, currency: null, minimumBasket: null },
    ...{ validFromMs: null, validUntilMs: null, products: null, categories: null, limitTotal, limitPerUser },
    ...{ stackClass: null, exclusive: false, stackableWith: null, stackOrder: 0, stackCapBasisPoints: null },
  };
}

function wantedOf({ kind, stock, opensAtUs, closesAtUs, claims, room }: Announced): WantedCampaign {
  const times = { opensAt: new Date(opensAtUs / 1000), closesAt: new Date(closesAtUs / 1000) };
  return {
    campaign: { kind, stock, title: 'simulated', ...times },
    draw: kind === 'raffle' ? { ...plainDraw(stock), alternates: ALTERNATES } : undefined,
    claims,
    monitors: undefined,
    room: room && { ...room, passMs: PASS_TTL_MS, visitMs: null, paused: false, singleUse: false },
  };
}
