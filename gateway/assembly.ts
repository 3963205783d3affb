/**
 * Assembles a gateway from clock, board, lookups, lease, pipeline, watchers and the services of its handlers. The servers are
 * injected: gateway.ts passes those of its configuration, and the simulator (bench/simulate) passes its own. So the simulator
 * runs the real assembly.
 */
import type { Logger } from 'pino';
import { TrustedProxies } from '../engine/contract/clients/trusted-proxies.ts';
import type { KeyRing } from '../engine/contract/keys/key-ring.ts';
import type { LogProducer } from '../engine/contract/log/log.ts';
import type { SliceTree } from '../engine/contract/record/slice-tree.ts';
import type { Keys } from '../engine/contract/redis/keys.ts';
import type { RedisClient } from '../engine/contract/redis/redis.ts';
import { readCodeNow } from '../sql/statements/coupons/coupons.ts';
import { findShopTokens, shopTokens } from '../sql/statements/operators/shop-tokens.ts';
import { readEpoch } from '../sql/statements/progress/watermarks.ts';
import { AccountsClient } from './accounts/forward/forward.ts';
import { monotonicUs, SharedClock, shownUs } from './clock/clock.ts';
import { ClockLimits } from './clock/clock-limits.ts';
import { sampleClock } from './clock/clock-sample.ts';
import type { Ledger } from './cold/ledger.ts';
import { ShelvedCampaigns } from './cold/shelved.ts';
import type { GatewayConfig } from './config.ts';
import { CouponReads } from './coupons/reads.ts';
import { RedemptionBatcher } from './coupons/redemption-batcher.ts';
import { AdmissionControl } from './entry/admission-control.ts';
import { entryServices } from './entry/entry-parts.ts';
import type { Ranker } from './entry/rank.ts';
import { SoldOutCampaigns } from './entry/sold-out.ts';
import type { AppParts } from './http/app.ts';
import { Cors } from './http/cors.ts';
import { strangeKind } from './http/requests.ts';
import type { HandlerParts } from './http/routes.ts';
import type { LiveMetrics, Metrics } from './metrics.ts';
import { PassTokens } from './room/pass-tokens.ts';
import { type HandlerServices, routeParts } from './route-parts.ts';
import { AheadCounts } from './shared/ahead-counts.ts';
import { Board } from './shared/board.ts';
import { ClaimMoves } from './shared/claim-moves.ts';
import { EpochCheck } from './shared/epoch-check.ts';
import { Lookups } from './shared/lookups.ts';
import { Membership } from './shared/membership.ts';
import { Presence } from './shared/presence.ts';
import { EnvironmentToken } from './shops/environment-token.ts';
import { NamedTokens } from './shops/named-tokens.ts';
import { Deadlines } from './stream/deadlines.ts';
import { Etas } from './stream/eta.ts';
import { Watchers } from './stream/watchers.ts';
import type { TicketVerifier } from './ticket/ticket.ts';
import type { TicketBatch } from './ticket/ticket-batch.ts';

/** Intervals of the background work of a gateway, ms. */
export interface GatewayIntervals {
  readonly clock: number;
  /** While a campaign is open or waiting to be settled ... */
  readonly boardBusy: number;
  /** ... and otherwise. */
  readonly boardIdle: number;
  /** An idle gateway advances the watermark this often while a campaign is open or waiting to be settled ... */
  readonly throughBusy: number;
  /** ... and this often otherwise: every record costs the log and the ledger something. */
  readonly throughIdle: number;
  /** An idle gateway asks the log at most this often whether its epoch is the latest; readers of an own entry wait for that. */
  readonly confirm: number;
  /** How soon rooms learn which users came and left; one Redis message each time there is news. */
  readonly presence: number;
}

/** The servers that a gateway uses; the caller opens and closes them. */
export interface GatewayServers {
  readonly redis: RedisClient;
  /** Ranks over the same connection. */
  readonly ranker: Ranker;
  readonly producer: LogProducer;
  readonly ledger: Ledger;
  /** The same ledger, over connections of its own: see DOWNLOADS in cold/book.ts. */
  readonly downloads: Ledger;
}

export interface GatewayAssembly {
  readonly config: GatewayConfig;
  readonly name: string;
  readonly log: Logger;
  readonly keys: Keys;
  readonly servers: GatewayServers;
  readonly intervals: GatewayIntervals;
  /** Verifies tickets: one at a time, and those of a slice together. */
  readonly verifier: TicketVerifier;
  readonly tickets: TicketBatch;
  readonly ring: KeyRing;
  /** Builds the trees of slices; a tree is built and read synchronously, so gateways of one process may share it. */
  readonly tree: SliceTree;
  readonly metricsOf: (live: LiveMetrics) => Metrics;
  /** Called when a handler has failed: that is a defect, answered with 500. */
  readonly failed: (error: unknown) => void;
  /** See RedemptionBatcherOptions. */
  readonly lapsedAtOnce?: number | undefined;
}

export interface AssembledGateway {
  /** What the server in front of it uses. */
  readonly app: AppParts;
  readonly membership: Pick<Membership, 'gateway' | 'hindrance' | 'identity'>;
  /** Accepts nothing more, finishes what it has accepted, and appends its leave to the log. */
  stop(): Promise<void>;
}

/** Starts the gateway; it accepts entries as soon as it has a lease. */
export function assembleGateway(assembly: GatewayAssembly): AssembledGateway {
  const { config, log, keys, servers, verifier, tickets, ring, failed } = assembly;
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
        'unknown campaign kinds: this gateway is older than the engine; it answers these campaigns with 503 and serves all others',
      ),
  });
  const connections = { count: 0 };
  const metrics = assembly.metricsOf({
    connections: () => connections.count,
    watchers: () => watchers.count,
    waiting: () => membership.pipeline()?.waiting ?? 0,
    clockErrorUs: () => clock.errorBoundUs,
    clockLevel: () => clockLimits.level,
    kept: () => ({ winners: soldOut.size, gone: aheadCounts.size, moves: moves.size }),
    signing: () => (signs && ring.keyAt('slices', shownUs(clock) / 1_000) !== undefined ? 1 : 0),
  });
  const { redemptionBatcher, couponReads } = assembleCoupons(assembly);
  const shelved = new ShelvedCampaigns(ledger);
  const namedTokens = new NamedTokens({
    find: hashes => ledger.ask(db => findShopTokens(db, hashes)),
    noteUses: tokenIds => ledger.ask(db => shopTokens.noteUses(db, tokenIds)),
  });
  const epochs = new EpochCheck({
    pipeline: () => membership.pipeline(),
    readEpoch: () => ledger.ask(readEpoch),
  });
  const lookups = new Lookups({ redis, keys, board, shelved, epochs });
  const aheadCounts = new AheadCounts({ redis, keys, board, log });
  const moves = new ClaimMoves({ redis, keys, board, log });
  const claimants = { moves, deadlines: new Deadlines({ clock, metrics, log }) };
  const etas = new Etas(board);
  const presence = new Presence({ redis, keys, board, identity: () => membership.identity });
  const soldOut = new SoldOutCampaigns({ redis, keys, board, log });
  const admission = new AdmissionControl({ soldOut, metrics });
  const watchers = new Watchers({
    board,
    lookups,
    aheadCounts,
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
    confirmMs: assembly.intervals.confirm,
    ...(signs ? { signing: { keys: ring, tree: assembly.tree } } : {}),
    sliceAppended: entries => metrics.sliceAppended(entries),
  });
  const entering = entryServices({ config, log, ledger, proxies, clock, metrics });
  board.listen({ changed: () => undefined, blocked: blocked => entering.blocks.blocked(blocked) });
  const stopTimers = startTimers(assembly, { clock, board, membership, presence });
  membership.start();
  const accounts = new AccountsClient(config.ACCOUNTS_URL);
  const services: HandlerServices = {
    ...{ config, metrics, verifier, tickets, clock, clockLimits, membership, board, shelved, ledger },
    ...{ admission, lookups, aheadCounts, claimants, etas, watchers },
    ...{ ring, redemptionBatcher, couponReads, proxies, accounts, failed },
    ...entering,
    ranker: servers.ranker,
    downloads: servers.downloads,
    environmentToken: new EnvironmentToken(config.SHOP_TOKEN),
    namedTokens,
    passes: new PassTokens(ring, () => shownUs(clock) / 1_000),
    checks: () => ({
      lease: membership.pipeline() === undefined ? `none: ${membership.hindrance ?? membership.state}` : 'ok',
      redis: redis.status === 'ready' ? 'ok' : redis.status,
      clock: clockLimits.mayStamp ? 'ok' : clockLimits.describe(),
    }),
  };
  const cors = new Cors(config.CORS_ORIGINS);
  const handling: HandlerParts = { membership, clock, clockLimits, config, metrics, cors, failed };
  return {
    app: { connections: { config, metrics, connections }, handling, routes: routeParts(services) },
    membership,
    async stop() {
      // Watchers go to another gateway at once: requests in flight here may wait for an unavailable log, and a stream at a
      // gateway that no longer serves counts as nobody's presence.
      await Promise.all([membership.stop(), watchers.close()]);
      stopTimers();
      couponReads.close();
      namedTokens.close();
      accounts.close();
    },
  };
}

function assembleCoupons({ config, log, keys, servers, lapsedAtOnce }: GatewayAssembly) {
  const { redis, ledger } = servers;
  const couponReads = new CouponReads({
    redis,
    keys,
    readCode: code => ledger.ask(db => readCodeNow(db, code)),
    pollMs: config.BOARD_INTERVAL_MS,
  });
  const redemptionBatcher = new RedemptionBatcher({
    ledger,
    onTold: couponIds => {
      // Copies elsewhere expire by themselves if the message is lost.
      couponReads
        .changed(couponIds)
        .catch((error: unknown) => log.debug({ err: error }, 'cannot follow changes of coupons'));
    },
    lapsedAtOnce,
  });
  return { redemptionBatcher, couponReads };
}

interface Timed {
  readonly clock: SharedClock;
  readonly board: Board;
  readonly membership: Membership;
  readonly presence: Presence;
}

/** The returned function stops all of them. */
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

/** Repeats the work, each time that long after the last run; logs a failure and retries. */
function repeat(log: Logger, what: string, intervalMs: () => number, work: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const next = (): void => {
    if (!stopped) timer = setTimeout(run, intervalMs());
  };
  const run = (): void => {
    work()
      .catch((error: unknown) => log.debug({ err: error, what }, 'failed; retrying'))
      .finally(next);
  };
  run();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
