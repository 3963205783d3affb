/**
 * A gateway, put together: Redis, log, clock, board, lease, pipeline, watchers and the HTTP server over them.
 */
import type { Logger } from 'pino';
import { KeyRing } from '../engine/contract/key-ring.ts';
import { keysOf } from '../engine/contract/keys.ts';
import { openProducer } from '../engine/contract/log/open.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../engine/contract/redis.ts';
import { SliceTree } from '../engine/contract/slice-tree.ts';
import { readCodeNow } from '../sql/coupons.ts';
import { AcceptedAnswers } from './accepted-answer.ts';
import { Board } from './board.ts';
import { ClaimMoves } from './claim-moves.ts';
import { monotonicUs, SharedClock } from './clock.ts';
import { ClockLimits } from './clock-limits.ts';
import type { GatewayConfig } from './config.ts';
import { CouponDesk } from './coupons/desk.ts';
import { CouponReads } from './coupons/reads.ts';
import { Doorkeeper } from './door.ts';
import { Etas } from './eta.ts';
import { Hmac } from './hmac.ts';
import { KeptReceipts } from './kept-receipts.ts';
import { Ledger } from './ledger.ts';
import { Lookups } from './lookups.ts';
import { Membership } from './membership.ts';
import { Metrics } from './metrics.ts';
import { PassTokens } from './pass-tokens.ts';
import { Places } from './places.ts';
import { Presence } from './presence.ts';
import { Watchers } from './queue.ts';
import { Ranker } from './rank.ts';
import { RequestStarts } from './request-start.ts';
import { ShopToken } from './shop.ts';
import { Streams } from './streams.ts';
import { TicketVerifier } from './ticket.ts';
import { TicketBatch } from './ticket-batch.ts';
import { TrustedProxies } from './trusted-proxies.ts';

export interface Gateway {
  readonly port: number;
  /** Takes nothing more, finishes what it took, leaves the log in good order, and closes everything. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;
/** While a campaign is open or waits to be settled, an idle gateway moves the watermark this often ... */
const THROUGH_BUSY_MS = 100;
/** ... and this often otherwise: a record costs the log and the ledger something each. */
const THROUGH_IDLE_MS = 1_000;
const BOARD_IDLE_MS = 250;
/** How soon rooms hear who came and who went; a message of Redis each time that there is news. */
const PRESENCE_MS = 250;
const CLOCK_INTERVAL_MS = 250;

/** Starts; resolves when it listens. It takes entries as soon as it has a lease, which /readyz shows. */
export async function startGateway(
  config: GatewayConfig,
  { name, log }: { name: string; log: Logger },
): Promise<Gateway> {
  const keys = keysOf(config.NAMESPACE);
  const signs = config.RECEIPTS === 'on';
  const ring = new KeyRing(config, log);
  if (signs) ring.require('slices', Date.now());
  const redis = connectRedis(config.REDIS_URL, {
    commandTimeoutMs: config.REDIS_TIMEOUT_MS,
    onError: error => log.warn({ err: error.message }, 'redis'),
  });
  await waitForRedis(redis, START_TIMEOUT_MS);
  const producer = await openProducer(config, log);
  const clock = new SharedClock();
  const clockLimits = new ClockLimits(clock, { warnMs: config.CLOCK_WARN_MS, stopMs: config.CLOCK_STOP_MS });
  const proxies = new TrustedProxies(config.TRUSTED_PROXIES);
  const board = new Board(redis, keys);
  const connections = { count: 0 };
  const metrics = new Metrics({
    connections: () => connections.count,
    watchers: () => watchers.count,
    waiting: () => membership.pipeline()?.waiting ?? 0,
    clockErrorUs: () => clock.errorBoundUs,
    clockLevel: () => clockLimits.level,
    signing: () => (signs && ring.keyAt('slices', Date.now()) !== undefined ? 1 : 0),
  });
  const ledger = new Ledger({
    databaseUrl: config.DATABASE_URL,
    timeoutMs: config.LEDGER_TIMEOUT_MS,
    log,
  });
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
  const lookups = new Lookups(redis, keys, board);
  const places = new Places({ redis, keys, board, log });
  const moves = new ClaimMoves({ redis, keys, board, log });
  const claimants = { moves, nowUs: () => (clock.synchronised ? clock.now() : Date.now() * 1_000) };
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
  const verifier = new TicketVerifier(new Hmac(config.TICKET_SECRET), config.TICKET_AUDIENCE);
  const tickets = new TicketBatch(verifier, config.TICKET_SECRET);
  const membership = new Membership({
    board,
    clock,
    producer,
    redis,
    ranker: new Ranker(redis, keys),
    tickets,
    keys,
    log,
    name,
    leaseMs: config.LEASE_MS,
    partitions: config.LOG_PARTITIONS,
    maxSliceEntries: config.MAX_SLICE_ENTRIES,
    promiseBehindUs: proxies.some ? config.REQUEST_START_WAIT_MS * 1_000 : 0,
    ...(signs ? { signing: { keys: ring, tree: new SliceTree(config.RECEIPT_SALT_SECRET) } } : {}),
    sliceAppended: entries => {
      metrics.slices.inc();
      metrics.sliceEntries.observe(entries);
    },
  });
  const timers = [
    repeat(
      log,
      'clock',
      () => CLOCK_INTERVAL_MS,
      () => sampleClock(redis, clock),
    ),
    repeat(
      log,
      'board',
      () => (isBusy(board, clock) ? config.BOARD_INTERVAL_MS : BOARD_IDLE_MS),
      () => board.refresh(),
    ),
    repeat(
      log,
      'through',
      () => (isBusy(board, clock) ? THROUGH_BUSY_MS : THROUGH_IDLE_MS),
      async () => {
        membership.pipeline()?.tellThrough();
      },
    ),
  ];
  timers.push(
    repeat(
      log,
      'presence',
      () => PRESENCE_MS,
      () => presence.tell(),
    ),
  );
  ring.start();
  membership.start();

  const parts = {
    config,
    board,
    clock,
    clockLimits,
    requestStarts: new RequestStarts({ clock, proxies, metrics }),
    membership,
    lookups,
    places,
    claimants,
    etas,
    door,
    metrics,
    keys: ring,
    ledger,
    receipts: new KeptReceipts(ledger, config.RECEIPT_SALT_SECRET, log),
    desk,
    couponReads,
    shopToken: new ShopToken(config.SHOP_TOKEN),
    passes: new PassTokens(ring),
    verifier,
    tickets,
    answers: new AcceptedAnswers(),
    connections,
    checks: () => ({
      lease: membership.pipeline() === undefined ? `none: ${membership.state}` : 'ok',
      redis: redis.status === 'ready' ? 'ok' : redis.status,
      clock: clockLimits.mayStamp ? 'ok' : clockLimits.describe(),
    }),
    failed: (error: unknown) => log.error({ err: error }, 'a handler failed'),
  };
  const { buildApp } = await import('./app.ts');
  const { listen } = await import('./listen.ts');
  const app = buildApp({ ...parts, streams: new Streams(parts, watchers) });
  const port = await listen(app, config.GATEWAY_HOST, config.GATEWAY_PORT);
  log.info({ port, log: producer.kind }, 'listening');
  return {
    port,
    async stop() {
      await membership.stop();
      watchers.close();
      app.close();
      for (const timer of timers) timer.stop();
      ring.stop();
      couponReads.close();
      await ledger.close();
      await producer.close();
      redis.disconnect();
    },
  };
}

function isBusy(board: Board, clock: SharedClock): boolean {
  return clock.synchronised && board.busy(clock.now());
}

async function sampleClock(redis: RedisClient, clock: SharedClock): Promise<void> {
  const askedUs = monotonicUs();
  const [seconds, microseconds] = await redis.time();
  clock.sample({
    askedUs,
    heardUs: monotonicUs(),
    redisUs: Number(seconds) * 1_000_000 + Number(microseconds),
  });
}

/** Does the work again and again, each time that long after the last; a failure is logged and tried again. */
function repeat(
  log: Logger,
  what: string,
  intervalMs: () => number,
  work: () => Promise<void>,
): { stop(): void } {
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
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
