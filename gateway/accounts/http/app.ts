/** The HTTP server of the process that keeps accounts. */
import uws, { type HttpRequest, type HttpResponse, type TemplatedApp } from 'uWebSockets.js';
import type { Problem } from '../../../engine/contract/api/problem.ts';
import { clientAddress } from '../../../engine/contract/clients/client-address.ts';
import { networkOf } from '../../../engine/contract/clients/network.ts';
import type { TrustedProxies } from '../../../engine/contract/clients/trusted-proxies.ts';
import { readBodyText } from '../../http/body.ts';
import type { CorsParts } from '../../http/cors.ts';
import {
  type ConnectionParts,
  limitConnections,
  refuseHead,
  refuseMethod,
  refusePath,
} from '../../http/fallbacks.ts';
import { ANSWERED, type Headers, Reply } from '../../http/reply.ts';
import { type Head, readHead } from '../../http/requests.ts';
import type { ActAnswer, Asker } from '../act-parts.ts';
import type { AccountsConfig } from '../config.ts';
import { MOST_ACCOUNT_BODY_BYTES } from '../forward/forward.ts';
import { problemOf } from '../library/library-errors.ts';
import type { AccountsMetrics } from '../metrics.ts';
import type { UnknownNetworks } from '../network.ts';
import { accountsUnavailable, foreignOrigin, localNotConfigured } from '../problems.ts';
import { readAccountBody } from './input.ts';
import { type AccountRoute, accountRoutes, type RouteParts } from './routes.ts';
import type { ActsUnderWay } from './under-way.ts';

export interface AccountsAppParts extends RouteParts, CorsParts {
  readonly config: AccountsConfig;
  readonly metrics: AccountsMetrics;
  readonly proxies: TrustedProxies;
  readonly unknown: Pick<UnknownNetworks, 'count'>;
  readonly acts: ActsUnderWay;
  /** What keeps the process from serving; undefined if nothing does. */
  readonly hindrance: () => string | undefined;
  /** Called when an act has failed: that is a defect, answered with 500. */
  readonly failed: (error: unknown) => void;
}

const METHOD_NAMES = { get: 'GET', post: 'POST', del: 'DELETE' } as const;

/** No cache may keep an answer about an account, or a ticket. */
const NO_STORE = { 'cache-control': 'no-store' } as const;

export function buildAccountsApp(parts: AccountsAppParts): TemplatedApp {
  const app = uws.App();
  const connections: ConnectionParts = { ...parts, connections: { count: 0 } };
  limitConnections(app, connections);
  for (const route of accountRoutes) {
    app[route.method](route.path, (res, req) => parts.acts.run(() => serve(parts, route, res, req)));
    app.any(route.path, (res, req) => refuseMethod(parts, res, req, METHOD_NAMES[route.method]));
  }
  app.get('/livez', res => new Reply(res).json(200, '{"status":"ok"}'));
  app.get('/readyz', res => answerReady(parts, new Reply(res)));
  app.get('/metrics', res => void answerMetrics(parts, new Reply(res)));
  app.any('/*', (res, req) => refusePath(parts, res, req));
  return app;
}

/** Everything is read of the request before the first await. */
async function serve(
  parts: AccountsAppParts,
  route: AccountRoute,
  res: HttpResponse,
  req: HttpRequest,
): Promise<void> {
  const reply = new Reply(res);
  const head = { ...readHead(req) };
  reply.cors = parts.cors.linesFor(head.origin);
  const { operation, method, body: schema, act } = route;
  try {
    if (head.bytes > parts.config.MAX_HEADER_BYTES) return refuseHead(parts, reply, head.bytes);
    const asker = askerOf(parts, reply, req, head);
    parts.unknown.count(asker.network);
    const id = route.path.endsWith('/:id') ? req.getParameter(0) : undefined;
    if (method !== 'get') checkOrigin(parts, head.origin, req.getHeader('sec-fetch-site'));
    if (route.isLocal && parts.config.LOCAL_ACCOUNTS === 'off') throw localNotConfigured();
    if (parts.hindrance() !== undefined) throw accountsUnavailable();
    const text = schema && (await readBodyText(parts, reply, head, MOST_ACCOUNT_BODY_BYTES));
    if (text === ANSWERED) return;
    const given = schema && text !== undefined ? readAccountBody(text, schema) : id;
    const answer = await act(parts, asker, given);
    parts.metrics.answered(operation, answer.status);
    send(reply, answer);
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) parts.failed(error);
    parts.metrics.answered(operation, problem?.status ?? 500);
    refuse(reply, problem);
  }
}

function send(reply: Reply, { status, body, cookies = [] }: ActAnswer): void {
  const headers: Headers = cookies.length === 0 ? NO_STORE : { ...NO_STORE, 'set-cookie': cookies };
  // Most tickets: status and headers in one call.
  if (status === 200 && cookies.length === 0) reply.notStored(JSON.stringify(body));
  else if (body === undefined) reply.empty(status, headers);
  else reply.json(status, JSON.stringify(body), headers);
}

function refuse(reply: Reply, problem: Problem | undefined): void {
  if (problem === undefined) {
    reply.problem('internal-error', 'The request failed. Retrying is safe.');
    return;
  }
  const { slug, message, members, headers } = problem;
  reply.problem(slug, message, { members, headers: { ...NO_STORE, ...headers } });
}

function askerOf({ proxies }: AccountsAppParts, reply: Reply, req: HttpRequest, head: Readonly<Head>): Asker {
  return {
    cookies: head.cookie,
    network: networkOf(clientAddress(proxies, reply.remoteAddress(), head.forwardedFor)),
    userAgent: req.getHeader('user-agent'),
    language: req.getHeader('accept-language'),
  };
}

/**
 * Refuses a change that a page of an origin that is not listed asks for. SameSite=Lax keeps the cookie away from pages of other sites, and
 * this from those of other hosts of the same site. Browsers send Sec-Fetch-Site to secure origins, and Origin with each POST and DELETE; no
 * page can set either. What sends neither is no browser, and brings no cookie that its user did not give it.
 */
function checkOrigin({ config, cors }: AccountsAppParts, origin: string, site: string): void {
  if (cors.has(origin)) return;
  if (site !== '') {
    if (site !== 'same-origin' && site !== 'none') throw foreignOrigin('sec-fetch-site', 'same-origin');
    return;
  }
  if (origin !== '' && origin !== config.ACCOUNTS_PUBLIC_URL) {
    throw foreignOrigin('origin', config.ACCOUNTS_PUBLIC_URL);
  }
}

function answerReady({ hindrance }: AccountsAppParts, reply: Reply): void {
  const why = hindrance();
  const body = { status: why === undefined ? 'ok' : 'unavailable', checks: { database: why ?? 'ok' } };
  reply.json(why === undefined ? 200 : 503, JSON.stringify(body));
}

async function answerMetrics({ metrics }: AccountsAppParts, reply: Reply): Promise<void> {
  reply.text(200, metrics.registry.contentType, await metrics.registry.metrics());
}
