/**
 * An engine in the simulator: production's intake, passes, keeper of the registry and operator's close, put together as
 * engine/judge.ts does, over the simulated ledger, Redis and log.
 */
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { announcementOf, plainDraw } from '../../engine/announce.ts';
import { toBoard } from '../../engine/api/board-campaign.ts';
import { closeCampaign, resumeCloses } from '../../engine/api/close.ts';
import { publishBoard } from '../../engine/contract/board/board.ts';
import type { RedisClient } from '../../engine/contract/redis.ts';
import { commitmentOf, deriveSecret } from '../../engine/draw/commit.ts';
import { makeIntake } from '../../engine/intake.ts';
import { type LockName, Locks } from '../../engine/locks.ts';
import { Loop } from '../../engine/loop.ts';
import { Passes } from '../../engine/passes.ts';
import { Randomness } from '../../engine/randomness.ts';
import { RegistryKeeper } from '../../engine/registry.ts';
import { createCampaign } from '../../sql/campaigns.ts';
import { type Pool, transaction } from '../../sql/database.ts';
import { createRoom } from '../../sql/rooms.ts';
import type { Announced } from './checker.ts';
import { SALT_SECRET } from './gateway.ts';
import type { Ledger } from './ledger.ts';
import type { SimulatedConsumer, SimulatedLog } from './log.ts';
import type { Path } from './network.ts';
import { KEYS, type SimulatedRedis } from './redis.ts';
import type { Process } from './world.ts';

/** Also how far apart passes are at least: with every batch another one, they would be most of a run. */
const PASS_MS = 160;
const KEEPER_MS = 220;
const TIDY_MS = 1_000;
const DRAW_SECRET = 'a secret of draws, for the simulator only';
/** Nobody uses a pass, so its end is what frees a place. */
const PASS_TTL_MS = 1_000;
/** Drawn behind the winners of a raffle. */
const ALTERNATES = 2;

export interface EngineTerms {
  readonly leaseMs: number;
  readonly partitions: number;
  /** Makes what is drawn depend on the seed alone. */
  readonly seed: number;
  readonly log: Logger;
}

/** Advisory locks as one process has them, at the simulated server. */
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
    if (!server.isUp) throw new Error('the connection that holds locks was lost');
    return this.#ledger.take(nameOf(lock), this.#process);
  }

  override async release(lock: LockName): Promise<void> {
    this.#ledger.release(nameOf(lock), this.#process);
  }
}

/** Commitments that a seed repeats: production's nonces are of the machine's own randomness. */
class SimulatedRandomness extends Randomness {
  readonly #seed: number;

  constructor(seed: number, log: Logger) {
    super({ drawSecret: DRAW_SECRET, drandDelayMs: 0, relays: [], log });
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
  readonly #pool: Pool;
  readonly #redis: RedisClient;
  readonly #terms: EngineTerms;
  readonly #randomness: SimulatedRandomness;

  /** To be made in an event of its own process. */
  constructor(
    process: Process,
    servers: { readonly ledger: Ledger; readonly redis: SimulatedRedis; readonly log: SimulatedLog },
    paths: { readonly ledger: Path; readonly redis: Path; readonly log: Path },
    terms: EngineTerms,
  ) {
    this.process = process;
    this.#terms = terms;
    const { log, leaseMs, partitions } = terms;
    this.#randomness = new SimulatedRandomness(terms.seed, log);
    const pool = servers.ledger.poolFor(process, paths.ledger);
    const redis = servers.redis.clientFor(process, paths.redis).client;
    this.#pool = pool;
    this.#redis = redis;
    this.consumer = servers.log.consumerFor(process, paths.log, log);
    const raffles = { randomness: this.#randomness, saltSecret: SALT_SECRET };
    const settling = { pool, raffles, onDecided: () => undefined };
    const passes = new Passes({ pool, redis, keys: KEYS, settling, log }, () => passLoop.request());
    const passLoop = this.#loop(PASS_MS, async () => ((await passes.run()).more ? 0 : PASS_MS));
    const keeper = new RegistryKeeper({
      pool,
      redis,
      keys: KEYS,
      locks: new SimulatedLocks(servers.ledger, process),
      producer: servers.log.producerFor(process, paths.log),
      logName: this.consumer.name,
      partitions,
      leaseMs,
      log,
    });
    this.#loop(KEEPER_MS, async () => {
      await keeper.tick();
      return KEEPER_MS;
    });
    this.#loop(TIDY_MS, async () => {
      await resumeCloses(this.#closing());
      return TIDY_MS;
    });
    const intake = makeIntake({ pool, logName: this.consumer.name, log, onBatch: () => passLoop.request() });
    this.consumer.run(intake).catch((error: unknown) => log.error({ err: error }, 'the log is not consumed'));
  }

  /** The operator makes the campaigns that were announced. */
  async create(announced: readonly Announced[]): Promise<void> {
    for (const { kind, places, opensAtUs, closesAtUs, claims, room } of announced) {
      const times = { opensAt: new Date(opensAtUs / 1000), closesAt: new Date(closesAtUs / 1000) };
      const campaign = { kind, places, title: 'simulated', ...times };
      const draw = kind === 'raffle' ? { ...plainDraw(places), alternates: ALTERNATES } : undefined;
      if (room !== undefined) {
        await transaction(this.#pool, async db => {
          const { campaignId } = await createCampaign(db, campaign);
          const { perSecond, capacity, graceMs } = room;
          const times = { graceMs, passMs: PASS_TTL_MS, visitMs: null };
          await createRoom(db, campaignId, {
            perSecond,
            capacity,
            ...times,
            paused: false,
            singleUse: false,
          });
        });
        continue;
      }
      await createCampaign(this.#pool, campaign, id =>
        announcementOf(this.#randomness, id, campaign, draw, claims),
      );
    }
  }

  /** The operator closes a campaign ahead of time; what cannot be done now, the operator's client gives up. */
  async close(campaignId: number): Promise<void> {
    try {
      await closeCampaign(this.#closing(), campaignId, new AbortController().signal);
    } catch (error) {
      this.#terms.log.info({ err: error, campaignId }, 'the operator was refused');
    }
  }

  #closing(): Parameters<typeof resumeCloses>[0] {
    const { leaseMs, log } = this.#terms;
    return {
      pool: this.#pool,
      leaseMs,
      log,
      publish: campaigns => publishBoard(this.#redis, KEYS, { campaigns: campaigns.map(toBoard) }),
      nowUs: async () => {
        const [seconds, micros] = await this.#redis.time();
        return Number(seconds) * 1_000_000 + Number(micros);
      },
    };
  }

  #loop(minGapMs: number, work: () => Promise<number>): Loop {
    const { log } = this.#terms;
    const loop = new Loop({
      work,
      minGapMs,
      onError: (err, failures) => log.debug({ err, failures }, 'a turn failed'),
      onRecovered: () => undefined,
    });
    loop.start();
    return loop;
  }
}
