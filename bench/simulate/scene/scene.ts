/**
 * Everything in one run: the servers, the paths between them, and the processes of gateways and engines. Each process has a
 * slot, which is empty while the process is gone.
 */
import type { Logger } from 'pino';
import { SimulatedEngine } from '../actors/engine.ts';
import { SimulatedGateway } from '../actors/gateway.ts';
import { Checker, type Violation } from '../checks/checker.ts';
import { Path } from '../kernel/network.ts';
import { Tally } from '../kernel/tally.ts';
import { MS, Process, type World } from '../kernel/world.ts';
import { Ledger } from '../models/ledger/ledger.ts';
import { areReportsTaken } from '../models/ledger/statements/rooms/presence.ts';
import { SimulatedLog } from '../models/log.ts';
import { KEYS, SimulatedRedis } from '../models/redis/redis.ts';
import type { Plan } from '../plans/plan.ts';
import type { Shopping } from '../plans/shopping.ts';
import { allowClockErrors } from './clock-errors.ts';
import { hearThatLeasesDiffer, LEASE_FAULTS, watchLeases } from './lease-watch.ts';
import { seenLedgerOf } from './seen-ledger.ts';

/** Within this time the server notices that a process is gone, and ends its sessions. */
const NOTICED_US = 200 * MS;
/** The longest time for which a reconfigured process is away. */
const RESTART_US = 200 * MS;
/** An engine that is silent for this long loses its partitions (in production 10 s). */
const SESSION_US = 600 * MS;

export class Scene {
  readonly plan: Plan;
  readonly world: World;
  readonly tally = new Tally();
  readonly redis: SimulatedRedis;
  readonly log: SimulatedLog;
  readonly ledger: Ledger;
  readonly checker: Checker;
  readonly #logger: Logger;
  readonly #gateways: (SimulatedGateway | undefined)[];
  readonly #engines: (SimulatedEngine | undefined)[];
  readonly #paths = new Map<string, Path>();
  /** The LEASE_MS of processes that differ from the plan's: changed for good, or by mistake. */
  readonly #changedLeaseMs = new Map<string, number>();
  readonly #wrongLeaseMs = new Map<string, number>();
  /** Includes those that are gone. */
  readonly #gatewayProcesses: Process[] = [];
  #born = 0;

  constructor(plan: Plan, world: World, logger: Logger) {
    this.plan = plan;
    this.world = world;
    this.#logger = logger;
    this.#gateways = Array.from({ length: plan.gateways }, () => undefined);
    this.#engines = Array.from({ length: plan.engines }, () => undefined);
    this.redis = new SimulatedRedis(world, this.tally);
    this.log = new SimulatedLog(world, this.tally, plan, (partition, bytes) =>
      this.checker.landed(partition, bytes, world.nowUs),
    );
    this.ledger = new Ledger(world, this.tally, beganUs => this.checker.committed(beganUs, world.nowUs));
    this.checker = new Checker(
      { campaigns: plan.campaigns, coupons: plan.shop.coupons },
      seenLedgerOf(this.ledger.tables),
      (violation: Violation) => world.fail(violation),
    );
    allowClockErrors(plan, this.checker, this.#gatewayProcesses);
    for (const index of this.#gateways.keys()) this.startGateway(index);
    for (const index of this.#engines.keys()) this.startEngine(index);
    if (plan.faults.some(({ kind }) => LEASE_FAULTS.includes(kind))) {
      const parts = {
        world,
        redis: this.redis,
        checker: this.checker,
        tally: this.tally,
        gateways: this.#gateways,
      };
      watchLeases(parts);
      this.redis.onDiffers = process => hearThatLeasesDiffer(parts, process);
    }
  }

  /** The path between two ends, by name; it lasts for the whole run, across restarts of its process. */
  path(name: string): Path {
    let path = this.#paths.get(name);
    if (path === undefined) {
      path = new Path();
      this.#paths.set(name, path);
    }
    return path;
  }

  /** All paths, in a fixed order. */
  pathNames(): readonly string[] {
    return [...this.#paths.keys()].sort();
  }

  gatewayAt(index: number): SimulatedGateway | undefined {
    return this.#gateways[index % this.#gateways.length];
  }

  engineAt(index: number): SimulatedEngine | undefined {
    return this.#engines[index % this.#engines.length];
  }

  startGateway(index: number): void {
    const { world, plan, redis, log, ledger } = this;
    const process = this.#newProcess(`gateway ${index}`);
    this.#gatewayProcesses.push(process);
    const paths = {
      redis: this.path(`gateway ${index} to Redis`),
      log: this.path(`gateway ${index} to the log`),
      ledger: this.path(`gateway ${index} to Postgres`),
    };
    world.after(0, process, () => {
      const terms = { ...plan, leaseMs: this.#leaseMsOf(`gateway ${index}`), log: this.#logger };
      this.#gateways[index] = new SimulatedGateway(world, process, { redis, log, ledger }, paths, terms);
    });
  }

  startEngine(index: number): void {
    const { plan, world, redis, log, ledger } = this;
    const process = this.#newProcess(`engine ${index}`);
    const paths = {
      ledger: this.path(`engine ${index} to Postgres`),
      redis: this.path(`engine ${index} to Redis`),
      log: this.path(`engine ${index} to the log`),
    };
    const { partitions, clockStopMs } = plan;
    world.after(0, process, () => {
      const terms = {
        leaseMs: this.#leaseMsOf(`engine ${index}`),
        partitions,
        clockStopMs,
        rankedAtOnce: plan.rankedAtOnce,
        shelveAfterMs: plan.shelveAfterMs,
        claimsAtOnce: plan.claimsAtOnce,
        movesAtOnce: plan.movesAtOnce,
        drawnAtOnce: plan.drawnAtOnce,
        sharedFrom: plan.sharedFrom,
        seed: plan.seed,
        tally: this.tally,
        log: this.#logger,
      };
      this.#engines[index] = new SimulatedEngine(process, { redis, log, ledger }, paths, terms);
    });
  }

  /** The names of all configurable processes, as they appear in the names of paths. */
  get processNames(): readonly string[] {
    return [
      ...this.#engines.map((_, index) => `engine ${index}`),
      ...this.#gateways.map((_, index) => `gateway ${index}`),
    ];
  }

  /** Restarts a process with another LEASE_MS, for good or by mistake; undefined ends the mistake. */
  restartWith(name: string, leaseMs: number | undefined, isForGood = false): void {
    if (leaseMs === undefined) this.#wrongLeaseMs.delete(name);
    else (isForGood ? this.#changedLeaseMs : this.#wrongLeaseMs).set(name, leaseMs);
    const [kind, number] = name.split(' ');
    const index = Number(number);
    const isGateway = kind === 'gateway';
    // A process that is away takes the value when it comes back.
    if ((isGateway ? this.gatewayAt(index) : this.engineAt(index)) === undefined) return;
    const awayUs = this.world.random.between(RESTART_US / 10, RESTART_US);
    if (isGateway) this.crashGateway(index);
    else this.crashEngine(index);
    this.world.after(awayUs, this.world.outside, () =>
      isGateway ? this.startGateway(index) : this.startEngine(index),
    );
  }

  #leaseMsOf(name: string): number {
    return this.#wrongLeaseMs.get(name) ?? this.#changedLeaseMs.get(name) ?? this.plan.leaseMs;
  }

  /** Kills the process. */
  crashGateway(index: number): void {
    const gateway = this.gatewayAt(index);
    if (gateway === undefined) return;
    gateway.crash();
    this.#gateways[index % this.#gateways.length] = undefined;
    this.world.after(NOTICED_US / 2, this.world.outside, () => this.ledger.forget(gateway.process));
  }

  stopGateway(index: number): void {
    const gateway = this.gatewayAt(index);
    if (gateway === undefined) return;
    this.#gateways[index % this.#gateways.length] = undefined;
    this.world.after(0, gateway.process, async () => {
      await gateway.stop();
      this.ledger.forget(gateway.process);
    });
  }

  crashEngine(index: number): void {
    const engine = this.engineAt(index);
    if (engine === undefined) return;
    const { process } = engine;
    process.isDead = true;
    this.#engines[index % this.#engines.length] = undefined;
    this.world.after(this.world.random.between(0, NOTICED_US), this.world.outside, () => {
      this.ledger.forget(process);
      this.log.expel(process);
    });
  }

  /** Pauses the process. If it is silent for too long, it loses its partitions and joins again when it continues. */
  pauseEngine(index: number, forUs: number, clocksStand: boolean): void {
    const engine = this.engineAt(index);
    if (engine === undefined) return;
    const { process, consumer } = engine;
    if (clocksStand) process.suspend(forUs);
    else process.pause(forUs);
    if (forUs < SESSION_US) return;
    this.world.after(SESSION_US, this.world.outside, () => {
      if (process.pausedUntilUs > this.world.nowUs) this.log.expel(process);
    });
    this.world.after(forUs, process, () => consumer.joinAgain());
  }

  /** The scores of a campaign's ranks. */
  ranks(campaignId: number): ReadonlyMap<string, number> {
    return this.redis.state.scores(KEYS.campaign(campaignId).rank);
  }

  /** What Redis has of a campaign: the names of its keys, and whether it is on the board. */
  heldOf(campaignId: number): readonly string[] {
    const { state } = this.redis;
    const keys = Object.values(KEYS.campaign(campaignId)).filter(key => state.has(key));
    const record = state.call('hget', [KEYS.boardCampaigns, String(campaignId)], this.world.nowUs);
    return record === null ? keys : [...keys, 'a record on the board'];
  }

  /** The code of a basket: a fixed one, or the one that a campaign granted to the user. */
  readonly codeOf = ({ of, userId }: Pick<Shopping, 'of' | 'userId'>): string | undefined => {
    if ('code' in of) return of.code;
    const grants = this.ledger.tables.grants.rows();
    return grants.find(grant => grant.campaignId === of.campaignId && grant.userId === userId)?.code;
  };

  /** The id of a code's coupon; undefined while it does not exist. */
  couponIdOf(code: string): number | undefined {
    return this.ledger.tables.coupons.rows().find(coupon => coupon.code === code)?.couponId;
  }

  /**
   * Records whether the service is available and reports can be taken in: all servers are up, and at least one gateway and one
   * engine are running.
   */
  noteOutage(): void {
    const { world, checker, redis, log, ledger } = this;
    const isAtWork = (part: { readonly process: Process } | undefined): boolean =>
      part !== undefined && part.process.pausedUntilUs <= world.nowUs;
    const isReachable =
      redis.server.isUp &&
      log.server.isUp &&
      ledger.server.isUp &&
      this.#gateways.some(isAtWork) &&
      this.#engines.some(isAtWork);
    checker.outages.note(world.nowUs, isReachable);
    checker.reports.note(world.nowUs, isReachable && !areReportsTaken(ledger.tables));
    for (const gateway of this.#gateways) gateway?.noteIdentity(world.nowUs);
  }

  #newProcess(name: string): Process {
    const { random } = this.world;
    this.#born += 1;
    const rate = 1 + (2 * random.next() - 1) * this.plan.drift;
    return new Process(this.world, `${name} (${this.#born})`, {
      rate,
      offsetUs: random.between(1, 9_000_000),
    });
  }
}
