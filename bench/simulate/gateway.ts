/**
 * A gateway in the simulator: production's clock, board, lookups, places, door, watchers, streams, lease and pipeline,
 * put together as gateway/gateway.ts does, over the simulated Redis and log. HTTP is left out: requests come as calls
 * of production's handlers (http.ts), and a ticket is believed.
 */
import { type Logger, pino } from 'pino';
import { KeyRing } from '../../engine/contract/key-ring.ts';
import { SliceTree } from '../../engine/contract/slice-tree.ts';
import { AcceptedAnswers } from '../../gateway/accepted-answer.ts';
import { Board } from '../../gateway/board.ts';
import { postClaim } from '../../gateway/claim.ts';
import { ClaimMoves } from '../../gateway/claim-moves.ts';
import { monotonicUs, SharedClock } from '../../gateway/clock.ts';
import { ClockLimits } from '../../gateway/clock-limits.ts';
import { type GatewayConfig, readGatewayConfig } from '../../gateway/config.ts';
import { Doorkeeper } from '../../gateway/door.ts';
import { type EntryParts, postEntry } from '../../gateway/entries.ts';
import { Etas } from '../../gateway/eta.ts';
import { Hmac } from '../../gateway/hmac.ts';
import { KeptReceipts } from '../../gateway/kept-receipts.ts';
import { Ledger as ColdLedger, LedgerUnavailable } from '../../gateway/ledger.ts';
import { Lookups } from '../../gateway/lookups.ts';
import { Membership } from '../../gateway/membership.ts';
import { Metrics } from '../../gateway/metrics.ts';
import { deleteEntry, getEntry } from '../../gateway/own-entry.ts';
import { Places } from '../../gateway/places.ts';
import { Presence } from '../../gateway/presence.ts';
import { Watchers } from '../../gateway/queue.ts';
import { Reply } from '../../gateway/reply.ts';
import { RequestStarts } from '../../gateway/request-start.ts';
import { Streams } from '../../gateway/streams.ts';
import { type Ticket, TicketVerifier } from '../../gateway/ticket.ts';
import { TicketBatch } from '../../gateway/ticket-batch.ts';
import { TrustedProxies } from '../../gateway/trusted-proxies.ts';
import type { Pool, Queryable } from '../../sql/database.ts';
import { type Asked, Exchange, headOf, PROXY, type Receiver, requestOf } from './http.ts';
import type { Ledger } from './ledger.ts';
import type { SimulatedLog } from './log.ts';
import type { Path } from './network.ts';
import { KEYS, SimulatedRanker, type SimulatedRedis } from './redis.ts';
import type { Process, World } from './world.ts';

const CLOCK_INTERVAL_MS = 600;
const BOARD_INTERVAL_MS = 160;
const THROUGH_MS = 200;
const PRESENCE_MS = 250;
const SECRET = 'a secret that no ticket is checked against';
export const SALT_SECRET = 'a secret of salts, for the simulator only';
/** Ed25519 in PKCS#8 (RFC 8410, section 7); the key itself is of no account. */
const SIGNING_KEY = Buffer.concat([
  Buffer.from('302e020100300506032b657004220420', 'hex'),
  Buffer.alloc(32, 1),
]);

/** Counts, and is never read: one for all gateways of this process, as it watches the process itself. */
const metrics = new Metrics({
  connections: () => 0,
  watchers: () => 0,
  waiting: () => 0,
  clockErrorUs: () => 0,
  clockLevel: () => 'ok',
  signing: () => 1,
});

const noProxies = new TrustedProxies([]);
const oneProxy = new TrustedProxies([{ address: PROXY, bits: 32, family: 'ipv4' }]);

const silent = pino({ level: 'silent' });
/** Shared by all, as reading a key takes longer than most of what a gateway does here. */
const ring = new KeyRing({ SIGNING_KEYS_DIR: '', SIGNING_KEY: SIGNING_KEY.toString('base64') }, silent);
/** What a gateway has without a ledger; where nothing is signed it has the same with one, and needs less memory. */
const noReceipts = new KeptReceipts(
  new ColdLedger({ databaseUrl: '', timeoutMs: 500, log: silent }),
  SALT_SECRET,
  silent,
);

class SimulatedVerifier extends TicketVerifier {
  override verify(ticket: string): Ticket {
    return { state: 'valid', userId: ticket };
  }
}

/** One for all: a tree is built and read in one go. */
const tree = new SliceTree(SALT_SECRET);

/** By what a plan sets of it, as checking it takes longer than most of what a gateway does here. */
const configs = new Map<string, GatewayConfig>();

function configOf({ leaseMs, partitions }: GatewayTerms): GatewayConfig {
  const name = `${leaseMs}/${partitions}`;
  const known = configs.get(name);
  if (known !== undefined) return known;
  const config = readGatewayConfig({
    TICKET_SECRET: SECRET,
    REDIS_URL: 'redis://simulated',
    RECEIPTS: 'off',
    RECEIPT_SALT_SECRET: SALT_SECRET,
    LEASE_MS: String(leaseMs),
    LOG_PARTITIONS: String(partitions),
    WATCHER_RETRY_MS: '100',
  });
  configs.set(name, config);
  return config;
}

const verifier = new SimulatedVerifier(new Hmac(SECRET), 'simulated');

/** Takes every ticket, and finds none wrong. */
class SimulatedTicketBatch extends TicketBatch {
  override take(ticket: string): string {
    return ticket;
  }
}

const tickets = new SimulatedTicketBatch(verifier, SECRET);

/** Production's way to Postgres, over the simulated one. */
class SimulatedColdLedger extends ColdLedger {
  readonly #pool: Pool;

  constructor(pool: Pool, log: Logger) {
    super({ databaseUrl: '', timeoutMs: 500, log });
    this.#pool = pool;
  }

  override async ask<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    try {
      return await work(this.#pool);
    } catch (error) {
      throw new LedgerUnavailable('it did not answer', { cause: error });
    }
  }
}

export interface GatewayTerms {
  readonly leaseMs: number;
  readonly partitions: number;
  readonly maxSliceEntries: number;
  /** How far promises stay behind the time; 0 where no proxy is trusted. */
  readonly waitMs: number;
  /** Beyond so much of a doubt about the time nothing is stamped. */
  readonly clockStopMs: number;
  readonly signs: boolean;
  readonly log: Logger;
}

export class SimulatedGateway {
  readonly process: Process;
  readonly #world: World;
  readonly #parts: EntryParts;
  readonly #streams: Streams;
  readonly #watchers: Watchers;
  readonly #membership: Membership;
  readonly #exchanges = new Set<Exchange>();
  #isStopping = false;

  /** To be made in an event of its own process. */
  constructor(
    world: World,
    process: Process,
    servers: { readonly redis: SimulatedRedis; readonly log: SimulatedLog; readonly ledger: Ledger },
    paths: { readonly redis: Path; readonly log: Path; readonly ledger: Path },
    terms: GatewayTerms,
  ) {
    this.process = process;
    this.#world = world;
    const { log, leaseMs, partitions, maxSliceEntries, waitMs, clockStopMs, signs } = terms;
    const connection = servers.redis.clientFor(process, paths.redis);
    const redis = connection.client;
    const clock = new SharedClock();
    const board = new Board(redis, KEYS);
    const lookups = new Lookups(redis, KEYS, board);
    const places = new Places({ redis, keys: KEYS, board, log });
    const moves = new ClaimMoves({ redis, keys: KEYS, board, log });
    const claimants = { moves, nowUs: () => (clock.synchronised ? clock.now() : world.nowUs) };
    const etas = new Etas(board);
    const presence = new Presence({
      redis,
      keys: KEYS,
      board,
      identity: () => this.#membership.identity,
    });
    const door = new Doorkeeper({ redis, keys: KEYS, board, metrics, log });
    this.#watchers = new Watchers({
      board,
      lookups,
      places,
      claimants,
      presence,
      etas,
      metrics,
      eventsPerSecond: 1,
      commentMs: 600_000,
    });
    this.#membership = new Membership({
      board,
      clock,
      producer: servers.log.producerFor(process, paths.log),
      redis,
      ranker: new SimulatedRanker(connection),
      tickets,
      keys: KEYS,
      log,
      name: process.name,
      leaseMs,
      partitions,
      maxSliceEntries,
      promiseBehindUs: waitMs * 1000,
      ...(signs ? { signing: { keys: ring, tree } } : {}),
      sliceAppended: () => undefined,
    });
    this.#parts = {
      config: configOf(terms),
      board,
      clock,
      membership: this.#membership,
      lookups,
      places,
      claimants,
      etas,
      door,
      metrics,
      verifier,
      tickets,
      answers: new AcceptedAnswers(),
      clockLimits: new ClockLimits(clock, { warnMs: clockStopMs, stopMs: clockStopMs }),
      requestStarts: new RequestStarts({ clock, proxies: waitMs === 0 ? noProxies : oneProxy, metrics }),
      receipts: signs ? this.#receiptsOf(servers.ledger.poolFor(process, paths.ledger), log) : noReceipts,
    };
    this.#streams = new Streams(this.#parts, this.#watchers);
    this.#repeat(CLOCK_INTERVAL_MS, async () => {
      const askedUs = monotonicUs();
      const [seconds, micros] = await redis.time();
      clock.sample({
        askedUs,
        heardUs: monotonicUs(),
        redisUs: Number(seconds) * 1_000_000 + Number(micros),
      });
    });
    this.#repeat(BOARD_INTERVAL_MS, () => board.refresh());
    this.#repeat(THROUGH_MS, async () => this.#membership.pipeline()?.tellThrough());
    this.#repeat(PRESENCE_MS, () => presence.tell());
    this.#membership.start();
  }

  /** A request has arrived; to be called in an event of its process. */
  request(asked: Asked, receiver: Receiver): Exchange {
    const exchange = new Exchange(receiver);
    this.#exchanges.add(exchange);
    const parts = this.#parts;
    const arrivedUs = parts.clock.synchronised ? parts.clock.next() : 0;
    const reply = new Reply(exchange.response);
    this.#handle(asked, reply, arrivedUs)?.catch((error: unknown) => this.#world.fail(error));
    if (asked.bodyAfterUs !== undefined) {
      this.#world.after(asked.bodyAfterUs, this.process, () => exchange.deliver('{}'));
    }
    return exchange;
  }

  /** Stops in good order, as a rollout does. */
  async stop(): Promise<void> {
    await this.#membership.stop();
    this.#isStopping = true;
    this.#watchers.close();
    for (const exchange of this.#exchanges) exchange.abort();
    this.process.isDead = true;
  }

  /** The process is gone: it does nothing more, and whoever is connected to it notices. */
  crash(): void {
    this.process.isDead = true;
    for (const exchange of this.#exchanges) exchange.lose();
  }

  #receiptsOf(pool: Pool, log: Logger): KeptReceipts {
    return new KeptReceipts(new SimulatedColdLedger(pool, log), SALT_SECRET, log);
  }

  #handle(asked: Asked, reply: Reply, arrivedUs: number): void | Promise<void> {
    const parts = this.#parts;
    const head = headOf(asked);
    const req = requestOf(asked);
    switch (asked.what) {
      case 'enter':
        return postEntry(parts, reply, req, head, arrivedUs);
      case 'withdraw':
        return deleteEntry(parts, reply, req, head);
      case 'look':
        return getEntry(parts, reply, req, head);
      case 'claim':
        return postClaim(parts, reply, req, head);
      case 'watch':
        return this.#streams.open(reply, req, head);
    }
  }

  #repeat(intervalMs: number, work: () => Promise<void>): void {
    const run = (): void => {
      work()
        .catch(() => undefined)
        .finally(() => {
          if (!this.#isStopping) setTimeout(run, intervalMs);
        });
    };
    run();
  }
}
