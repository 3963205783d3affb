/** The engine's metrics, for /metrics. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Campaign } from '../sql/statements/campaigns/campaigns.ts';
import type { BookJob } from './book/book-job.ts';
import type { ClockWatch } from './clock/clock-watch.ts';
import type { Keys } from './contract/redis/keys.ts';
import type { RedisClient } from './contract/redis/redis.ts';
import type { IntakeCounts } from './intake/intake.ts';
import type { CycleReport } from './settling/settlement-cycle.ts';

export interface EngineMetrics {
  readonly registry: Registry;
  batch(counts: IntakeCounts): void;
  settled(decided: number): void;
  /** Something scheduled was done, `lateMs` after it was due. */
  scheduledDone(kind: 'closing' | 'drawing', lateMs: number): void;
  /** Offers were made or have ended; each is counted by its resulting state. */
  moved(states: readonly string[]): void;
  /** A settlement cycle took `seconds`; `report` is undefined if it failed. */
  cycle(seconds: number, report: CycleReport | undefined): void;
  /** Registers gauges that read the clocks at each scrape. */
  clocks(watch: Pick<ClockWatch, 'look'>): void;
  /** Registers a gauge that reads the failing books at each scrape. */
  books(job: Pick<BookJob, 'failing'>): void;
}

/** A close is always a little late: it is done when the watermark has passed it. */
const LATE_BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1_800, 3_600, 86_400];
const CYCLE_BUCKETS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

export function makeMetrics(redis: RedisClient, keys: Keys): EngineMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const records = counter('fairline_intake_records_total', 'Records of the log consumed');
  const entries = counter('fairline_intake_entries_total', 'Entries written to the ledger');
  const withdrawals = counter('fairline_intake_withdrawals_total', 'Withdrawals consumed');
  const claims = counter('fairline_intake_claims_total', 'Claims consumed');
  const repeated = counter('fairline_intake_repeated_total', 'Repeated entries of users who already had one');
  const dropped = counter(
    'fairline_intake_dropped_total',
    'Records dropped: behind the fence of their gateway, or late',
  );
  const deadLetters = counter(
    'fairline_intake_dead_letters_total',
    'Records and items that could not be ingested',
  );
  const settled = counter('fairline_settled_total', 'Entries decided');
  const moved = new Counter({
    name: 'fairline_claimant_moves_total',
    help: 'Moves of claimants: offered, claimed, lapsed, declined, left',
    labelNames: ['state'] as const,
    registers,
  });
  const failed = counter('fairline_cycles_failed_total', 'Settlement cycles that ended with an error');
  const duration = new Histogram({
    name: 'fairline_cycle_seconds',
    help: 'Duration of a settlement cycle: reading, settling, publishing',
    buckets: CYCLE_BUCKETS,
    registers,
  });
  const late = new Histogram({
    name: 'fairline_scheduled_late_seconds',
    help: 'Delay of a closing or drawing behind its due time',
    labelNames: ['kind'] as const,
    buckets: LATE_BUCKETS,
    registers,
  });
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const watermarkLag = gauge(
    'fairline_watermark_lag_seconds',
    "How far the watermark is behind Redis' clock",
  );
  const rankedLag = gauge(
    'fairline_ranked_lag_seconds',
    "How far the ranked watermark is behind Redis' clock",
  );
  const failing = gauge('fairline_campaigns_failing', 'Campaigns whose last settlement failed');
  const unfinished = new Map<number, Campaign>();
  addWaiting(registry, redis, keys, unfinished);
  return {
    registry,
    batch: counts => {
      records.inc(counts.records);
      entries.inc(counts.entries);
      withdrawals.inc(counts.withdrawals);
      claims.inc(counts.claims);
      repeated.inc(counts.repeated);
      dropped.inc(counts.dropped);
      deadLetters.inc(counts.deadLetters);
    },
    settled: decided => settled.inc(decided),
    clocks: watch => addClocks(registry, watch),
    books: job => addBooks(registry, job),
    scheduledDone: (kind, lateMs) => late.observe({ kind }, lateMs / 1000),
    moved: states => {
      for (const state of states) moved.inc({ state });
    },
    cycle: (seconds, report) => {
      duration.observe(seconds);
      if (report === undefined) {
        failed.inc();
        return;
      }
      const { nowUs, watermarkUs, rankedUs } = report;
      failing.set(report.failing);
      if (nowUs !== undefined) watermarkLag.set((nowUs - watermarkUs) / 1e6);
      if (nowUs !== undefined && rankedUs !== undefined) rankedLag.set((nowUs - rankedUs) / 1e6);
      if (report.unfinished === undefined) return;
      unfinished.clear();
      for (const campaign of report.unfinished) unfinished.set(campaign.campaignId, campaign);
    },
  };
}

/** Whether the clocks contradict each other, and by how much. */
function addClocks(registry: Registry, watch: Pick<ClockWatch, 'look'>): void {
  const registers = [registry];
  new Gauge({
    name: 'fairline_clocks_held',
    help: '1 while decisions are on hold because the clocks contradict each other',
    registers,
    collect() {
      const { state } = watch.look();
      this.set(state === 'apart' || state === 'alone' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'fairline_clock_ahead_seconds',
    help: "How far Redis' clock is ahead of another clock",
    labelNames: ['of'] as const,
    registers,
    collect() {
      const { redisUs, postgresUs, ownUs } = watch.look();
      if (redisUs === undefined) return;
      if (postgresUs !== undefined) this.set({ of: 'postgres' }, (redisUs - postgresUs) / 1e6);
      if (ownUs !== undefined) this.set({ of: 'engine' }, (redisUs - ownUs) / 1e6);
    },
  });
}

function addBooks(registry: Registry, job: Pick<BookJob, 'failing'>): void {
  new Gauge({
    name: 'fairline_book_failures',
    help: 'Failed attempts in a row to make the book of a campaign',
    labelNames: ['campaign'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const [campaign, times] of job.failing) this.set({ campaign }, times);
    },
  });
}

/** Waiting entries by campaign. Read from Redis at each scrape, because counting rows would cost more with each row. */
function addWaiting(
  registry: Registry,
  redis: RedisClient,
  keys: Keys,
  unfinished: ReadonlyMap<number, Campaign>,
): void {
  new Gauge({
    name: 'fairline_waiting',
    help: 'Entries ranked and not settled, by unfinished campaign',
    labelNames: ['campaign'] as const,
    registers: [registry],
    async collect() {
      this.reset();
      for (const { campaignId, kind, settledCount, goneRanked } of unfinished.values()) {
        // Without Redis this metric is absent; all others are needed even more then.
        const ranked = await redis.zcard(keys.campaign(campaignId).rank).catch(() => undefined);
        if (ranked === undefined) return;
        // In a room, where users come back, skipped users are counted too.
        const gone = settledCount === 0 && kind !== 'room' ? goneRanked : 0;
        const waiting = ranked - settledCount - gone;
        this.set({ campaign: campaignId }, Math.max(0, waiting));
      }
    },
  });
}
