/**
 * Passes requests for accounts on to the process that keeps them (ACCOUNTS_URL), so that pages and accounts have one origin. All that
 * costs time happens there; here a request costs some 0.2 ms. A proxy in front may send them there itself.
 */

import type { HttpRequest } from 'uWebSockets.js';
import { Agent, type IncomingMessage, request } from 'node:http';
import { cookieOf } from '../../../engine/contract/api/cookies.ts';
import type { Problem } from '../../../engine/contract/api/problem.ts';
import { addressPrefix, clientAddress } from '../../../engine/contract/clients/client-address.ts';
import type { TrustedProxies } from '../../../engine/contract/clients/trusted-proxies.ts';
import type { GatewayConfig } from '../../config.ts';
import { readBodyText } from '../../http/body.ts';
import { ANSWERED, type Headers, type Reply } from '../../http/reply.ts';
import { type Head, hasBody, type RefusalParts } from '../../http/requests.ts';
import { DEVICE_COOKIE } from '../attempts.ts';
import { accountsNotConfigured, accountsUnavailable, tooManyWaiting } from '../problems.ts';
import { AUTHORIZATION_COOKIE, SESSION_COOKIE } from '../session/session-cookie.ts';

/** A password, an address and a link's token fit several times. */
export const MOST_ACCOUNT_BODY_BYTES = 4_096;
/** Twenty sessions are some 6 KB. */
const MOST_ANSWER_BYTES = 65_536;
/** What hashes no password: tickets and looks at the account. They have connections of their own, so they never wait for logins. */
const QUICK = /^\/v1\/accounts\/(ticket|me|sessions(\/[^/]*)?|logout|logout-everywhere)$/;
/** An idle connection is closed by then; the process there closes it after 10 s, and a request that is just on its way would be lost. */
const IDLE_MS = 5_000;
/** Longer than logins wait for their turn there. */
const TIMEOUT_MS = 15_000;

/** A storm must not keep the memory of a gateway. */
interface LaneTerms {
  readonly connections: number;
  readonly mostUnderWay: number;
}
/** Answers take a millisecond, so requests may wait for a connection. */
const QUICK_LANE: LaneTerms = { connections: 128, mostUnderWay: 512 };
/** Nothing waits here, so the queue of the process behind decides whose turn it is. It has 200 places. */
const SLOW_LANE: LaneTerms = { connections: 256, mostUnderWay: 256 };
/** Of the connections, for one client (an IPv4 address, an IPv6 /64): the others have some left. */
const SHARE_OF_ONE = 1 / 4;
/** For all clients whose address is unknown. */
const SHARE_OF_UNKNOWN = 1 / 2;

/** Read by the process of accounts beside what is read of every request. */
const REQUEST_HEADERS = ['user-agent', 'accept-language', 'origin', 'sec-fetch-site'] as const;
/** What it reads of the cookies. Pages of a shop set others, whose characters must not keep a fan out. */
const COOKIES = [SESSION_COOKIE, DEVICE_COOKIE, AUTHORIZATION_COOKIE] as const;
const COOKIE_VALUE = /^[\x21-\x3a\x3c-\x7e]*$/;
const ANSWER_HEADERS = ['set-cookie', 'retry-after', 'cache-control', 'allow'] as const;

export interface AccountsParts extends RefusalParts {
  readonly config: Pick<GatewayConfig, 'ACCOUNTS_URL' | 'BODY_TIMEOUT_MS'>;
  readonly proxies: Pick<TrustedProxies, 'has'>;
  readonly accounts: AccountsClient;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whose request it is, by addressPrefix; '' if unknown. */
  readonly client: string;
}

interface Answer {
  readonly status: number;
  readonly mediaType: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Answers with what the process of accounts answers; 429 if too many wait for it, 503 if it is not configured or does not answer. */
export async function forwardToAccounts(
  parts: AccountsParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  if (parts.config.ACCOUNTS_URL === '') return refuse(reply, accountsNotConfigured());
  const method = req.getCaseSensitiveMethod();
  const path = latin1(req.getUrl()).replace(/[^\x21-\xff]/g, encodeURIComponent);
  const headers = headersOf(parts, reply, req, head);
  const body = hasBody(head) ? await readBodyText(parts, reply, head, MOST_ACCOUNT_BODY_BYTES) : '';
  if (body === ANSWERED) return;
  try {
    const client = addressPrefix(headers['x-forwarded-for'] ?? '') ?? '';
    const answer = await parts.accounts.ask({ method, path, headers, body, client });
    if (answer.body === '') reply.empty(answer.status, answer.headers);
    else reply.text(answer.status, answer.mediaType, answer.body, answer.headers);
  } catch (error) {
    parts.metrics.refuse('accounts');
    refuse(reply, error instanceof TooManyWaiting ? tooManyWaiting() : accountsUnavailable());
  }
}

function refuse(reply: Reply, { slug, message, members, headers }: Problem): void {
  reply.problem(slug, message, { members, headers });
}

/** X-Forwarded-For is the client alone, as far as it can be known: what the client itself says of it never gets there. */
function headersOf(
  { proxies }: AccountsParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of REQUEST_HEADERS) {
    const value = latin1(req.getHeader(name));
    if (HEADER_VALUE.test(value)) headers[name] = value;
  }
  const cookies = COOKIES.flatMap(name => {
    const value = cookieOf(head.cookie, name);
    return value !== undefined && COOKIE_VALUE.test(value) ? [`${name}=${value}`] : [];
  });
  if (cookies.length > 0) headers.cookie = cookies.join('; ');
  if (hasBody(head)) headers['content-type'] = latin1(head.contentType);
  const address = clientAddress(proxies, reply.remoteAddress(), head.forwardedFor);
  if (address !== undefined) headers['x-forwarded-for'] = address;
  return headers;
}

/** What node:http sends, which is not all that arrives. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]+$/;

/** The bytes that uWebSockets.js has read as UTF-8, each as a character, as node:http sends them. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Too many requests wait for the process of accounts: of one client, or in all. Nothing was asked. */
export class TooManyWaiting extends Error {}

interface Lane extends LaneTerms {
  readonly agent: Agent;
  underWay: number;
  /** Of each client that has any. */
  readonly byClient: Map<string, number>;
}

function makeLane(terms: LaneTerms): Lane {
  const { connections } = terms;
  return {
    ...terms,
    agent: new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'lifo', timeout: IDLE_MS }),
    underWay: 0,
    byClient: new Map(),
  };
}

/** Connections to the process of accounts, opened when they are needed. */
export class AccountsClient {
  /** '' is an address too, at which nobody is asked. */
  readonly #host: { readonly hostname: string; readonly port: string };
  readonly #quick = makeLane(QUICK_LANE);
  readonly #slow = makeLane(SLOW_LANE);

  constructor(url: string) {
    const { hostname, port } = new URL(url === '' ? 'http://localhost' : url);
    this.#host = { hostname, port };
  }

  /** Rejects with TooManyWaiting, and otherwise if there is no whole answer in time. */
  async ask(asked: Asked): Promise<Answer> {
    const lane = QUICK.test(asked.path) ? this.#quick : this.#slow;
    const { client } = asked;
    const ofClient = lane.byClient.get(client) ?? 0;
    const share = client === '' ? SHARE_OF_UNKNOWN : SHARE_OF_ONE;
    if (lane.underWay >= lane.mostUnderWay || ofClient >= lane.connections * share)
      throw new TooManyWaiting();
    lane.underWay += 1;
    lane.byClient.set(client, ofClient + 1);
    try {
      return await this.#send(asked, lane.agent);
    } finally {
      lane.underWay -= 1;
      const left = (lane.byClient.get(client) ?? 0) - 1;
      if (left > 0) lane.byClient.set(client, left);
      else lane.byClient.delete(client);
    }
  }

  close(): void {
    this.#quick.agent.destroy();
    this.#slow.agent.destroy();
  }

  #send({ method, path, headers, body }: Asked, agent: Agent): Promise<Answer> {
    return new Promise((resolve, reject) => {
      // The path as it came: a URL would resolve the dots in it, and so reach routes that are not of accounts.
      const sent = request({
        ...this.#host,
        method,
        path,
        agent,
        headers: { ...headers, ...(body === '' ? {} : { 'content-length': Buffer.byteLength(body) }) },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      sent.once('error', reject);
      sent.once('response', response => {
        read(response).then(resolve, reject);
      });
      // As bytes: node:http would write a text together with the head, and both in UTF-8.
      sent.end(Buffer.from(body, 'utf8'));
    });
  }
}

async function read(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > MOST_ANSWER_BYTES) throw new Error('the answer of the process of accounts is too large');
    chunks.push(chunk);
  }
  const headers: Record<string, string | readonly string[]> = {};
  for (const name of ANSWER_HEADERS) {
    const value = response.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  return {
    status: response.statusCode ?? 0,
    mediaType: response.headers['content-type'] ?? 'application/octet-stream',
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
