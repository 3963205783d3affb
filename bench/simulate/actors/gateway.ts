/**
 * A gateway in the simulator: production's assembly (gateway/assembly.ts) and routes, over the simulated Redis, log and
 * Postgres. There are no sockets: a request is a call of production's route (models/http.ts). Tickets are not verified.
 */

import type { HttpRequest } from 'uWebSockets.js';
import { type Logger, pino } from 'pino';
import { KeyRing } from '../../../engine/contract/keys/key-ring.ts';
import { SliceTree } from '../../../engine/contract/record/slice-tree.ts';
import { type AssembledGateway, assembleGateway, type GatewayIntervals } from '../../../gateway/assembly.ts';
import { Ledger as ColdLedger } from '../../../gateway/cold/ledger.ts';
import { type GatewayConfig, readGatewayConfig } from '../../../gateway/config.ts';
import { type Method, routesOf, runHandler } from '../../../gateway/http/routes.ts';
import { Metrics, OF_NOBODY } from '../../../gateway/metrics.ts';
import { Hmac } from '../../../gateway/ticket/hmac.ts';
import { type Ticket, TicketVerifier } from '../../../gateway/ticket/ticket.ts';
import { TicketBatch } from '../../../gateway/ticket/ticket-batch.ts';
import type { SeenGateway } from '../checks/checker-presence.ts';
import type { Path } from '../kernel/network.ts';
import type { Process, World } from '../kernel/world.ts';
import {
  type ClientRequest,
  Exchange,
  PROXY,
  type Receiver,
  requestOf,
  routeOf,
  SHOP_TOKEN,
  type ShopCall,
  shopRequestOf,
  shopRouteOf,
} from '../models/http.ts';
import type { Ledger } from '../models/ledger/ledger.ts';
import type { SimulatedLog } from '../models/log.ts';
import { KEYS, SimulatedRanker, type SimulatedRedis } from '../models/redis/redis.ts';

/** Less frequent than in production, or this would be most of a run. */
const INTERVALS: GatewayIntervals = {
  clock: 600,
  boardBusy: 160,
  boardIdle: 160,
  throughBusy: 200,
  throughIdle: 200,
  confirm: 250,
  presence: 250,
};
/** The body of a shop's request follows its head by this much. */
const BODY_US = 20;
const SECRET = 'a secret that no ticket is checked against';
export const SALT_SECRET = 'a secret of salts, for the simulator only';
/** Ed25519 in PKCS#8 (RFC 8410, section 7); the value of the key does not matter. */
const SIGNING_KEY = Buffer.concat([
  Buffer.from('302e020100300506032b657004220420', 'hex'),
  Buffer.alloc(32, 1),
]).toString('base64');

/** Never read; one for all gateways of this process. */
const metrics = new Metrics(OF_NOBODY);

const silent = pino({ level: 'silent' });
/** Shared by all: reading a key takes longer than most of what a gateway does here. */
const ring = new KeyRing({ SIGNING_KEYS_DIR: '', SIGNING_KEY }, silent);
const tree = new SliceTree(SALT_SECRET);

class SimulatedVerifier extends TicketVerifier {
  override verify(ticket: string): Ticket {
    return { state: 'valid', userId: ticket };
  }
}

const verifier = new SimulatedVerifier(new Hmac(SECRET), 'simulated');

/** Accepts every ticket. */
class SimulatedTicketBatch extends TicketBatch {
  override take(ticket: string): string {
    return ticket;
  }
}

const tickets = new SimulatedTicketBatch(verifier, SECRET);

export interface GatewayTerms {
  readonly leaseMs: number;
  readonly partitions: number;
  readonly maxSliceEntries: number;
  /** How far promises lag behind the time; 0 if no proxy is trusted. */
  readonly waitMs: number;
  /** The error bound above which the gateway stamps nothing. */
  readonly clockStopMs: number;
  readonly signs: boolean;
  readonly remembers: boolean;
  readonly movesAtOnce: number | undefined;
  readonly log: Logger;
}

/** Cached by the plan's values: checking a config takes longer than most of what a gateway does here. */
const configs = new Map<string, GatewayConfig>();

function configOf(terms: GatewayTerms): GatewayConfig {
  const { leaseMs, partitions, maxSliceEntries, waitMs, clockStopMs, signs, remembers } = terms;
  const name = [leaseMs, partitions, maxSliceEntries, waitMs, clockStopMs, signs, remembers].join('/');
  const known = configs.get(name);
  if (known !== undefined) return known;
  const config = readGatewayConfig({
    TICKET_SECRET: SECRET,
    SHOP_TOKEN,
    REDIS_URL: 'redis://simulated',
    DATABASE_URL: 'postgres://simulated/simulated',
    RECEIPTS: signs ? 'on' : 'off',
    RECEIPT_SALT_SECRET: SALT_SECRET,
    SIGNING_KEY,
    LEASE_MS: String(leaseMs),
    LOG_PARTITIONS: String(partitions),
    MAX_SLICE_ENTRIES: String(maxSliceEntries),
    TRUSTED_PROXIES: waitMs === 0 ? '' : PROXY,
    REQUEST_START_WAIT_MS: String(waitMs),
    CLOCK_WARN_MS: '5',
    CLOCK_STOP_MS: String(clockStopMs),
    WATCHER_EVENTS_PER_SECOND: '1',
    WATCHER_COMMENT_MS: '600000',
    WATCHER_RETRY_MS: '100',
    // Few, so that some are forgotten.
    REMEMBERED_ENTRANTS: remembers ? '32' : '0',
    // As many as there are concurrent requests.
    REPEATS_PER_SECOND_PER_USER: '100',
  });
  configs.set(name, config);
  return config;
}

export class SimulatedGateway implements SeenGateway {
  readonly process: Process;
  readonly leaseMs: number;
  readonly #world: World;
  readonly #assembled: AssembledGateway;
  readonly #routes: ReturnType<typeof routesOf>;
  readonly #exchanges = new Set<Exchange>();
  #seenAs: number | undefined;
  #servesFromUs: number | undefined;
  #servedUntilUs: number | undefined;

  /** Call this in an event of its own process. */
  constructor(
    world: World,
    process: Process,
    servers: { readonly redis: SimulatedRedis; readonly log: SimulatedLog; readonly ledger: Ledger },
    paths: { readonly redis: Path; readonly log: Path; readonly ledger: Path },
    terms: GatewayTerms,
  ) {
    this.process = process;
    this.leaseMs = terms.leaseMs;
    this.#world = world;
    const { log } = terms;
    const config = configOf(terms);
    const connection = servers.redis.clientFor(process, paths.redis);
    const pool = servers.ledger.poolFor(process, paths.ledger);
    const ledger = new ColdLedger({
      databaseUrl: config.DATABASE_URL,
      timeoutMs: config.LEDGER_TIMEOUT_MS,
      log,
      open: () => pool,
    });
    this.#assembled = assembleGateway({
      config,
      name: process.name,
      log,
      keys: KEYS,
      servers: {
        redis: connection.client,
        ranker: new SimulatedRanker(connection),
        producer: servers.log.producerFor(process, paths.log),
        ledger,
        downloads: ledger,
      },
      intervals: INTERVALS,
      verifier,
      tickets,
      ring,
      tree,
      metricsOf: () => metrics,
      failed: error => world.fail(error),
      lapsedAtOnce: terms.movesAtOnce,
    });
    this.#routes = routesOf(this.#assembled.app.routes);
  }

  /** The incarnation under which it serves; undefined while it does not serve. */
  get identity():
    | { readonly gateway: number; readonly incarnation: number; readonly epoch: number }
    | undefined {
    const { gateway, identity } = this.#assembled.membership;
    return gateway === undefined || identity === undefined ? undefined : { gateway, ...identity };
  }

  get servesFromUs(): number | undefined {
    return this.#servesFromUs;
  }

  get servedUntilUs(): number | undefined {
    return this.#servedUntilUs;
  }

  get stoodUntilUs(): number {
    return this.process.stoodUntilUs;
  }

  /** Records its incarnation; call this after every event. */
  noteIdentity(nowUs: number): void {
    const incarnation = this.identity?.incarnation;
    if (incarnation === this.#seenAs) return;
    if (this.#seenAs !== undefined) this.#servedUntilUs = nowUs;
    this.#servesFromUs = incarnation === undefined ? undefined : nowUs;
    this.#seenAs = incarnation;
  }

  /** Why it does not serve, in its own words, if that needs an operator. */
  get hindrance(): string | undefined {
    return this.#assembled.membership.hindrance;
  }

  /** A request has arrived; call this in an event of its process. */
  request(request: ClientRequest, receiver: Receiver): Exchange {
    const exchange = this.#handle(routeOf(request), requestOf(request), receiver);
    if (request.bodyAfterUs !== undefined) {
      this.#world.after(request.bodyAfterUs, this.process, () => exchange.deliver('{}'));
    }
    return exchange;
  }

  /** A shop has sent a request. */
  shop(call: ShopCall, receiver: Receiver): void {
    const exchange = this.#handle(shopRouteOf(call), shopRequestOf(call), receiver);
    if (call.body !== '') this.#world.after(BODY_US, this.process, () => exchange.deliver(call.body));
  }

  #handle([method, path]: readonly [Method, string], request: HttpRequest, receiver: Receiver): Exchange {
    const exchange = new Exchange(receiver);
    this.#exchanges.add(exchange);
    const handler = this.#routes[path]?.[method];
    if (handler === undefined) throw new RangeError(`the gateway has no route ${method} ${path}`);
    runHandler(this.#assembled.app.handling, handler, exchange.response, request);
    return exchange;
  }

  /** Stops gracefully, as in a rollout. */
  async stop(): Promise<void> {
    await this.#assembled.stop();
    for (const exchange of this.#exchanges) exchange.abort();
    this.process.isDead = true;
  }

  /** The process is gone: it does nothing more, and its clients notice. */
  crash(): void {
    this.process.isDead = true;
    for (const exchange of this.#exchanges) exchange.lose();
  }
}
