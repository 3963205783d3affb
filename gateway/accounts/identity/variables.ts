/** The settings of the shop's own accounts: who issues tokens for them, and how they are checked. */
import { ConfigError, matching, optional } from '../../../engine/contract/process/config.ts';
import { readOrigin } from '../../http/origins.ts';

/** Of public keys only: whoever could check a token by a shared secret could make one. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const NO_SPACES = /^[\x21-\x7e]{1,255}$/;

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
  IDP_ALGORITHMS: {
    fallback: 'RS256,PS256,ES256,EdDSA',
    right: `a comma-separated list of ${ALGORITHMS.join(', ')}`,
    secret: false,
    read: readAlgorithms,
  },
} as const;

interface IdentityConfig {
  readonly IDP_ISSUER: string;
  readonly IDP_AUDIENCE: string;
  readonly IDP_JWKS: string;
}

/** Throws ConfigError if a setting is missing that another needs. */
export function checkIdentity(config: IdentityConfig): void {
  if (config.IDP_JWKS === '') return;
  const missing = (['IDP_ISSUER', 'IDP_AUDIENCE'] as const).filter(name => config[name] === '');
  if (missing.length > 0)
    throw new ConfigError(
      missing.map(name => `${name} is not set, but IDP_JWKS is; expected ${identityVariables[name].right}`),
    );
}

function readPlace(text: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return /^[^\0]{1,4096}$/.test(text) ? text : undefined;
  if (!URL.canParse(text)) return undefined;
  const { href, origin, username } = new URL(text);
  return username === '' && readOrigin(origin) !== undefined ? href : undefined;
}

function readAlgorithms(text: string): readonly string[] | undefined {
  const algorithms = text.split(',').map(each => each.trim());
  return algorithms.every(each => ALGORITHMS.includes(each)) ? algorithms : undefined;
}
