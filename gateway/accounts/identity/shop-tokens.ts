/**
 * Tokens of the shop's accounts: ID tokens or access tokens as JWT (OpenID Connect Core 1.0, section 3.1.3.7; RFC 9068), signed by the
 * provider. The signature is checked first; only then a refusal shows what the token says. The clock of this process decides.
 */
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { type FieldFault, fieldFault } from '../../../engine/contract/api/problem.ts';
import {
  algorithmRefused,
  providerUnavailable,
  tokenRefused,
} from '../../../engine/contract/identity/refusals.ts';
import { MAX_USER_ID_BYTES } from '../../../engine/contract/record/record.ts';
import { isUserId } from '../../ticket/ticket.ts';
import { type IssuerKeys, KeysUnavailable } from './issuer-keys.ts';

/** Between the provider's clock and ours. */
const CLOCK_TOLERANCE_S = 30;
/** From `iat` on, whatever `exp` says: nobody logs in with a token that was forgotten somewhere. */
const MOST_TOKEN_AGE_S = 86_400;
/** Not `logout+jwt` and the like, which name a person without having seen them. */
const TYPES = /^(jwt|(application\/)?at\+jwt)$/i;

export interface ShopTokensTerms {
  /** The first part of the ids of these fans. */
  readonly name: string;
  readonly issuer: string;
  readonly audience: string;
  /** Asymmetric ones only. */
  readonly algorithms: readonly string[];
  readonly keys: Pick<IssuerKeys, 'keyFor'>;
}

export class ShopTokens {
  readonly #terms: ShopTokensTerms;

  constructor(terms: ShopTokensTerms) {
    this.#terms = terms;
  }

  /** The id of the fan whose token it is. Rejects with Problem token-refused, which names what is wrong, or unavailable. */
  async fanOf(token: string): Promise<string> {
    const { name, issuer, audience, algorithms, keys } = this.#terms;
    try {
      const { payload, protectedHeader } = await jwtVerify(token, (header, jws) => keys.keyFor(header, jws), {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: CLOCK_TOLERANCE_S,
        maxTokenAge: MOST_TOKEN_AGE_S,
        requiredClaims: ['sub', 'exp'],
      });
      const { typ } = protectedHeader;
      if (typ !== undefined && !TYPES.test(typ))
        throw tokenRefused(fieldFault('token.typ', typ, 'JWT or at+jwt'));
      // A logout token (OpenID Connect Back-Channel Logout 1.0) names a person without having seen them, whatever its typ.
      if (payload.events !== undefined)
        throw tokenRefused(
          fieldFault('token.events', payload.events, 'no such claim, which is one of logout tokens'),
        );
      return shopFanId(name, payload.sub);
    } catch (error) {
      throw this.#refusalOf(error, token);
    }
  }

  #refusalOf(error: unknown, token: string): unknown {
    if (error instanceof KeysUnavailable) return providerUnavailable();
    if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired)
      return tokenRefused(this.#claimFault(error.claim, error.payload));
    if (error instanceof errors.JOSEAlgNotAllowed)
      return algorithmRefused(decodeProtectedHeader(token).alg, this.#terms.algorithms);
    if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
      const { kid } = decodeProtectedHeader(token);
      return tokenRefused(
        fieldFault('token.kid', kid, 'the kid of one key of the issuer, of the type of alg'),
      );
    }
    if (error instanceof errors.JWSSignatureVerificationFailed)
      return tokenRefused(fieldFault('token.signature', undefined, 'a signature by a key of the issuer'));
    if (error instanceof errors.JOSEError)
      return tokenRefused(fieldFault('token', undefined, 'a JWT that the issuer has signed'));
    return error;
  }

  /** `payload` is of a token with a good signature. */
  #claimFault(claim: string, payload: JWTPayload): FieldFault {
    const nowS = Math.floor(Date.now() / 1_000);
    const expected: Readonly<Record<string, string>> = {
      iss: JSON.stringify(this.#terms.issuer),
      aud: JSON.stringify(this.#terms.audience),
      exp: `a time after ${nowS}, which is now`,
      nbf: `a time before ${nowS}, which is now`,
      iat: `a time of the last ${MOST_TOKEN_AGE_S} s; now is ${nowS}`,
      sub: 'the id of the person at the issuer',
    };
    return fieldFault(`token.${claim}`, payload[claim], expected[claim] ?? 'another value');
  }
}

/** The user id of a fan of the shop; see 0036_shop_fans.sql. Throws Problem token-refused if there can be none. */
export function shopFanId(name: string, sub: unknown): string {
  const id = `${name}:${String(sub)}`;
  if (typeof sub === 'string' && sub !== '' && isUserId(id)) return id;
  const most = MAX_USER_ID_BYTES - Buffer.byteLength(`${name}:`);
  const expected = `an id of 1 to ${most} bytes without control characters, in well-formed Unicode`;
  throw tokenRefused(fieldFault('token.sub', sub, expected));
}
