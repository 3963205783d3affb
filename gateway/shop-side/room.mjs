/**
 * The shop's side of a waiting room: admits customers with a pass, and reports to the room who has left. One file without
 * packages, for Node 20 and later; copy it into the shop. README.md beside it shows it in use.
 *
 * A customer comes with a pass (`?pass=` or the cookie fairline_pass). It is verified here, with the keys that the gateway
 * publishes, and reported as used. The answer contains the visit, which is kept in the cookie fairline_visit and from then on
 * verified here alone. While the gateway is unavailable, customers who are inside stay inside, and nobody new is admitted.
 */
import { createPublicKey, verify } from 'node:crypto';

const PASS_COOKIE = 'fairline_pass';
const VISIT_COOKIE = 'fairline_visit';
const TYPES = { pass: 'fairline-pass+jwt', visit: 'fairline-visit+jwt' };
/** Keys are fetched at most once per this interval, so that made-up key ids cause no load. */
const KEYS_AGAIN_MS = 1_000;
const TOLERANCE_S = 2;
const TIMEOUT_MS = 3_000;
const LONGEST_TOKEN = 2_048;

/** @type {import('./room.d.mts').createRoomGate} */
export function createRoomGate({ gateway, campaign, shopToken, fetch: ask = fetch, now = Date.now }) {
  const base = gateway.replace(/\/+$/, '');
  const audience = `fairline-room-${campaign}`;
  /** @type {Map<string, import('node:crypto').KeyObject>} */
  let keys = new Map();
  let askedAtMs = Number.NEGATIVE_INFINITY;

  /** @param {string} kid */
  async function keyOf(kid) {
    const known = keys.get(kid);
    if (known !== undefined || now() - askedAtMs < KEYS_AGAIN_MS) return known;
    askedAtMs = now();
    const response = await ask(`${base}/.well-known/jwks.json`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`the keys were answered with ${response.status}`);
    const { keys: found } = await response.json();
    keys = new Map(found.map(jwk => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]));
    return keys.get(kid);
  }

  /** The claims of a valid token; undefined for any other. @param {'pass' | 'visit'} kind @param {string} token */
  async function claimsOf(kind, token) {
    const [head, body, signature, ...rest] = token.split('.');
    if (token.length > LONGEST_TOKEN || !head || !body || !signature || rest.length > 0) return undefined;
    const header = read(head);
    const claims = read(body);
    if (header?.alg !== 'EdDSA' || header.typ !== TYPES[kind] || typeof header.kid !== 'string')
      return undefined;
    const key = await keyOf(header.kid);
    if (key === undefined || key.asymmetricKeyType !== 'ed25519') return undefined;
    if (!verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')))
      return undefined;
    const isOurs = claims?.iss === 'fairline' && claims.aud === audience && claims.campaign === campaign;
    return isOurs && claims.exp > now() / 1000 - TOLERANCE_S ? claims : undefined;
  }

  /** @param {Record<string, unknown>} what */
  function report(what) {
    return ask(`${base}/v1/campaigns/${campaign}/reports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${shopToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(what),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }

  async function admit({ url = '/', headers = {}, session }) {
    const cookies = cookiesOf(headers.cookie);
    const visit = await claimsOf('visit', cookies.get(VISIT_COOKIE) ?? '');
    if (visit !== undefined) return { inside: true, user: visit.sub, serial: visit.serial };
    const pass = new URL(url, 'http://shop').searchParams.get('pass') ?? cookies.get(PASS_COOKIE) ?? '';
    if ((await claimsOf('pass', pass)) === undefined)
      return { inside: false, reason: pass === '' ? 'no-pass' : 'pass-refused' };
    const response = await report({ event: 'used', pass, ...(session === undefined ? {} : { session }) });
    const answer = await response.json();
    if (!response.ok)
      return {
        inside: false,
        reason:
          String(answer.type ?? '')
            .split(':')
            .at(-1) ?? 'refused',
      };
    const claims = read(answer.visit.split('.')[1]);
    const seconds = Math.max(0, Math.floor(claims.exp - now() / 1000));
    return {
      inside: true,
      user: answer.user,
      serial: answer.serial,
      setCookie: `${VISIT_COOKIE}=${answer.visit}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax`,
    };
  }

  return {
    admit,
    async left(serial) {
      const response = await report({ event: 'left', serial });
      if (!response.ok) throw new Error(`that ${serial} has left was answered with ${response.status}`);
    },
    express({ waitingPage }) {
      return (request, response, next) => {
        admit(request).then(result => {
          if (result.setCookie !== undefined) response.setHeader('set-cookie', result.setCookie);
          if (!result.inside) {
            response.statusCode = 302;
            response.setHeader('location', waitingPage);
            response.end();
            return;
          }
          request.room = result;
          next();
        }, next);
      };
    },
    fastify({ waitingPage }) {
      return async (request, reply) => {
        const result = await admit(request);
        if (result.setCookie !== undefined) reply.header('set-cookie', result.setCookie);
        if (!result.inside) return reply.redirect(waitingPage);
        request.room = result;
        return undefined;
      };
    },
  };
}

/** A part of a token; undefined if it is not a JSON object. @param {string} part */
function read(part) {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string | undefined} header */
function cookiesOf(header = '') {
  return new Map(
    header.split(';').map(cookie => {
      const at = cookie.indexOf('=');
      return [cookie.slice(0, Math.max(0, at)).trim(), cookie.slice(at + 1).trim()];
    }),
  );
}
