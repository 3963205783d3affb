/** The settings of the shop's own accounts: who issues tokens for them, and how they are checked. */
import {
  NO_SPACES,
  readPageUrl,
  readSafeUrl,
  signatureAlgorithms,
} from '../../../engine/contract/identity/settings.ts';
import { ConfigError, matching, optional, secret } from '../../../engine/contract/process/config.ts';

export const identityVariables = {
  /** The first part of the ids of these fans. After a change everybody is a new person to what they have entered. */
  IDP_NAME: matching(
    'shop',
    /^[a-z][a-z0-9-]{0,19}$/,
    'a lower-case letter and up to 19 more of a-z, 0-9, -, never changed',
  ),
  /** The claim `iss` of the tokens. */
  IDP_ISSUER: optional(
    matching(undefined, NO_SPACES, 'the issuer as its tokens name it, such as https://id.example.com'),
  ),
  /** The name that the issuer had before, whose people are the same: their `sub` has not changed. */
  IDP_FORMER_ISSUER: optional(matching(undefined, NO_SPACES, 'the former name of the same issuer')),
  /** The claim `aud` of the tokens that are exchanged: one for this service alone, or tokens for others log in here. */
  IDP_AUDIENCE: optional(
    matching(undefined, NO_SPACES, '1 to 255 printable characters without spaces, the aud of the tokens'),
  ),
  /** Without it POST /v1/accounts/exchange answers not-configured. */
  IDP_JWKS: optional({
    fallback: undefined,
    right: 'the https address of a JWK Set (http only on localhost), or its file',
    secret: false,
    read: readPlace,
  }),
  /** This service as a client of the issuer, an OpenID provider. Without it POST /v1/accounts/authorization-request answers not-configured. */
  IDP_CLIENT_ID: optional(matching(undefined, NO_SPACES, '1 to 255 printable characters without spaces')),
  /** Of a confidential client; PKCE protects a login with or without it. */
  IDP_CLIENT_SECRET: optional(secret(/^[\x20-\x7e]{1,512}$/, '1 to 512 printable characters')),
  /** The page to which the provider leads browsers back, as registered there. */
  IDP_RETURN_URL: optional({
    fallback: undefined,
    right: 'the https address of a page (http only on localhost), without query and fragment',
    secret: false,
    read: readPageUrl,
  }),
  IDP_ALGORITHMS: signatureAlgorithms,
} as const;

interface IdentityConfig {
  readonly LOCAL_ACCOUNTS: 'on' | 'off';
  readonly ACCOUNTS_PUBLIC_URL: string;
  readonly CORS_ORIGINS: readonly string[];
  readonly IDP_CLIENT_ID: string;
  readonly IDP_RETURN_URL: string;
  readonly IDP_ISSUER: string;
  readonly IDP_AUDIENCE: string;
  readonly IDP_JWKS: string;
}

/** Throws ConfigError if a setting is missing that another needs, or contradicts it. */
export function checkIdentity(config: IdentityConfig): void {
  const faults = [
    ...(config.IDP_JWKS === '' ? [] : missing(config, 'IDP_JWKS', ['IDP_ISSUER', 'IDP_AUDIENCE'])),
    ...(config.IDP_CLIENT_ID === '' ? [] : clientFaults(config)),
    ...(config.LOCAL_ACCOUNTS === 'off' && config.IDP_JWKS === '' && config.IDP_CLIENT_ID === ''
      ? ['LOCAL_ACCOUNTS is off, and neither IDP_JWKS nor IDP_CLIENT_ID is set; expected a way to log in']
      : []),
  ];
  if (faults.length > 0) throw new ConfigError(faults);
}

function clientFaults(config: IdentityConfig): readonly string[] {
  const lacking = missing(config, 'IDP_CLIENT_ID', ['IDP_ISSUER', 'IDP_RETURN_URL']);
  if (lacking.length > 0) return lacking;
  const { IDP_ISSUER: issuer, IDP_RETURN_URL: page, ACCOUNTS_PUBLIC_URL: own, CORS_ORIGINS: listed } = config;
  const faults: string[] = [];
  if (readSafeUrl(issuer) === undefined)
    faults.push(
      `IDP_ISSUER is ${JSON.stringify(issuer)}, but IDP_CLIENT_ID is set; expected the https address of an OpenID provider`,
    );
  // A page elsewhere could not hand the response in.
  if (![own, ...listed].includes(new URL(page).origin))
    faults.push(
      `IDP_RETURN_URL is ${JSON.stringify(page)}; expected a page of ACCOUNTS_PUBLIC_URL (${own}) or of an origin in CORS_ORIGINS`,
    );
  return faults;
}

function missing(
  config: IdentityConfig,
  because: string,
  names: readonly ('IDP_ISSUER' | 'IDP_AUDIENCE' | 'IDP_RETURN_URL')[],
): readonly string[] {
  return names
    .filter(name => config[name] === '')
    .map(name => `${name} is not set, but ${because} is; expected ${identityVariables[name].right}`);
}

function readPlace(text: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return readSafeUrl(text);
  return /^[^\0]{1,4096}$/.test(text) ? text : undefined;
}
