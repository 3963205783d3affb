/**
 * Passes and visits: JWTs (RFC 7519) signed with Ed25519 (RFC 8037), which shops verify with the JWKS that every gateway
 * publishes.
 *
 * - A pass states that this user may come in now. It is valid for PASS_LIFETIME_S; its holder may request a new one.
 * - A visit states that a pass was used. The shop keeps it for as long as the customer is inside.
 *
 * Both are bound to their user, their campaign and the number of their admission. The header's `typ` distinguishes them from
 * each other and from everything else that is signed (RFC 8725, section 3.11).
 */
import { createPublicKey } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Static } from 'typebox';
import Type from 'typebox';
import Value from 'typebox/value';
import { type FieldFault, secretFault } from '../../engine/contract/api/problem.ts';
import type { KeyRing } from '../../engine/contract/keys/key-ring.ts';
import type { Jwks } from '../http/contract/published.ts';

export type PassKind = 'pass' | 'visit';
const TYPES = { pass: 'fairline-pass+jwt', visit: 'fairline-visit+jwt' } as const;
const ISSUER = 'fairline';
const ALGORITHM = 'EdDSA';
/** For tokens that another gateway has issued: its copy of the shared clock may be behind by less than this. */
const TOLERANCE_S = 2;

const Claims = Type.Object({
  /** The user. */
  sub: Type.String({ minLength: 1 }),
  campaign: Type.Integer({ minimum: 1 }),
  /** The admission: 1, 2, 3 ... in its campaign. */
  serial: Type.Integer({ minimum: 1 }),
  /** The code of the admission. Only the admitted user knows it, so nobody can make up the admission of another user. */
  jti: Type.String({ minLength: 1 }),
});
export type PassClaims = Static<typeof Claims>;

/** The audience of a campaign's passes: a shop for one campaign does not accept those of another. */
function audienceOf(campaignId: number): string {
  return `fairline-room-${campaignId}`;
}

export interface SignedPass {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresMs: number;
}

export class PassTokens {
  readonly #keys: KeyRing;
  readonly #nowMs: () => number;

  /** `nowMs`: the time that all gateways share, milliseconds since the epoch. */
  constructor(keys: KeyRing, nowMs: () => number) {
    this.#keys = keys;
    this.#nowMs = nowMs;
  }

  /** A token that is valid for `lifetimeMs` from now on; undefined while there is no key to sign with. */
  async sign(kind: PassKind, claims: PassClaims, lifetimeMs: number): Promise<SignedPass | undefined> {
    const nowMs = this.#nowMs();
    const key = this.#keys.keyAt('passes', nowMs);
    if (key === undefined) return undefined;
    const expiresMs = Math.floor(nowMs + lifetimeMs);
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPES[kind], kid: key.id })
      .setIssuer(ISSUER)
      .setAudience(audienceOf(claims.campaign))
      .setIssuedAt(Math.floor(nowMs / 1000))
      .setExpirationTime(Math.floor(expiresMs / 1000))
      .sign(key.privateKey);
    return { token, expiresMs };
  }

  /** The claims of the token, or its fault. */
  async verify(
    kind: PassKind,
    campaignId: number,
    token: string,
  ): Promise<{ readonly claims: PassClaims } | { readonly fault: FieldFault }> {
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.#publicKey(kid), {
        algorithms: [ALGORITHM],
        typ: TYPES[kind],
        issuer: ISSUER,
        audience: audienceOf(campaignId),
        clockTolerance: TOLERANCE_S,
        currentDate: new Date(this.#nowMs()),
        requiredClaims: ['exp'],
      });
      const claims = claimsOf(payload);
      if (claims?.campaign === campaignId) return { claims };
      return { fault: secretFault(kind, token, `a ${kind} with the claims that a gateway issues`) };
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      return { fault: secretFault(kind, token, expectedAfter(error, kind, campaignId)) };
    }
  }

  jwks(): Jwks {
    return {
      keys: this.#keys.validKeys('passes', this.#nowMs()).map(key => ({
        kty: 'OKP',
        crv: 'Ed25519',
        x: key.publicBytes.toString('base64url'),
        kid: key.id,
        use: 'sig',
        alg: ALGORITHM,
      })),
    };
  }

  #publicKey(kid: string | undefined) {
    const key = this.#keys.validKeys('passes', this.#nowMs()).find(({ id }) => id === kid);
    if (key === undefined) throw new errors.JWKSNoMatchingKey();
    return createPublicKey(key.privateKey);
  }
}

function claimsOf(payload: JWTPayload): PassClaims | undefined {
  return Value.Check(Claims, payload) ? payload : undefined;
}

/** A fault never shows the token itself, so the expectation says what is wrong with it. */
function expectedAfter(error: errors.JOSEError, kind: PassKind, campaignId: number): string {
  if (error instanceof errors.JWTExpired) return `an unexpired ${kind}; a gateway issues a new one`;
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud')
    return `a ${kind} for campaign ${campaignId}`;
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed)
    return `a ${kind} signed with a key from /.well-known/jwks.json`;
  return `a ${kind} issued by a gateway: a signed JWT`;
}
