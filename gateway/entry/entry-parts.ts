/** The services that only the handlers of entries use, and the parts for entering, for a gateway in service and its warm-up. */
import type { Logger } from 'pino';
import type { TrustedProxies } from '../../engine/contract/clients/trusted-proxies.ts';
import { readHeldEntries } from '../../sql/statements/entries/entries.ts';
import { readFinalOutcomes } from '../../sql/statements/entries/outcomes.ts';
import type { SharedClock } from '../clock/clock.ts';
import { RequestStarts } from '../clock/request-start.ts';
import type { Ledger } from '../cold/ledger.ts';
import { LedgerQuestions } from '../cold/ledger-questions.ts';
import { ReceiptStore } from '../cold/receipt-store.ts';
import type { GatewayConfig } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { AcceptedAnswers } from './accepted-answer.ts';
import { Blocks } from './blocks.ts';
import type { EnteringParts } from './entries.ts';
import { Repeats } from './repeats.ts';

interface Given {
  readonly config: GatewayConfig;
  readonly log: Logger;
  readonly ledger: Ledger;
  readonly proxies: TrustedProxies;
  readonly clock: SharedClock;
  readonly metrics: Metrics;
}

export function entryServices({ config, log, ledger, proxies, clock, metrics }: Given) {
  return {
    requestStarts: new RequestStarts({ clock, proxies, metrics }),
    receipts: new ReceiptStore(ledger, config.RECEIPT_SALT_SECRET, log),
    ledgerStamps: new LedgerQuestions(ledger, readHeldEntries),
    ledgerOutcomes: new LedgerQuestions(ledger, readFinalOutcomes),
    answers: new AcceptedAnswers(),
    blocks: new Blocks({ proxies, metrics }),
    repeats: new Repeats(
      {
        perUser: config.REPEATS_PER_SECOND_PER_USER,
        perPrefix: config.REPEATS_PER_SECOND_PER_PREFIX,
        remembered: config.REMEMBERED_ENTRANTS,
      },
      { proxies, metrics },
    ),
  };
}

export type EntryServices = ReturnType<typeof entryServices>;

export function enteringParts(all: EnteringParts): EnteringParts {
  return {
    config: all.config,
    metrics: all.metrics,
    verifier: all.verifier,
    clock: all.clock,
    tickets: all.tickets,
    requestStarts: all.requestStarts,
    clockLimits: all.clockLimits,
    membership: all.membership,
    board: all.board,
    shelved: all.shelved,
    admission: all.admission,
    blocks: all.blocks,
    repeats: all.repeats,
    lookups: all.lookups,
    ranker: all.ranker,
    answers: all.answers,
    receipts: all.receipts,
    ledgerStamps: all.ledgerStamps,
    aheadCounts: all.aheadCounts,
    claimants: all.claimants,
    etas: all.etas,
  };
}
