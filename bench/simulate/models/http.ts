/**
 * One request to a simulated gateway, and its response, as uWebSockets.js passes them to a handler: there is no socket, but the
 * calls are the same. What a handler sends is passed on at once, piece by piece.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Method } from '../../../gateway/http/routes.ts';
import { standIn } from '../kernel/stand-in.ts';

/** A client's request, once the gateway has read its head. */
export interface ClientRequest {
  readonly campaignId: number;
  readonly userId: string;
  readonly what: 'enter' | 'withdraw' | 'look' | 'watch' | 'claim';
  readonly lastEventId: string;
  /** X-Request-Start as a proxy set it; '' for none. */
  readonly requestStart: string;
  /** The body of an entry arrives this much later than the head, microseconds; undefined for no body. */
  readonly bodyAfterUs: number | undefined;
}

/** A shop's request about coupons. */
export interface ShopCall {
  readonly what: 'hold' | 'redeem' | 'commit' | 'release' | 'refund' | 'show';
  /** Its idempotency key. */
  readonly key: string;
  /** JSON; '' for none. */
  readonly body: string;
  /** The hold to redeem or release, the redemption to refund, or the code to show. */
  readonly of: number | string | undefined;
}

/** Authenticates a shop. */
export const SHOP_TOKEN = 'the-token-of-the-simulated-shop';

export interface Receiver {
  /** A complete response. */
  answered(status: number, body: string): void;
  /** A piece of a stream. */
  streamed(text: string): void;
  /** The connection has ended: either the stream has, or the gateway closed it. */
  over(): void;
}

/** Every request comes through it. */
export const PROXY = '10.0.0.7';
const PROXY_BYTES = new TextEncoder().encode(PROXY).buffer;

type OnData = (chunk: ArrayBuffer, isLast: boolean) => void;

export class Exchange {
  readonly response: HttpResponse;
  readonly #receiver: Receiver;
  #status = 0;
  #isStream = false;
  #isOver = false;
  #aborted: (() => void) | undefined;
  #onData: OnData | undefined;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
    const response: HttpResponse = standIn<HttpResponse>('response', {
      onAborted: (handler: () => void) => {
        this.#aborted = handler;
        return response;
      },
      onData: (handler: OnData) => {
        this.#onData = handler;
        return response;
      },
      onWritable: () => response,
      cork: (handler: () => void) => {
        handler();
        return response;
      },
      writeStatus: (status: string) => {
        this.#status = Number(status.slice(0, 3));
        return response;
      },
      writeHeader: () => response,
      getRemoteAddressAsText: () => PROXY_BYTES,
      write: (text: string) => {
        this.#isStream = true;
        this.#receiver.streamed(text);
        return true;
      },
      end: (body: string) => this.#end(body),
      endWithoutBody: () => this.#end(''),
      close: () => this.abort(),
    });
    this.response = response;
  }

  /** The body has arrived. */
  deliver(body: string): void {
    const bytes = new TextEncoder().encode(body);
    if (!this.#isOver) this.#onData?.(bytes.buffer, true);
  }

  /** Either side has closed the connection. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#aborted?.();
    this.#receiver.over();
  }

  /** The gateway is gone, and its connections with it. */
  lose(): void {
    if (!this.#isOver) this.#receiver.over();
    this.#isOver = true;
  }

  #end(body: string): HttpResponse {
    this.#isOver = true;
    if (this.#isStream) {
      this.#receiver.streamed(body);
      this.#receiver.over();
    } else this.#receiver.answered(this.#status, body);
    return this.response;
  }
}

const ROUTES: Readonly<Record<ClientRequest['what'], readonly [Method, string]>> = {
  enter: ['post', '/v1/campaigns/:id/entries'],
  withdraw: ['del', '/v1/campaigns/:id/entries/me'],
  look: ['get', '/v1/campaigns/:id/entries/me'],
  claim: ['post', '/v1/campaigns/:id/entries/me/claim'],
  watch: ['get', '/v1/campaigns/:id/queue'],
};

/** The method and path of a request, as in production's routes. */
export function routeOf({ what }: ClientRequest): readonly [Method, string] {
  return ROUTES[what];
}

const SHOP_ROUTES: Readonly<Record<ShopCall['what'], readonly [Method, string]>> = {
  hold: ['post', '/v1/reservations'],
  redeem: ['post', '/v1/redemptions'],
  commit: ['post', '/v1/redemptions'],
  release: ['del', '/v1/reservations/:id'],
  refund: ['post', '/v1/redemptions/:id/refunds'],
  show: ['get', '/v1/coupons/:code'],
};

export function shopRouteOf({ what }: ShopCall): readonly [Method, string] {
  return SHOP_ROUTES[what];
}

export function shopRequestOf(call: ShopCall): HttpRequest {
  const { key, body, of } = call;
  const headers: readonly (readonly [string, string])[] = [
    ['authorization', `Bearer ${SHOP_TOKEN}`],
    ['idempotency-key', key],
    ['content-length', body === '' ? '' : String(body.length)],
    ['content-type', body === '' ? '' : 'application/json'],
  ];
  return requestWith(headers, {
    getParameter: () => String(of),
    getHeader: (name: string) => headers.find(([known]) => known === name)?.[1] ?? '',
    getUrl: () => shopRouteOf(call)[1].replace(':id', String(of)),
  });
}

/** The request's headers. The ticket is the user's id, which SimulatedVerifier accepts. */
export function requestOf(request: ClientRequest): HttpRequest {
  const { campaignId, userId, lastEventId, bodyAfterUs, requestStart } = request;
  const headers: readonly (readonly [string, string])[] = [
    ['authorization', `Bearer ${userId}`],
    ['last-event-id', lastEventId],
    ['x-request-start', requestStart],
    ['content-length', bodyAfterUs === undefined ? '' : '2'],
    ['content-type', bodyAfterUs === undefined ? '' : 'application/json'],
  ];
  return requestWith(headers, { getParameter: () => String(campaignId), getQuery: () => undefined });
}

function requestWith(
  headers: readonly (readonly [string, string])[],
  others: Partial<Record<keyof HttpRequest, unknown>>,
): HttpRequest {
  return standIn<HttpRequest>('request', {
    ...others,
    forEach: (read: (name: string, value: string) => void) => {
      for (const [name, value] of headers) if (value !== '') read(name, value);
    },
  });
}
