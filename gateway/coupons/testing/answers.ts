/** For the test of the OpenAPI document: produces every answer that it promises to shops. */
import { randomUUID } from 'node:crypto';
import type { AskInit, System } from '../../../engine/test/system.ts';

export interface Given {
  readonly status: number;
  readonly mediaType: string;
  readonly text: string;
}

/** Every answer that the document promises, `METHOD path status slug` (no slug for a success): how to get it. */
export type Cases = Readonly<Record<string, () => Promise<Given>>>;

export interface CouponCasesOptions {
  /** Has the coupons SHARED, and ONCE with a single use. */
  readonly system: System;
  /** The index of a gateway without Postgres, and of one without SHOP_TOKEN. */
  readonly cut: number;
  readonly noShop: number;
  /** Sends a POST whose body never arrives. */
  readonly slowBody: (path: string, authorization: string) => Promise<Given>;
}

export function couponCases({ system, cut, noShop, slowBody }: CouponCasesOptions): Cases {
  const shop = async (method: string, path: string, body?: unknown, init: AskInit = {}): Promise<Given> => {
    const { status, headers, text } = await system.shop(method, path, {
      headers: { 'idempotency-key': randomUUID() },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...init,
    });
    return { status, mediaType: headers.get('content-type') ?? '', text };
  };
  const basket = (changes: Readonly<Record<string, unknown>> = {}): object => ({
    user: 'alice',
    currency: 'EUR',
    lines: [{ product: 'shoe', quantity: 2, unit_amount: 5_000 }],
    codes: ['SHARED'],
    ...changes,
  });
  /** Makes a reservation; resolves to its id. */
  const held = async (changes = {}): Promise<number> =>
    Number(JSON.parse((await shop('POST', '/v1/reservations', basket(changes))).text).id);
  const redeemed = async (): Promise<number> =>
    Number(JSON.parse((await shop('POST', '/v1/redemptions', basket())).text).id);
  const again = async (path: string, body: object): Promise<Given> => {
    const headers = { 'idempotency-key': randomUUID() };
    await shop('POST', path, body, { headers });
    return await shop('POST', path, body, { headers });
  };
  const reused = async (path: string, body: object, other: object): Promise<Given> => {
    const headers = { 'idempotency-key': randomUUID() };
    await shop('POST', path, body, { headers });
    return await shop('POST', path, other, { headers });
  };

  /** The answers of each operation for shops to callers without the token, and while it cannot be served. */
  const shopCases = (
    method: string,
    path: string,
    at: () => Promise<string> | string,
    body?: object,
  ): Cases => {
    const name = `${method} ${path}`;
    const METHOD = method.toUpperCase();
    return {
      [`${name} 401 unauthenticated`]: async () =>
        shop(METHOD, await at(), body, { headers: { authorization: 'Bearer of-another-shop' } }),
      [`${name} 503 not-configured`]: async () => shop(METHOD, await at(), body, { gateway: noShop }),
      [`${name} 503 unavailable`]: async () =>
        shop(METHOD, await at(), body, { gateway: cut, headers: { 'idempotency-key': 'one' } }),
    };
  };
  const bodyCases = (path: string, at: () => Promise<string>, right: object, other: object): Cases => ({
    [`post ${path} 400 invalid-request`]: async () => shop('POST', await at(), right, { headers: {} }),
    [`post ${path} 408 request-timeout`]: async () => slowBody(await at(), system.shopAuthorization),
    [`post ${path} 413 payload-too-large`]: async () =>
      shop('POST', await at(), undefined, { body: ' '.repeat(20_000) }),
    [`post ${path} 415 unsupported-media-type`]: async () =>
      shop('POST', await at(), right, { headers: { 'content-type': 'text/xml' } }),
    [`post ${path} 409 idempotency-key-reused`]: async () => reused(await at(), right, other),
  });
  const RESERVATIONS = '/v1/reservations';
  const REDEMPTIONS = '/v1/redemptions';
  const REFUNDS = '/v1/redemptions/{id}/refunds';
  const refundsOf = async (): Promise<string> => `${REDEMPTIONS}/${await redeemed()}/refunds`;
  return {
    // A code that nobody has read, so that Redis has no copy of it either.
    ...shopCases('get', '/v1/coupons/{code}', () => '/v1/coupons/ONCE'),
    'get /v1/coupons/{code} 200 ': () => shop('GET', '/v1/coupons/SHARED'),
    'get /v1/coupons/{code} 404 unknown-coupon': () => shop('GET', '/v1/coupons/NONE'),
    ...shopCases('post', RESERVATIONS, () => RESERVATIONS, basket()),
    ...bodyCases(RESERVATIONS, async () => RESERVATIONS, basket(), basket({ user: 'bob' })),
    'post /v1/reservations 201 ': () => shop('POST', RESERVATIONS, basket()),
    'post /v1/reservations 200 ': () => again(RESERVATIONS, basket()),
    'post /v1/reservations 409 coupon-refused': () => shop('POST', RESERVATIONS, basket({ codes: ['NONE'] })),
    ...shopCases('get', '/v1/reservations/{id}', () => `${RESERVATIONS}/1`),
    'get /v1/reservations/{id} 200 ': async () => shop('GET', `${RESERVATIONS}/${await held()}`),
    'get /v1/reservations/{id} 400 invalid-request': () => shop('GET', `${RESERVATIONS}/first`),
    'get /v1/reservations/{id} 404 unknown-reservation': async () =>
      shop('GET', `${RESERVATIONS}/${await redeemed()}`),
    ...shopCases('delete', '/v1/reservations/{id}', () => `${RESERVATIONS}/1`),
    'delete /v1/reservations/{id} 200 ': async () => shop('DELETE', `${RESERVATIONS}/${await held()}`),
    'delete /v1/reservations/{id} 400 invalid-request': () => shop('DELETE', `${RESERVATIONS}/0`),
    'delete /v1/reservations/{id} 404 unknown-reservation': () => shop('DELETE', `${RESERVATIONS}/987654`),
    'delete /v1/reservations/{id} 409 already-redeemed': async () => {
      const reservation = await held();
      await shop('POST', REDEMPTIONS, { reservation });
      return await shop('DELETE', `${RESERVATIONS}/${reservation}`);
    },
    ...shopCases('post', REDEMPTIONS, () => REDEMPTIONS, basket()),
    ...bodyCases(REDEMPTIONS, async () => REDEMPTIONS, basket(), basket({ user: 'bob' })),
    'post /v1/redemptions 201 ': async () => shop('POST', REDEMPTIONS, { reservation: await held() }),
    'post /v1/redemptions 200 ': async () => again(REDEMPTIONS, { reservation: await held() }),
    'post /v1/redemptions 409 coupon-refused': async () => {
      await shop('POST', REDEMPTIONS, basket({ codes: ['ONCE'] }));
      return await shop('POST', REDEMPTIONS, basket({ codes: ['SHARED', 'ONCE'] }));
    },
    'post /v1/redemptions 404 unknown-reservation': () => shop('POST', REDEMPTIONS, { reservation: 987_654 }),
    'post /v1/redemptions 409 reservation-over': async () => {
      const reservation = await held();
      await shop('DELETE', `${RESERVATIONS}/${reservation}`);
      return await shop('POST', REDEMPTIONS, { reservation });
    },
    'post /v1/redemptions 409 already-redeemed': async () => {
      const reservation = await held();
      await shop('POST', REDEMPTIONS, { reservation });
      return await shop('POST', REDEMPTIONS, { reservation });
    },
    ...shopCases('get', '/v1/redemptions/{id}', () => `${REDEMPTIONS}/1`),
    'get /v1/redemptions/{id} 200 ': async () => shop('GET', `${REDEMPTIONS}/${await redeemed()}`),
    'get /v1/redemptions/{id} 400 invalid-request': () => shop('GET', `${REDEMPTIONS}/1.5`),
    'get /v1/redemptions/{id} 404 unknown-redemption': async () =>
      shop('GET', `${REDEMPTIONS}/${await held()}`),
    ...shopCases('post', REFUNDS, refundsOf, {}),
    ...bodyCases(
      REFUNDS,
      refundsOf,
      { lines: [{ line: 1, quantity: 1 }] },
      { lines: [{ line: 1, quantity: 2 }] },
    ),
    'post /v1/redemptions/{id}/refunds 201 ': async () => shop('POST', await refundsOf(), {}),
    'post /v1/redemptions/{id}/refunds 200 ': async () => again(await refundsOf(), {}),
    'post /v1/redemptions/{id}/refunds 404 unknown-redemption': async () =>
      shop('POST', `${REDEMPTIONS}/${await held()}/refunds`, {}),
    'post /v1/redemptions/{id}/refunds 409 nothing-to-refund': async () => {
      const path = await refundsOf();
      await shop('POST', path, {});
      return await shop('POST', path, {});
    },
    ...shopCases('get', REFUNDS, refundsOf),
    'get /v1/redemptions/{id}/refunds 200 ': async () => {
      const path = await refundsOf();
      await shop('POST', path, { lines: [{ line: 1, quantity: 1 }] });
      return await shop('GET', path);
    },
    'get /v1/redemptions/{id}/refunds 400 invalid-request': () => shop('GET', `${REDEMPTIONS}/x/refunds`),
    'get /v1/redemptions/{id}/refunds 404 unknown-redemption': async () =>
      shop('GET', `${REDEMPTIONS}/${await held()}/refunds`),
  };
}
