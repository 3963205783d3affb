/** The routes of the gateway, their handlers, and the dispatch to them. Nothing here knows of sockets. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { type AccountsParts, forwardToAccounts } from '../accounts/forward/forward.ts';
import type { SharedClock } from '../clock/clock.ts';
import type { ClockLimits } from '../clock/clock-limits.ts';
import { type BookParts, getBook, getProof } from '../cold/book.ts';
import { type CampaignListParts, type CampaignParts, getCampaign, listCampaigns } from '../cold/campaigns.ts';
import { type HeadListParts, type KeyListParts, listHeads, listKeys } from '../cold/published.ts';
import {
  type CodeParts,
  deleteReservation,
  getCoupon,
  getRedemption,
  getReservation,
  listRefunds,
  postRedemption,
  postRefund,
  postReservation,
  type RedemptionParts,
  type RedemptionReadParts,
} from '../coupons/routes.ts';
import { type ClaimParts, postClaim } from '../entry/claim.ts';
import { type EnteringParts, postEntry } from '../entry/entries.ts';
import { deleteEntry, getEntry, type OwnEntryParts, type WithdrawalParts } from '../entry/own-entry.ts';
import type { Metrics } from '../metrics.ts';
import {
  type CheckParts,
  getCheck,
  getJwks,
  type JwksParts,
  type PassParts,
  postPass,
  postReport,
  type ReportParts,
} from '../room/visits.ts';
import type { Board } from '../shared/board.ts';
import type { Membership } from '../shared/membership.ts';
import type { Streams } from '../stream/streams.ts';
import type { CorsParts } from './cors.ts';
import { type HeadLimitParts, refuseHead } from './fallbacks.ts';
import { openApiDocument } from './openapi.ts';
import { Reply } from './reply.ts';
import { type Head, readHead, strangeKind } from './requests.ts';

/** The parts that each handler, or those of one subject, may use; assembled in ../route-parts.ts. */
export interface RouteParts {
  readonly campaign: CampaignParts;
  readonly campaignList: CampaignListParts;
  readonly entering: EnteringParts;
  readonly ownEntry: OwnEntryParts;
  readonly withdrawal: WithdrawalParts;
  readonly claim: ClaimParts;
  readonly streams: Pick<Streams, 'open'>;
  readonly book: BookParts;
  readonly pass: PassParts;
  readonly report: ReportParts;
  readonly check: CheckParts;
  readonly jwks: JwksParts;
  readonly keyList: KeyListParts;
  readonly headList: HeadListParts;
  readonly code: CodeParts;
  readonly redemption: RedemptionParts;
  readonly redemptionRead: RedemptionReadParts;
  readonly accounts: AccountsParts;
  readonly readiness: ReadinessParts;
  readonly metrics: Pick<Metrics, 'registry'>;
}

export interface ReadinessParts {
  /** The components that readiness depends on, each 'ok' or what is wrong. */
  readonly checks: () => Readonly<Record<string, string>>;
  readonly clockLimits: Pick<ClockLimits, 'describe' | 'errorBoundMs' | 'level'>;
  readonly board: Pick<Board, 'strangers'>;
}

/** What a request needs before its handler runs, and when that fails. */
export interface HandlerParts extends HeadLimitParts, CorsParts {
  readonly membership: Pick<Membership, 'hasJoined'>;
  readonly clock: Pick<SharedClock, 'next'>;
  readonly clockLimits: Pick<ClockLimits, 'mayStamp'>;
  /** Called when a handler has failed: that is a defect, answered with 500. */
  readonly failed: (error: unknown) => void;
}

/** Answers through `reply`. It must read everything it needs from `req` and `head` before its first await. */
export type Handler = (
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
  arrivedUs: number,
) => void | Promise<void>;
export type Method = 'get' | 'post' | 'del';
export type Methods = Readonly<Partial<Record<Method, Handler>>>;

export const ENTRIES_PATH = '/v1/campaigns/:id/entries';

/** A warning names at most this many campaigns; there may be more. */
const STRANGERS_NAMED = 5;

export function entriesMethods(parts: EnteringParts): Methods {
  return { post: (reply, req, head, arrivedUs) => postEntry(parts, reply, req, head, arrivedUs) };
}

/** Routes as uWebSockets.js spells them; `:id` is parameter 0. */
export function routesOf(parts: RouteParts): Readonly<Record<string, Methods>> {
  let openApi = '';
  const forward: Handler = (reply, req, head) => forwardToAccounts(parts.accounts, reply, req, head);
  const accounts: Methods = { get: forward, post: forward, del: forward };
  return {
    '/v1/campaigns': { get: (reply, req) => listCampaigns(parts.campaignList, reply, req) },
    '/v1/campaigns/:id': { get: (reply, req) => getCampaign(parts.campaign, reply, req) },
    [ENTRIES_PATH]: entriesMethods(parts.entering),
    '/v1/campaigns/:id/entries/me': {
      get: (reply, req, head) => getEntry(parts.ownEntry, reply, req, head),
      del: (reply, req, head) => deleteEntry(parts.withdrawal, reply, req, head),
    },
    '/v1/campaigns/:id/entries/me/claim': {
      post: (reply, req, head) => postClaim(parts.claim, reply, req, head),
    },
    '/v1/campaigns/:id/queue': { get: (reply, req, head) => parts.streams.open(reply, req, head) },
    '/v1/campaigns/:id/book': { get: (reply, req) => getBook(parts.book, reply, req) },
    '/v1/campaigns/:id/proof': { get: (reply, req) => getProof(parts.book, reply, req) },
    '/v1/campaigns/:id/pass': { post: (reply, req, head) => postPass(parts.pass, reply, req, head) },
    '/v1/campaigns/:id/reports': { post: (reply, req, head) => postReport(parts.report, reply, req, head) },
    '/v1/campaigns/:id/check': { get: (reply, req, head) => getCheck(parts.check, reply, req, head) },
    '/.well-known/jwks.json': { get: reply => getJwks(parts.jwks, reply) },
    '/v1/keys': { get: reply => listKeys(parts.keyList, reply) },
    '/v1/heads': { get: (reply, req) => listHeads(parts.headList, reply, req) },
    '/v1/coupons/:code': { get: (reply, req, head) => getCoupon(parts.code, reply, req, head) },
    '/v1/reservations': { post: (reply, req, head) => postReservation(parts.redemption, reply, req, head) },
    '/v1/reservations/:id': {
      get: (reply, req, head) => getReservation(parts.redemptionRead, reply, req, head),
      del: (reply, req, head) => deleteReservation(parts.redemption, reply, req, head),
    },
    '/v1/redemptions': { post: (reply, req, head) => postRedemption(parts.redemption, reply, req, head) },
    '/v1/redemptions/:id': {
      get: (reply, req, head) => getRedemption(parts.redemptionRead, reply, req, head),
    },
    '/v1/redemptions/:id/refunds': {
      get: (reply, req, head) => listRefunds(parts.redemptionRead, reply, req, head),
      post: (reply, req, head) => postRefund(parts.redemption, reply, req, head),
    },
    '/v1/accounts': accounts,
    '/v1/accounts/*': accounts,
    '/livez': { get: reply => reply.json(200, '{"status":"ok"}') },
    '/readyz': { get: reply => answerReady(parts.readiness, reply) },
    '/metrics': { get: reply => answerMetrics(parts.metrics, reply) },
    '/openapi.json': {
      get: reply => {
        if (openApi === '') openApi = JSON.stringify(openApiDocument());
        reply.json(200, openApi);
      },
    },
  };
}

/**
 * Stamps the request before anything else, then runs its handler. A handler that fails is a defect; the request is
 * still answered. While stamping is off, the arrival is 0, which is not an instant: a handler that waits may continue
 * once the clock is correct again. Stamping is also off until this process has joined: an instant is never given twice,
 * so a stamp from a clock that was ahead would stop this gateway from stamping until that instant has come.
 */
export function runHandler(parts: HandlerParts, handler: Handler, res: HttpResponse, req: HttpRequest): void {
  const isStamped = parts.membership.hasJoined && parts.clockLimits.mayStamp;
  const arrivedUs = isStamped ? parts.clock.next() : 0;
  const reply = new Reply(res);
  try {
    const head = readHead(req);
    reply.cors = parts.cors.linesFor(head.origin);
    if (head.bytes > parts.config.MAX_HEADER_BYTES) refuseHead(parts, reply, head.bytes);
    else handler(reply, req, head, arrivedUs)?.catch((error: unknown) => answerFailure(parts, reply, error));
  } catch (error) {
    answerFailure(parts, reply, error);
  }
}

function answerFailure(parts: Pick<HandlerParts, 'failed'>, reply: Reply, error: unknown): void {
  parts.failed(error);
  reply.problem('internal-error', 'The request failed. Retrying is safe.');
}

function answerReady(parts: ReadinessParts, reply: Reply): void {
  const checks = parts.checks();
  const ready = Object.values(checks).every(state => state === 'ok');
  const warnings = warningsOf(parts);
  const body = JSON.stringify({
    status: ready ? 'ok' : 'unavailable',
    checks,
    ...(Object.keys(warnings).length === 0 ? {} : { warnings }),
    clock_error_bound_ms: parts.clockLimits.errorBoundMs,
  });
  reply.json(ready ? 200 : 503, body);
}

function warningsOf({ clockLimits, board }: ReadinessParts): Readonly<Record<string, string>> {
  const strangers = [...board.strangers()];
  const named = strangers
    .slice(0, STRANGERS_NAMED)
    .map(each => `${each.campaignId} (${strangeKind(each)})`)
    .join(', ');
  return {
    ...(clockLimits.level === 'warn' ? { clock: clockLimits.describe() } : {}),
    ...(strangers.length === 0
      ? {}
      : {
          campaigns: `${strangers.length} of unknown kind, answered with 503 because this gateway is older than the engine: ${named}`,
        }),
  };
}

async function answerMetrics({ registry }: RouteParts['metrics'], reply: Reply): Promise<void> {
  reply.text(200, registry.contentType, await registry.metrics());
}
