/** The settings of logins of operators at an identity provider: which one, and which of its groups have which role. */
import {
  NO_SPACES,
  readPageUrl,
  readSafeUrl,
  signatureAlgorithms,
} from '../../contract/identity/settings.ts';
import { ConfigError, matching, optional, secret, whole } from '../../contract/process/config.ts';
import { type RoleOfGroup, readRoles } from './groups.ts';

const CLAIM = /^[\x21-\x7e]{1,100}$/;
const CLAIM_RIGHT = 'the name of a claim, of 1 to 100 printable characters without spaces';

export const providerVariables = {
  /** Without it operators have accounts with a password only. */
  OPERATOR_OIDC_ISSUER: optional({
    fallback: undefined,
    right: 'the https address of an OpenID provider (http only on localhost), such as https://id.example.com',
    secret: false,
    // As it is given: the provider names itself so, with or without a slash at the end.
    read: text => (readSafeUrl(text) === undefined ? undefined : text),
  }),
  /** Engines as a client of the issuer. */
  OPERATOR_OIDC_CLIENT_ID: optional(
    matching(undefined, NO_SPACES, '1 to 255 printable characters without spaces'),
  ),
  /** Of a confidential client; PKCE protects a login with or without it. */
  OPERATOR_OIDC_CLIENT_SECRET: optional(secret(/^[\x20-\x7e]{1,512}$/, '1 to 512 printable characters')),
  /** The page of the engines to which the provider leads browsers back, as registered there. */
  OPERATOR_OIDC_RETURN_URL: optional({
    fallback: undefined,
    right:
      'the https address of the page /login of the engines (http only on localhost), without query and fragment',
    secret: false,
    read: text => (/\/login$/.test(text) ? readPageUrl(text) : undefined),
  }),
  /** Which group has which role. Who is in none of them is refused. */
  OPERATOR_OIDC_ROLES: {
    fallback: '',
    right:
      'a comma-separated list of group=role, such as raffle-admins=owner,shop=editor, each group once; roles are viewer, editor, drawer and owner; ' +
      'a comma, equals or percent sign in a group is written %2C, %3D or %25',
    secret: false,
    read: readRoles,
  },
  /** What is asked of the provider; some release groups only for a scope of its own. */
  OPERATOR_OIDC_SCOPE: matching(
    'openid profile',
    /^(?=.*(?:^| )openid(?: |$))[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    'scopes separated by single spaces, openid among them',
  ),
  /** The claim of the ID token with the groups: a list of texts, or one text. */
  OPERATOR_OIDC_GROUPS_CLAIM: matching('groups', CLAIM, CLAIM_RIGHT),
  /** The claim of the ID token that becomes the name of an account, at its first login. */
  OPERATOR_OIDC_NAME_CLAIM: matching('preferred_username', CLAIM, CLAIM_RIGHT),
  OPERATOR_OIDC_ALGORITHMS: signatureAlgorithms,
  /** Longer: who has lost a group keeps the role for longer. Shorter: the browser goes to the provider and back more often. */
  OPERATOR_OIDC_SESSION_S: whole(3_600, 60, 43_200),
} as const;

interface ProviderConfig {
  readonly OPERATOR_OIDC_ISSUER: string;
  readonly OPERATOR_OIDC_CLIENT_ID: string;
  readonly OPERATOR_OIDC_CLIENT_SECRET: string;
  readonly OPERATOR_OIDC_RETURN_URL: string;
  readonly OPERATOR_OIDC_ROLES: readonly RoleOfGroup[];
  readonly OPERATOR_OIDC_SCOPE: string;
  readonly OPERATOR_OIDC_GROUPS_CLAIM: string;
  readonly OPERATOR_OIDC_NAME_CLAIM: string;
  readonly OPERATOR_OIDC_ALGORITHMS: readonly string[];
  readonly OPERATOR_OIDC_SESSION_S: number;
}

/** What engines know of the provider. */
export interface ProviderTerms {
  readonly issuer: string;
  readonly clientId: string;
  /** '' for a public client. */
  readonly clientSecret: string;
  readonly returnUrl: string;
  readonly roles: readonly RoleOfGroup[];
  readonly scope: string;
  readonly groupsClaim: string;
  readonly nameClaim: string;
  readonly algorithms: readonly string[];
  readonly sessionS: number;
}

/** Undefined if no provider is configured. Throws ConfigError if a setting is missing that another needs. */
export function providerTerms(config: ProviderConfig): ProviderTerms | undefined {
  const needed = ['OPERATOR_OIDC_ISSUER', 'OPERATOR_OIDC_CLIENT_ID', 'OPERATOR_OIDC_RETURN_URL'] as const;
  const optionals = ['OPERATOR_OIDC_CLIENT_SECRET', 'OPERATOR_OIDC_ROLES'] as const;
  const because = [...needed, ...optionals].find(name => config[name].length > 0);
  if (because === undefined) return undefined;
  const faults = [...needed, 'OPERATOR_OIDC_ROLES' as const]
    .filter(name => config[name].length === 0)
    .map(name => `${name} is not set, but ${because} is; expected ${providerVariables[name].right}`);
  if (faults.length > 0) throw new ConfigError(faults);
  return {
    issuer: config.OPERATOR_OIDC_ISSUER,
    clientId: config.OPERATOR_OIDC_CLIENT_ID,
    clientSecret: config.OPERATOR_OIDC_CLIENT_SECRET,
    returnUrl: config.OPERATOR_OIDC_RETURN_URL,
    roles: config.OPERATOR_OIDC_ROLES,
    scope: config.OPERATOR_OIDC_SCOPE,
    groupsClaim: config.OPERATOR_OIDC_GROUPS_CLAIM,
    nameClaim: config.OPERATOR_OIDC_NAME_CLAIM,
    algorithms: config.OPERATOR_OIDC_ALGORITHMS,
    sessionS: config.OPERATOR_OIDC_SESSION_S,
  };
}
