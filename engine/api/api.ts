/**
 * The operator's HTTP API: campaigns, entries and outcomes, totals, dead letters. For a private port; everything below /v1/
 * requires a token of an operator or the session of an account.
 */
import Fastify, { type FastifyInstance } from 'fastify';
import { Counter } from 'prom-client';
import { makeAccountParts } from '../operators/accounts/parts.ts';
import type { ApiDeps } from './deps.ts';
import { logActs } from './http/acts.ts';
import { requireOperator } from './http/authentication.ts';
import { answerClientError, answerNotFound, errorHandler, HEADERS_LIMIT_BYTES } from './http/http.ts';
import { readJson } from './http/input.ts';
import { addBlockRoutes } from './routes/block-routes.ts';
import { addCampaignRoutes } from './routes/campaign-routes.ts';
import { addClockRoutes } from './routes/clock-routes.ts';
import { addCouponRoutes } from './routes/coupons/coupon-routes.ts';
import { addRedemptionRoutes } from './routes/coupons/redemption-routes.ts';
import { addDrawRoutes } from './routes/draw-routes.ts';
import { addEntryRoutes } from './routes/entry-routes.ts';
import { addAccountRoutes } from './routes/operators/account-routes.ts';
import { addLogRoutes } from './routes/operators/log-routes.ts';
import { addPageRoutes } from './routes/operators/page-routes.ts';
import { addProviderRoutes } from './routes/operators/provider-routes.ts';
import { addSessionRoutes } from './routes/operators/session-routes.ts';
import { addTokenRoutes } from './routes/operators/token-routes.ts';
import { addPeopleRoutes } from './routes/people/people-routes.ts';
import { addProposalRoutes } from './routes/proposal-routes.ts';
import { addRoomRoutes } from './routes/room-routes.ts';
import { addScheduleRoutes } from './routes/schedule-routes.ts';
import { addServiceRoutes } from './routes/service-routes.ts';
import { addTemplateRoutes } from './routes/template-routes.ts';

/** A campaign is a few hundred bytes. */
const BODY_LIMIT_BYTES = 16 * 1024;
/** The time for a request's headers, and for all of it, to arrive: a slow request must not hold its connection. */
const HEADERS_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 6_000;
/** How often connections are checked for requests that take too long. */
const TIMEOUT_CHECK_MS = 1_000;
/** An idle connection, such as that of a reader who stopped reading an export, ends after this time. */
const IDLE_TIMEOUT_MS = 60_000;
/** How often a stopping server checks for connections that have become idle. */
const IDLE_CHECK_MS = 50;

/**
 * Builds the API, ready to `listen`. Its `close` aborts exports and requests that wait for a close, and lets other requests
 * finish.
 */
export function buildApi(deps: ApiDeps): FastifyInstance {
  const stopping = new AbortController();
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // A connection that waits for a close is idle too, for about a lease.
    connectionTimeout: IDLE_TIMEOUT_MS + 2 * deps.leaseMs,
    http: {
      maxHeaderSize: HEADERS_LIMIT_BYTES,
      // Node swaps the two timeouts if this one is longer: its default of 60 s would limit the whole request.
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => errorHandler(deps.log)(error, request, reply),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => readJson(body),
  );
  app.addHook('onRequest', requireOperator(deps));
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  countAnswers(app, deps);
  logActs(app, deps);
  app.setErrorHandler(errorHandler(deps.log));
  app.setNotFoundHandler(answerNotFound);
  app.addHook('preClose', async () => {
    stopping.abort();
    closeIdleConnections(app);
  });
  addCampaignRoutes(app, deps, stopping.signal);
  addScheduleRoutes(app, deps, stopping.signal);
  addTemplateRoutes(app, deps);
  addEntryRoutes(app, deps, stopping.signal);
  addDrawRoutes(app, deps, stopping.signal);
  addCouponRoutes(app, deps);
  addRedemptionRoutes(app, deps);
  addRoomRoutes(app, deps);
  addProposalRoutes(app, deps, stopping.signal);
  addBlockRoutes(app, deps, stopping.signal);
  addPeopleRoutes(app, deps);
  addClockRoutes(app, deps);
  const accounts = makeAccountParts({ pool: deps.pool, secret: deps.operatorSecret, log: deps.log });
  addSessionRoutes(app, deps, accounts);
  addProviderRoutes(app, deps, accounts);
  addAccountRoutes(app, deps);
  addTokenRoutes(app, deps);
  addLogRoutes(app, deps);
  addPageRoutes(app, deps);
  addServiceRoutes(app, deps);
  return app;
}

/**
 * Node closes idle connections when the stop begins; it would keep a connection that is busy then, or has not quite finished,
 * open for its next request for a minute.
 */
function closeIdleConnections(app: FastifyInstance): void {
  if (!app.server.listening) return;
  const timer = setInterval(() => app.server.closeIdleConnections(), IDLE_CHECK_MS);
  app.server.once('close', () => clearInterval(timer));
}

function countAnswers(app: FastifyInstance, deps: ApiDeps): void {
  const answers = new Counter({
    name: 'fairline_api_answers_total',
    help: "Answers of the operator's API",
    labelNames: ['method', 'route', 'status'] as const,
    registers: [deps.registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    answers.inc({ method: request.method, route, status: reply.statusCode });
  });
}
