/**
 * How a gateway is put together from clock, board, lookups, lease, pipeline, watchers and what its handlers need. The servers
 * are given: gateway.ts gives those that its configuration names, and the simulator (bench/simulate) gives its own. So
 * what is simulated is what runs.
 */
import type { Logger } from 'pino';
import type { KeyRing } from '../engine/contract/key-ring.ts';
import type { Keys } from '../engine/contract/keys.ts';
import type { LogProducer } from '../engine/contract/log/log.ts';
import type { RedisClient } from '../engine/contract/redis.ts';
import type { SliceTree } from '../engine/contract/slice-tree.ts';
import { readCodeNow } from '../sql/coupons.ts';
import { Board } from './board.ts';
import { ClaimMoves } from './claim-moves.ts';
import { monotonicUs, SharedClock } from './clock.ts';
import { ClockLimits } from './clock-limits.ts';
import { sampleClock } from './clock-sample.ts';
import type { GatewayConfig } from './config.ts';
import { CouponDesk } from './coupons/desk.ts';
import { CouponReads } from './coupons/reads.ts';
import { Deadlines } from './deadlines.ts';
import { Doorkeeper } from './door.ts';
import { entryParts } from './entry-parts.ts';
import { Etas } from './eta.ts';
import type { Ledger } from './ledger.ts';
import { Lookups } from './lookups.ts';
import { Membership } from './membership.ts';
import type { LiveMetrics, Metrics } from './metrics.ts';
import { PassTokens } from './pass-tokens.ts';
import { Places } from './places.ts';
import { Presence } from './presence.ts';
import { Watchers } from './queue.ts';
import type { Ranker } from './rank.ts';
import { strangeKind } from './requests.ts';
import type { RouteParts } from './routes.ts';
import { ShelvedCampaigns } from './shelved.ts';
import { ShopToken } from './shop.ts';
import { Streams } from './streams.ts';
import type { TicketVerifier } from './ticket.ts';
import type { TicketBatch } from './ticket-batch.ts';
import { TrustedProxies } from './trusted-proxies.ts';

/** How often a gateway does what nobody asks it for, ms. */
export interface GatewayIntervals {
  readonly clock: number;
  /** While a campaign is open or waits to be settled ... */
  readonly boardBusy: number;
  /** ... and otherwise. */
  readonly boardIdle: number;
  /** An idle gateway moves the watermark this often while a campaign is open or waits to be settled ... */
  readonly throughBusy: number;
  /** ... and this often otherwise: a record costs the log and the ledger something each. */
  readonly throughIdle: number;
  /** How soon rooms hear who came and who went; a message of Redis each time that there is news. */
  readonly presence: number;
}

/** What a gateway works with; whoever opened it closes it. */
export interface GatewayServers {
  readonly redis: RedisClient;
  /** Ranks over the same connection. */
  readonly ranker: Ranker;
  readonly producer: LogProducer;
  readonly ledger: Ledger;
}

export interface GatewayAssembly {
  readonly config: GatewayConfig;
  readonly name: string;
  readonly log: Logger;
  readonly keys: Keys;
  readonly servers: GatewayServers;
  readonly intervals: GatewayIntervals;
  /** Who decides which tickets are right: one at a time, and a slice's together. */
  readonly verifier: TicketVerifier;
  readonly tickets: TicketBatch;
  readonly ring: KeyRing;
  /** Where the trees of slices are built; a tree is built and read in one go, so gateways of one process may share it. */
  readonly tree: SliceTree;
  readonly metricsOf: (live: LiveMetrics) => Metrics;
  /** Told of a handler that failed: a defect, which is answered with 500. */
  readonly failed: (error: unknown) => void;
}

export interface AssembledGateway {
  readonly parts: RouteParts;
  /** Takes nothing more, finishes what it took, and leaves the log in good order. */
  stop(): Promise<void>;
}

/** It is at work from here on, and takes entries as soon as it has a lease. */
export function assembleGateway(assembly: GatewayAssembly): AssembledGateway {
  const { config, log, keys, servers, verifier, tickets, ring } = assembly;
  const { redis, producer, ledger } = servers;
  const signs = config.RECEIPTS === 'on';
  const clock = new SharedClock(monotonicUs, config.CLOCK_STOP_MS * 1_000);
  const clockLimits = new ClockLimits(
    clock,
    { warnMs: config.CLOCK_WARN_MS, stopMs: config.CLOCK_STOP_MS },
    () => membership.isClockHeld,
  );
  const proxies = new TrustedProxies(config.TRUSTED_PROXIES);
  const board = new Board(redis, keys);
  board.listen({
    changed: () => undefined,
    metStrangers: strangers =>
      log.warn(
        { campaigns: strangers.map(each => ({ campaignId: each.campaignId, kind: strangeKind(each) })) },
        'campaigns of kinds that this gateway does not know: it is older than the engine, answers them with 503, and serves the others',
      ),
  });
  const connections = { count: 0 };
  const metrics = assembly.metricsOf({
    connections: () => connections.count,
    watchers: () => watchers.count,
    waiting: () => membership.pipeline()?.waiting ?? 0,
    clockErrorUs: () => clock.errorBoundUs,
    clockLevel: () => clockLimits.level,
    kept: () => ({ winners: door.size, gone: places.size, moves: moves.size }),
    signing: () => (signs && ring.keyAt('slices', Date.now()) !== undefined ? 1 : 0),
  });
  const { desk, couponReads } = assembleCoupons(assembly);
  const shelved = new ShelvedCampaigns(ledger);
  const lookups = new Lookups(redis, keys, board, shelved);
  const places = new Places({ redis, keys, board, log });
  const moves = new ClaimMoves({ redis, keys, board, log });
  const claimants = { moves, deadlines: new Deadlines({ clock, metrics, log }) };
  const etas = new Etas(board);
  const presence = new Presence({ redis, keys, board, identity: () => membership.identity });
  const door = new Doorkeeper({ redis, keys, board, metrics, log });
  const watchers = new Watchers({
    board,
    lookups,
    places,
    claimants,
    presence,
    etas,
    metrics,
    eventsPerSecond: config.WATCHER_EVENTS_PER_SECOND,
    commentMs: config.WATCHER_COMMENT_MS,
  });
  const membership = new Membership({
    board,
    clock,
    producer,
    redis,
    ranker: servers.ranker,
    tickets,
    keys,
    log,
    name: assembly.name,
    leaseMs: config.LEASE_MS,
    partitions: config.LOG_PARTITIONS,
    maxSliceEntries: config.MAX_SLICE_ENTRIES,
    promiseBehindUs: proxies.some ? config.REQUEST_START_WAIT_MS * 1_000 : 0,
    ...(signs ? { signing: { keys: ring, tree: assembly.tree } } : {}),
    sliceAppended: entries => metrics.sliceAppended(entries),
  });
  const stopTimers = startTimers(assembly, { clock, board, membership, presence });
  membership.start();
  const ofEntries = entryParts(
    { config, log, ledger, ranker: servers.ranker, verifier, tickets, proxies },
    { board, shelved, clock, clockLimits, membership, lookups, places, claimants, etas, door, metrics },
  );
  const parts = {
    ...ofEntries,
    keys: ring,
    ledger,
    desk,
    couponReads,
    shopToken: new ShopToken(config.SHOP_TOKEN),
    passes: new PassTokens(ring),
    connections,
    checks: () => ({
      lease: membership.pipeline() === undefined ? `none: ${membership.hindrance ?? membership.state}` : 'ok',
      redis: redis.status === 'ready' ? 'ok' : redis.status,
      clock: clockLimits.mayStamp ? 'ok' : clockLimits.describe(),
    }),
    failed: assembly.failed,
  };
  return {
    parts: { ...parts, streams: new Streams(parts, watchers) },
    async stop() {
      // Who watches goes to another gateway at once: what is on its way here may wait for a log that is away, and a stream
      // at a gateway that serves no more is nobody's presence.
      await Promise.all([membership.stop(), watchers.close()]);
      stopTimers();
      couponReads.close();
    },
  };
}

function assembleCoupons({ config, log, keys, servers }: GatewayAssembly) {
  const { redis, ledger } = servers;
  const couponReads = new CouponReads({
    redis,
    keys,
    readCode: code => ledger.ask(db => readCodeNow(db, code)),
    pollMs: config.BOARD_INTERVAL_MS,
  });
  const desk = new CouponDesk({
    ledger,
    onChanged: couponIds => {
      // Copies elsewhere end by themselves where that is not heard.
      couponReads
        .changed(couponIds)
        .catch((error: unknown) => log.debug({ err: error }, 'no word of coupons that have changed'));
    },
  });
  return { desk, couponReads };
}

interface Timed {
  readonly clock: SharedClock;
  readonly board: Board;
  readonly membership: Membership;
  readonly presence: Presence;
}

/** The returned function ends all of them. */
function startTimers(
  { log, keys, servers, intervals }: GatewayAssembly,
  { clock, board, membership, presence }: Timed,
): () => void {
  const isBusy = (): boolean => clock.synchronised && board.busy(clock.now());
  const works: readonly (readonly [string, () => number, () => Promise<void>])[] = [
    ['clock', () => intervals.clock, () => sampleClock(servers.redis, keys.leases, clock)],
    ['board', () => (isBusy() ? intervals.boardBusy : intervals.boardIdle), () => board.refresh()],
    [
      'through',
      () => (isBusy() ? intervals.throughBusy : intervals.throughIdle),
      async () => membership.pipeline()?.tellThrough(),
    ],
    ['presence', () => intervals.presence, () => presence.tell()],
  ];
  const stops = works.map(([what, intervalMs, work]) => repeat(log, what, intervalMs, work));
  return () => {
    for (const stop of stops) stop();
  };
}

/** Does the work again and again, each time that long after the last; a failure is logged and tried again. */
function repeat(log: Logger, what: string, intervalMs: () => number, work: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const next = (): void => {
    if (!stopped) timer = setTimeout(run, intervalMs());
  };
  const run = (): void => {
    work()
      .catch((error: unknown) => log.debug({ err: error, what }, 'failed, and is tried again'))
      .finally(next);
  };
  run();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
