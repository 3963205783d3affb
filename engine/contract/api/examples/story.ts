/**
 * The story that the examples of both OpenAPI documents tell. Its users and campaigns are the same in all of them:
 *
 * 1. A drop of coupons that have to be claimed. Alice is the 11,987th of 12,000: she is offered a coupon, claims it, redeems it for a
 *    shoe and gets her money back. Bob is the 12,345th and is waitlisted.
 * 2. A raffle of one bicycle. Alice wins and does not answer, so the bicycle passes on to Bob.
 * 3. A waiting room, which admits Alice as its 7th.
 * 4. The first drop once more.
 */

export const drop = {
  id: 1,
  title: 'First drop',
  stock: 12_000,
  waitlist: 2_000,
  claimWithinS: 900,
  /** At Alice's claim: who is settled, and who of them is still waitlisted. */
  settled: 15_260,
  waitlisted: 1_922,
  opensAt: '2030-01-31T17:00:00.000Z',
  closesAt: '2030-01-31T18:00:00.000Z',
  /** The coupon with the terms of its codes, as the service completes them. */
  coupon: 1,
  terms: { discount: 'percentage', basis_points: 2_000, limit_per_user: 1, exclusive: false, stack_order: 0 },
  rulesHash: 'U58xAo4-dR4gpZWDFe913P1qW9DPwjz-AT3knv_C5Ow',
  /** The operator lets it stay open for an hour longer, which announces other rules. */
  laterClose: '2030-01-31T19:00:00.000Z',
  laterRulesHash: 'dViWM9ZCxGh0rt5AQ1jN3UM4DtgkQb8Y5dhTqkh0p8I',
  /** Had the operator raised the stock while it lasted. */
  raisedStock: 15_000,
  raisedRulesHash: '36LwDoA1wvhb9Rczp_vfsDJuppT1bGUAi9d1ubM-oKM',
} as const;

export const raffle = {
  id: 2,
  title: 'A bicycle',
  /** Of Alice's and of Bob's entry. */
  stamps: [811_704_320, 1_377_239_041],
  opensAt: '2030-02-01T17:00:00.000Z',
  closesAt: '2030-02-01T18:00:00.000Z',
  drawnAt: '2030-02-01T18:00:01.318Z',
} as const;

export const room = {
  id: 3,
  title: 'Spring sale',
  opensAt: '2030-03-01T08:00:00.000Z',
  closesAt: '2030-03-01T20:00:00.000Z',
  perSecond: 50,
  capacity: 2_000,
  /** At noon. */
  admitted: 22_630,
  serial: 7,
  admittedAt: '2030-03-01T08:00:20.000Z',
  passUntil: '2030-03-01T08:05:01.000Z',
} as const;

/** All campaigns have it; in winter it is an hour ahead. */
export const TIME_ZONE = 'Europe/Berlin';
export const MADE_AT = '2030-01-24T09:00:00.000Z';

/** The first drop again, a week later. */
export const secondDrop = {
  id: 4,
  opensAt: '2030-02-07T17:00:00.000Z',
  closesAt: '2030-02-07T18:00:00.000Z',
  coupon: 3,
  rulesHash: 'oESmdJDRt-8ILtvc-rEA1Wl4obMazd4F9UtkOw0ho7Y',
} as const;

/** In the drop: stamped 0.589896 s after the opening by gateway 0. */
export const alice = {
  user: 'alice',
  stamp: 604_053_504,
  requestedAt: '2030-01-31T17:00:00.589896Z',
  position: 11_987,
  serial: 11_987,
  code: 'P9E7-HC7X-DYNM-7DCQ',
  offeredAt: '2030-01-31T17:00:01.204Z',
  claimBy: '2030-01-31T17:15:01.204Z',
  extendedTo: '2030-01-31T17:30:00.000Z',
  claimedAt: '2030-01-31T17:02:10.512Z',
} as const;

/** In the drop: stamped 0.601344 s after the opening by gateway 1. */
export const bob = {
  user: 'bob',
  stamp: 615_776_257,
  requestedAt: '2030-01-31T17:00:00.601344Z',
  position: 12_345,
  waitlistPosition: 345,
} as const;

/** What Alice buys with her code, in cents. */
export const basket = {
  currency: 'EUR',
  product: 'shoe',
  price: 8_900,
  discount: 1_780,
  total: 7_120,
} as const;

/** Of that basket; the reservation before it had the same id. */
export const redemption = {
  id: 17,
  holdSeconds: 600,
  heldUntil: '2030-01-31T17:14:30.000Z',
  redeemedAt: '2030-01-31T17:05:12.340Z',
  refundedAt: '2030-02-04T10:21:07.118Z',
} as const;

/** A shop among several that use the service, and the token of its servers. */
export const shop = {
  name: 'cycles',
  tokenName: 'checkout of cycles',
  token: 1,
  expiresAt: '2030-12-31T23:00:00.000Z',
  lastUsedAt: '2030-01-31T17:05:12.000Z',
} as const;

/** The first owner; the operators' API shows her account. */
export const grace = {
  name: 'Grace',
  account: 1,
  session: 1,
  password: 'three owls by the harbour',
  linkExpiresAt: '2030-01-24T10:00:00.000Z',
  sessionExpiresAt: '2030-01-24T21:00:00.000Z',
  authorizationUrl:
    'https://id.example.com/auth?client_id=fairline&response_type=code&scope=openid+profile&redirect_uri=https%3A%2F%2Fqueue.example.com%2Flogin&state=kT5mX0b1Qy7dRz3uWn8sVg.1895508900000.h1Hn7Xq2mB4cYt9PzKf3vLs8Rw0eUa6DgJi5oTxNbQM&nonce=Zr4Vw8Jc1Hn6Qx0Lt3Ks7Fp2Ym5Bd9Ge8Ua1RiOoWnE&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256',
  authorizationQuery:
    '?code=pXw3vT8yKq1&state=kT5mX0b1Qy7dRz3uWn8sVg.1895508900000.h1Hn7Xq2mB4cYt9PzKf3vLs8Rw0eUa6DgJi5oTxNbQM&iss=https%3A%2F%2Fid.example.com',
} as const;

/** Who looks after the campaigns; the operators' API shows her token, and what she may not do with it. */
export const ann = {
  name: 'Ann',
  token: 1,
  expiresAt: '2030-12-31T23:00:00.000Z',
  lastUsedAt: '2030-01-31T16:59:00.000Z',
} as const;
