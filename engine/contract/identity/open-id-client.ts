/**
 * Logins at an OpenID provider: the authorization code flow (OpenID Connect Core 1.0, section 3.1) with PKCE, state and nonce, by
 * openid-client, which also finds the provider's addresses and checks ID tokens and their signatures. The browser comes back to a page (the
 * return URL), which hands in what it got: so no route redirects, and the page shows what went wrong.
 */
import { decodeProtectedHeader } from 'jose';
import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientError,
  ClientSecretBasic,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  None,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client';
import type { Logger } from 'pino';
import { fieldFault, type Problem } from '../api/problem.ts';
import { messageOf } from '../process/message-of.ts';
import type { AuthorizationStates } from './authorization-state.ts';
import {
  algorithmRefused,
  authorizationRefused,
  loginUnavailable,
  providerUnavailable,
  tokenRefused,
} from './refusals.ts';

/** Logins wait for each request to the provider. */
const TIMEOUT_S = 5;
/** After a failure the provider is asked again only then, however many log in: what Retry-After tells them. */
const RETRY_MS = 5_000;

/** The claims of an ID token whose signature, issuer, audience, times and nonce are right. */
export type Claims = Readonly<Record<string, unknown>>;

export interface OpenIdClientTerms {
  /** In the log: "the shop's provider". */
  readonly what: string;
  /** An https address, or an http one of this machine. */
  readonly issuer: string;
  readonly clientId: string;
  /** Of the ID tokens' signatures. */
  readonly algorithms: readonly string[];
  /** '' for a public client. */
  readonly clientSecret: string;
  /** Separated by spaces, `openid` among them. */
  readonly scope: string;
  /** The page to which the provider leads browsers back, as registered there. */
  readonly returnUrl: string;
  readonly states: AuthorizationStates;
  readonly log: Pick<Logger, 'warn'>;
}

export class OpenIdClient {
  readonly #terms: OpenIdClientTerms;
  #found: Promise<Configuration> | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;

  constructor(terms: OpenIdClientTerms) {
    this.#terms = terms;
  }

  /** Where to send the browser, and the Set-Cookie header for it. Rejects with Problem unavailable. */
  async begin(cookies: string): Promise<{ readonly url: string; readonly cookie: string }> {
    const configuration = await this.#configuration();
    const { authorization, cookie } = this.#terms.states.begin(cookies);
    const { state, nonce, codeVerifier } = authorization;
    const url = buildAuthorizationUrl(configuration, {
      redirect_uri: this.#terms.returnUrl,
      scope: this.#terms.scope,
      ...{ state, nonce },
      code_challenge: await calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href, cookie };
  }

  /**
   * What the provider says of who has logged in. `query`: that of the address to which the provider led the browser. Rejects with Problem
   * authorization-refused, token-refused or unavailable.
   */
  async complete(cookies: string, query: string): Promise<Claims> {
    const { states, returnUrl, algorithms } = this.#terms;
    const current = new URL(returnUrl);
    current.search = query;
    const state = current.searchParams.get('state') ?? '';
    const authorization = states.find(cookies, state);
    if (authorization === undefined) throw unknownState(state);
    const configuration = await this.#configuration();
    const tokens = await authorizationCodeGrant(configuration, current, {
      expectedState: authorization.state,
      expectedNonce: authorization.nonce,
      pkceCodeVerifier: authorization.codeVerifier,
      idTokenExpected: true,
    }).catch((error: unknown) => {
      throw this.#refusalOf(error);
    });
    const { alg } = decodeProtectedHeader(tokens.id_token ?? '');
    if (alg === undefined || !algorithms.includes(alg)) throw algorithmRefused(alg, algorithms);
    return tokens.claims() ?? {};
  }

  /** The provider's addresses, found once. */
  async #configuration(): Promise<Configuration> {
    const { what, issuer, clientId, clientSecret, log } = this.#terms;
    if (this.#found === undefined && performance.now() - this.#failedAtMs < RETRY_MS)
      throw providerUnavailable();
    const url = new URL(issuer);
    this.#found ??= discovery(
      url,
      clientId,
      undefined,
      clientSecret === '' ? None() : ClientSecretBasic(clientSecret),
      {
        timeout: TIMEOUT_S,
        execute: [enableNonRepudiationChecks, ...(url.protocol === 'http:' ? [allowInsecureRequests] : [])],
      },
    );
    const found = this.#found;
    try {
      return await found;
    } catch (error) {
      // The first of those who wait for it tells of the failure, for all.
      if (this.#found === found) {
        this.#found = undefined;
        this.#failedAtMs = performance.now();
        log.warn({ reason: messageOf(error) }, `${what} could not be found; retrying`);
      }
      throw providerUnavailable();
    }
  }

  /** The library rejects with TypeError if a request could not be made. */
  #refusalOf(error: unknown): Problem {
    if (error instanceof AuthorizationResponseError)
      return authorizationRefused(
        fieldFault('error', error.error, 'a login that was completed at the provider'),
      );
    if (error instanceof ResponseBodyError && error.error === 'invalid_grant')
      return authorizationRefused(fieldFault('code', undefined, 'a code of this login, not used before'));
    const fault = error instanceof ClientError ? faultOf(error) : undefined;
    if (fault !== undefined) return fault;
    // A wrong secret of the client among them: only the operator can do something about it.
    this.#terms.log.warn({ reason: reasonOf(error) }, `a login at ${this.#terms.what} failed`);
    return loginUnavailable();
  }
}

/** What of an ID token, or of the response, is wrong; undefined if it is neither, as when the provider is away. */
function faultOf(error: ClientError): Problem | undefined {
  const message = messageOf(error.cause);
  const about: unknown = Reflect.get(Object(error.cause), 'cause');
  const part = (name: string, of: unknown = about): unknown => Reflect.get(Object(of), name);
  const claim = part('claim') ?? /"(\w+)"[^"]* claim missing/.exec(message)?.[1];
  if (typeof claim === 'string')
    return tokenRefused(
      fieldFault(`token.${claim}`, part(claim, part('claims')), expectedText(part('expected'))),
    );
  const header = part('header');
  if (error.code === 'OAUTH_KEY_SELECTION_FAILED')
    return tokenRefused(fieldFault('token.kid', part('kid', header), 'the kid of a key of the issuer'));
  if (header !== undefined)
    return tokenRefused(fieldFault('token.alg', part('alg', header), expectedText(part('expected'))));
  if (/signature/.test(message))
    return tokenRefused(fieldFault('token.signature', undefined, 'a signature by a key of the issuer'));
  const parameter = /"(\w+)"[^"]* parameter|response parameter "(\w+)"/.exec(message);
  const name =
    parameter?.[1] ?? parameter?.[2] ?? (message.startsWith('no authorization code') ? 'code' : '');
  if (name === '') return undefined;
  return authorizationRefused(fieldFault(name, undefined, 'the parameter as the provider sent it, once'));
}

function expectedText(expected: unknown): string {
  return expected === undefined ? 'a value that is right now' : String(expected);
}

/** With what the provider said, if it did: the library names its errors only. */
function reasonOf(error: unknown): string {
  if (error instanceof ResponseBodyError) return error.error;
  if (error instanceof WWWAuthenticateChallengeError)
    return error.cause.map(({ parameters }) => parameters.error ?? error.message).join(', ');
  const cause: unknown = Reflect.get(Object(error), 'cause');
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${messageOf(cause)}`;
}

function unknownState(state: string): Problem {
  return authorizationRefused(
    fieldFault('state', state, 'the state of a login that this browser began in the last 15 minutes'),
  );
}
