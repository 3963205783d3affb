/** For tests: what the process of accounts must be told of a shop's identity provider. */
import { AUDIENCE, type Issuer } from '../../../engine/contract/identity/testing/issuer.ts';
import { CLIENT_ID, CLIENT_SECRET, RETURN_URL } from '../../../engine/contract/identity/testing/provider.ts';

/** Of its keys. */
export function identityEnv(issuer: Issuer, jwks: string): Record<string, string> {
  return { IDP_ISSUER: issuer.issuer, IDP_AUDIENCE: AUDIENCE, IDP_JWKS: jwks };
}

/** Of it as a provider of logins. */
export function providerEnv(
  { issuer }: { readonly issuer: string },
  secret = CLIENT_SECRET,
): Record<string, string> {
  return {
    IDP_ISSUER: issuer,
    IDP_CLIENT_ID: CLIENT_ID,
    IDP_CLIENT_SECRET: secret,
    IDP_RETURN_URL: RETURN_URL,
  };
}
