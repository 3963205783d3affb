/** What the gateway counts and measures, for Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Why something was refused; each has its own count. */
export type RefusalReason =
  | 'body'
  | 'body_timeout'
  | 'closed'
  | 'connections'
  | 'headers'
  | 'invalid'
  | 'lease'
  | 'ledger'
  | 'log'
  | 'lookup'
  | 'method'
  | 'not_open'
  | 'sold_out'
  | 'ticket'
  | 'unknown_campaign'
  | 'waiting'
  | 'watcher_buffer'
  | 'watchers'
  | 'withdrawn';

export class Metrics {
  readonly registry = new Registry();
  /** Entries answered with 202: counted here, and read when somebody asks, as a Counter costs 0.3 us each time. */
  acceptedEntries = 0;
  readonly slices = new Counter({
    name: 'fairline_slices_total',
    help: 'Slices appended to the log',
    registers: [this.registry],
  });
  readonly sliceEntries = new Histogram({
    name: 'fairline_slice_entries',
    help: 'Entries a slice',
    buckets: [1, 4, 16, 64, 256, 1_024, 4_096],
    registers: [this.registry],
  });
  readonly refused = new Counter({
    name: 'fairline_refused_total',
    help: 'Requests and connections refused, by reason',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  readonly loopPass = new Histogram({
    name: 'fairline_watcher_pass_seconds',
    help: 'How long one pass over watchers held the event loop',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05],
    registers: [this.registry],
  });

  constructor(live: {
    connections(): number;
    watchers(): number;
    waiting(): number;
    clockErrorUs(): number;
    signing(): number;
  }) {
    collectDefaultMetrics({ register: this.registry });
    const accepted = new Counter({
      name: 'fairline_entries_accepted_total',
      help: 'Entries answered with 202',
      registers: [this.registry],
      collect: () => {
        accepted.reset();
        accepted.inc(this.acceptedEntries);
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
    gauge(
      'fairline_signing',
      'Whether slices are signed: 0 without a key that is valid now, or with RECEIPTS=off',
      live.signing,
    );
    gauge('fairline_waiting_entries', 'Entries that wait for the log', live.waiting);
    gauge(
      'fairline_clock_error_bound_seconds',
      'How far off the shared clock may be',
      () => live.clockErrorUs() / 1e6,
    );
  }

  refuse(reason: RefusalReason): void {
    this.refused.inc({ reason });
  }
}
