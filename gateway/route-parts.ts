/**
 * Gives each handler the parts that it uses, and nothing else. Each handler declares them beside itself; the objects are made
 * here once, so that a request allocates none.
 */

import type { TrustedProxies } from '../engine/contract/clients/trusted-proxies.ts';
import type { KeyRing } from '../engine/contract/keys/key-ring.ts';
import type { AccountsClient } from './accounts/forward/forward.ts';
import type { SharedClock } from './clock/clock.ts';
import type { ClockLimits } from './clock/clock-limits.ts';
import { MOST_DOWNLOADS } from './cold/book.ts';
import { DownloadSlots } from './cold/download.ts';
import type { Ledger } from './cold/ledger.ts';
import type { ShelvedCampaigns } from './cold/shelved.ts';
import type { GatewayConfig } from './config.ts';
import type { CouponReads } from './coupons/reads.ts';
import type { RedemptionBatcher } from './coupons/redemption-batcher.ts';
import type { AdmissionControl } from './entry/admission-control.ts';
import { type EntryServices, enteringParts } from './entry/entry-parts.ts';
import type { Ranker } from './entry/rank.ts';
import type { ReadinessParts, RouteParts } from './http/routes.ts';
import type { Metrics } from './metrics.ts';
import type { PassTokens } from './room/pass-tokens.ts';
import type { AheadCounts } from './shared/ahead-counts.ts';
import type { Board } from './shared/board.ts';
import type { Lookups } from './shared/lookups.ts';
import type { Membership } from './shared/membership.ts';
import type { EnvironmentToken } from './shops/environment-token.ts';
import type { NamedTokens } from './shops/named-tokens.ts';
import type { ClaimantParts } from './stream/claimant-view.ts';
import type { Etas } from './stream/eta.ts';
import { Streams } from './stream/streams.ts';
import type { Watchers } from './stream/watchers.ts';
import type { TicketVerifier } from './ticket/ticket.ts';
import type { TicketBatch } from './ticket/ticket-batch.ts';

/** Everything in a gateway that handlers use. */
export interface HandlerServices extends EntryServices {
  readonly config: GatewayConfig;
  readonly metrics: Metrics;
  readonly verifier: TicketVerifier;
  readonly tickets: TicketBatch;
  readonly environmentToken: EnvironmentToken;
  readonly namedTokens: NamedTokens;
  readonly clock: SharedClock;
  readonly clockLimits: ClockLimits;
  readonly membership: Membership;
  readonly board: Board;
  readonly shelved: ShelvedCampaigns;
  readonly ledger: Ledger;
  readonly downloads: Pick<Ledger, 'ask'>;
  readonly admission: AdmissionControl;
  readonly ranker: Ranker;
  readonly lookups: Lookups;
  readonly aheadCounts: AheadCounts;
  readonly claimants: ClaimantParts;
  readonly etas: Etas;
  readonly watchers: Watchers;
  readonly ring: KeyRing;
  readonly passes: PassTokens;
  readonly redemptionBatcher: RedemptionBatcher;
  readonly couponReads: CouponReads;
  readonly proxies: TrustedProxies;
  readonly accounts: AccountsClient;
  readonly checks: ReadinessParts['checks'];
  readonly failed: (error: unknown) => void;
}

export function routeParts(all: HandlerServices): RouteParts {
  const { board, clockLimits, checks, metrics, config, proxies, accounts } = all;
  return {
    ...entryRoutes(all),
    ...ledgerRoutes(all),
    ...shopRoutes(all),
    accounts: { config, metrics, proxies, accounts },
    readiness: { board, clockLimits, checks },
    metrics,
  };
}

type EntryRoutes = Pick<RouteParts, 'entering' | 'ownEntry' | 'withdrawal' | 'claim' | 'streams'>;

/** For users, who authenticate with tickets. */
function entryRoutes(all: HandlerServices): EntryRoutes {
  const { config, metrics, verifier, board, shelved, lookups, receipts, watchers } = all;
  const { clock, clockLimits, membership, ranker, ledgerStamps, answers, repeats, admission } = all;
  const { aheadCounts, blocks, claimants, etas, ledgerOutcomes } = all;
  const common = { metrics, verifier, clock, board, shelved, lookups };
  const logged = { config, clock, clockLimits, membership, ranker, receipts, ledgerStamps, answers, repeats };
  return {
    entering: enteringParts(all),
    ownEntry: { ...common, receipts, aheadCounts, claimants, etas, ledgerOutcomes },
    withdrawal: { ...common, ...logged, admission },
    claim: { ...common, ...logged, blocks },
    streams: new Streams({ ...common, config, watchers }),
  };
}

type LedgerRoutes = Pick<RouteParts, 'campaign' | 'campaignList' | 'book' | 'keyList' | 'headList'>;

/** For everybody: campaigns, and the proofs of how they were decided. */
function ledgerRoutes({
  metrics,
  clock,
  board,
  shelved,
  ledger,
  downloads,
  ring,
  failed,
}: HandlerServices): LedgerRoutes {
  return {
    campaign: { metrics, clock, board, shelved },
    campaignList: { metrics, clock, board, shelved },
    book: { metrics, board, ledger, downloads, slots: new DownloadSlots(MOST_DOWNLOADS), failed },
    keyList: { keys: ring },
    headList: { metrics, ledger },
  };
}

type ShopRoutes = Pick<
  RouteParts,
  'pass' | 'report' | 'check' | 'jwks' | 'code' | 'redemption' | 'redemptionRead'
>;

/** For shops, which authenticate with their tokens, and the passes with which users come to them. */
function shopRoutes(all: HandlerServices): ShopRoutes {
  const { config, metrics, verifier, clock, board, shelved, ledger, passes } = all;
  const { environmentToken, namedTokens, redemptionBatcher, couponReads } = all;
  const shops = { metrics, environmentToken, namedTokens };
  return {
    pass: { config, metrics, verifier, clock, board, shelved, ledger, passes, blocks: all.blocks },
    report: { ...shops, config, board, shelved, ledger, passes },
    check: { ...shops, board, shelved, ledger, passes },
    jwks: { passes },
    code: { ...shops, couponReads },
    redemption: { ...shops, config, redemptionBatcher },
    redemptionRead: { ...shops, ledger },
  };
}
