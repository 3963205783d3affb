/** The gateway's metrics, for Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ClockLevel } from './clock/clock-limits.ts';
import { REQUEST_START_RESULTS, type RequestStartResult } from './clock/request-start.ts';

/** Why something was refused; each has its own count. */
export type RefusalReason =
  | 'accounts'
  | 'blocked'
  | 'body'
  | 'body_timeout'
  | 'clock'
  | 'cancelled'
  | 'changing'
  | 'closed'
  | 'closing'
  | 'connections'
  | 'coupon'
  | 'downloads'
  | 'headers'
  | 'invalid'
  | 'lapsed'
  | 'lease'
  | 'ledger'
  | 'log'
  | 'lookup'
  | 'method'
  | 'not_open'
  | 'paused'
  | 'nothing_to_claim'
  | 'origin'
  | 'pass'
  | 'repeats'
  | 'shop'
  | 'sold_out'
  | 'ticket'
  | 'unknown_campaign'
  | 'unknown_kind'
  | 'archived'
  | 'waiting'
  | 'watcher_buffer'
  | 'watchers'
  | 'withdrawn';

const CLOCK_LEVELS: Readonly<Record<ClockLevel, number>> = { ok: 0, warn: 1, stop: 2 };

/** Values that are read at each scrape. */
export interface LiveMetrics {
  connections(): number;
  watchers(): number;
  waiting(): number;
  clockErrorUs(): number;
  clockLevel(): ClockLevel;
  signing(): number;
  /** The number of campaigns whose winners, leavers and claim moves are kept. */
  kept(): { readonly winners: number; readonly gone: number; readonly moves: number };
}

/** For a gateway whose metrics are never scraped. */
export const OF_NOBODY: LiveMetrics = {
  connections: () => 0,
  watchers: () => 0,
  waiting: () => 0,
  clockErrorUs: () => 0,
  clockLevel: () => 'ok',
  signing: () => 0,
  kept: () => ({ winners: 0, gone: 0, moves: 0 }),
};

export class Metrics {
  readonly registry = new Registry();
  /** Entries answered with 202. Counted here and read at each scrape, because a Counter costs 0.3 us each time. */
  acceptedEntries = 0;
  /** Results of X-Request-Start headers; counted in the same way. */
  readonly requestStarts: Record<RequestStartResult, number> = {
    used: 0,
    promise: 0,
    opening: 0,
    now: 0,
    unreadable: 0,
    untrusted: 0,
  };
  readonly slices = new Counter({
    name: 'fairline_slices_total',
    help: 'Slices appended to the log',
    registers: [this.registry],
  });
  readonly sliceEntries = new Histogram({
    name: 'fairline_slice_entries',
    help: 'Entries per slice',
    buckets: [1, 4, 16, 64, 256, 1_024, 4_096],
    registers: [this.registry],
  });
  readonly refused = new Counter({
    name: 'fairline_refused_total',
    help: 'Requests and connections refused, by reason',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  readonly deadlinesBeyond = new Counter({
    name: 'fairline_deadlines_beyond_rules_total',
    help: 'Offers shown without their deadline because it is later than the rules allow; if not 0, see the log',
    registers: [this.registry],
  });
  readonly scanTime = new Histogram({
    name: 'fairline_watcher_scan_seconds',
    help: 'How long one scan of the watchers held the event loop',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05],
    registers: [this.registry],
  });
  readonly warmUpSlices = new Gauge({
    name: 'fairline_warm_up_slices',
    help: 'Slices run by the warm-up before the gateway was ready; 2000 unless it failed, was cut off by WARM_UP_MS or is off',
    registers: [this.registry],
  });
  readonly toldATurn = new Histogram({
    name: 'fairline_watchers_told_a_turn',
    help: 'Watchers notified of a rank or outcome, or closed, in one turn of the event loop',
    buckets: [1, 10, 100, 1_000],
    registers: [this.registry],
  });

  constructor(live: LiveMetrics) {
    const accepted = new Counter({
      name: 'fairline_entries_accepted_total',
      help: 'Entries answered with 202',
      registers: [this.registry],
      collect: () => {
        accepted.reset();
        accepted.inc(this.acceptedEntries);
      },
    });
    const requestStarts = new Counter({
      name: 'fairline_request_starts_total',
      help: 'X-Request-Start headers of entries: used, clamped (promise, opening, now), or ignored (unreadable, untrusted)',
      labelNames: ['result'],
      registers: [this.registry],
      collect: () => {
        requestStarts.reset();
        for (const result of REQUEST_START_RESULTS) {
          requestStarts.inc({ result }, this.requestStarts[result]);
        }
      },
    });
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    };
    gauge('fairline_connections', 'Connections open', live.connections);
    gauge('fairline_watchers', 'Streams open', live.watchers);
    const kept = new Gauge({
      name: 'fairline_campaigns_kept',
      help: 'Campaigns with state kept beyond the board: who won, who left the queue, how claimants moved',
      labelNames: ['what'],
      registers: [this.registry],
      collect: () => {
        for (const [what, count] of Object.entries(live.kept())) kept.set({ what }, count);
      },
    });
    gauge(
      'fairline_signing',
      'Whether slices are signed: 0 without a currently valid key, or with RECEIPTS=off',
      live.signing,
    );
    gauge('fairline_waiting_entries', 'Entries waiting for the log', live.waiting);
    gauge(
      'fairline_clock_error_bound_seconds',
      'Error bound of the shared clock',
      () => live.clockErrorUs() / 1e6,
    );
    gauge(
      'fairline_clock_level',
      'Level of the error bound of the shared clock: 0 within CLOCK_WARN_MS, 1 beyond it, 2 beyond CLOCK_STOP_MS (accepts no entries)',
      () => CLOCK_LEVELS[live.clockLevel()],
    );
  }

  /** Adds prom-client's default metrics of the process, collected from then on. Call it once per process. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  sliceAppended(entries: number): void {
    this.slices.inc();
    this.sliceEntries.observe(entries);
  }

  refuse(reason: RefusalReason): void {
    this.refused.inc({ reason });
  }
}
