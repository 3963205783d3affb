/** What entering works with: what the gateway has for everything, and what it has for entries alone. */
import type { Logger } from 'pino';
import { readHeldEntries } from '../../sql/statements/entries/entries.ts';
import { readFinalOutcomes } from '../../sql/statements/entries/outcomes.ts';
import { RequestStarts } from '../clock/request-start.ts';
import type { Ledger } from '../cold/ledger.ts';
import { LedgerQuestions } from '../cold/ledger-questions.ts';
import { ReceiptStore } from '../cold/receipt-store.ts';
import type { GatewayConfig } from '../config.ts';
import type { TrustedProxies } from '../http/trusted-proxies.ts';
import { AcceptedAnswers } from './accepted-answer.ts';
import type { EntryParts } from './entry-answers.ts';
import { Repeats } from './repeats.ts';

interface Given extends Pick<EntryParts, 'ranker' | 'verifier' | 'tickets'> {
  readonly config: GatewayConfig;
  readonly log: Logger;
  readonly ledger: Ledger;
  readonly proxies: TrustedProxies;
}

type Shared = Pick<
  EntryParts,
  | 'board'
  | 'shelved'
  | 'clock'
  | 'clockLimits'
  | 'membership'
  | 'lookups'
  | 'places'
  | 'claimants'
  | 'etas'
  | 'admission'
  | 'metrics'
>;

export function entryParts(
  { config, log, ledger, ranker, verifier, tickets, proxies }: Given,
  shared: Shared,
): EntryParts {
  const { clock, metrics } = shared;
  return {
    ...shared,
    config,
    ranker,
    verifier,
    tickets,
    requestStarts: new RequestStarts({ clock, proxies, metrics }),
    receipts: new ReceiptStore(ledger, config.RECEIPT_SALT_SECRET, log),
    ledgerStamps: new LedgerQuestions(ledger, readHeldEntries),
    ledgerOutcomes: new LedgerQuestions(ledger, readFinalOutcomes),
    answers: new AcceptedAnswers(),
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
