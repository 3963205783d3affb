/** Metrics of the process that keeps accounts, for Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { RefusalReason } from '../metrics.ts';

export interface LiveValues {
  /** Logins and other acts with a password that wait for their turn. */
  waitingHashes(): number;
  waitingMails(): number;
}

export class AccountsMetrics {
  readonly registry = new Registry();
  readonly #answers: Counter<'operation' | 'status'>;
  readonly #mails: Counter<'how'>;
  readonly #refused: Counter<'reason'>;

  constructor(live: LiveValues) {
    const registers = [this.registry];
    this.#answers = new Counter({
      name: 'fairline_accounts_answers_total',
      help: 'Answers by operation and status',
      labelNames: ['operation', 'status'],
      registers,
    });
    this.#mails = new Counter({
      name: 'fairline_accounts_mails_total',
      help: 'E-mails that were sent, failed for good, were dropped because too many wait, or suppressed because their address got enough',
      labelNames: ['how'],
      registers,
    });
    this.#refused = new Counter({
      name: 'fairline_accounts_refused_total',
      help: 'Requests refused before an account was looked at, by reason',
      labelNames: ['reason'],
      registers,
    });
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    gauge(
      'fairline_accounts_waiting_hashes',
      'Acts with a password that wait for their turn',
      live.waitingHashes,
    );
    gauge('fairline_accounts_waiting_mails', 'E-mails that wait to be sent', live.waitingMails);
  }

  /** Adds those of the process itself. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  answered(operation: string, status: number): void {
    this.#answers.inc({ operation, status });
  }

  /** `suppressed`: enough of the kind went to its address. */
  mailed(how: 'sent' | 'failed' | 'dropped' | 'suppressed'): void {
    this.#mails.inc({ how });
  }

  refuse(reason: RefusalReason): void {
    this.#refused.inc({ reason });
  }
}
