/**
 * A real OpenID provider, and a browser's way through it. Only its page for the login is ours: it lets everybody in as whom `login_hint`
 * names, or lets nobody in for `login_hint=nobody`.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientSecretBasic,
  calculatePKCECodeChallenge,
  discovery,
  randomPKCECodeVerifier,
} from 'openid-client';

export const CLIENT_ID = 'queue';
export const CLIENT_SECRET = 'a secret of a client, which the provider has as well';
/** The page of the shop. */
export const RETURN_URL = 'http://localhost:8080/welcome';

export interface TestProvider {
  readonly issuer: string;
  /** Has its connections break until it is told to come back. */
  setAway(isAway: boolean): void;
  close(): void;
}

/** What it says of a person beside `sub`, also in ID tokens. */
type ClaimsOf = (sub: string) => Readonly<Record<string, unknown>>;

/** `secret`: '' for a public client. */
export async function startProvider(
  secret = CLIENT_SECRET,
  returnUrl = RETURN_URL,
  claimsOf: ClaimsOf = () => ({}),
): Promise<TestProvider> {
  let isAway = false;
  const server = createServer((req, res) => {
    if (isAway) res.destroy();
    else void handle(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${Reflect.get(Object(server.address()), 'port')}`;
  const provider = await makeProvider(issuer, { secret, returnUrl, claimsOf });
  const callback = provider.callback();
  const handle = async (req: Parameters<typeof callback>[0], res: Parameters<typeof callback>[1]) => {
    if (req.url?.startsWith('/interaction/') !== true) return await callback(req, res);
    const { params } = await provider.interactionDetails(req, res);
    const accountId = String(params.login_hint);
    const result = accountId === 'nobody' ? { error: 'access_denied' } : { login: { accountId } };
    return await provider.interactionFinished(req, res, result);
  };
  return {
    issuer,
    setAway(away) {
      isAway = away;
      server.closeAllConnections();
    },
    close: () => closeServer(server),
  };
}

async function makeProvider(
  issuer: string,
  { secret, returnUrl, claimsOf }: { secret: string; returnUrl: string; claimsOf: ClaimsOf },
): Promise<Provider> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        redirect_uris: [returnUrl],
        ...(secret === ''
          ? { token_endpoint_auth_method: 'none' }
          : { client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' }),
      },
    ],
    cookies: { keys: ['a key of cookies'] },
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'of the provider', alg: 'RS256', use: 'sig' }] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: async () => ({ sub, ...claimsOf(sub) }) }),
    claims: { profile: ['name', 'preferred_username'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'groups'],
    conformIdTokenClaims: false,
    // The shop's own client: people are not asked whether it may know who they are.
    loadExistingGrant: async context => {
      const { client, provider, session } = context.oidc;
      if (client === undefined || session?.accountId === undefined) return undefined;
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid profile groups');
      await grant.save();
      return grant;
    },
  });
}

function closeServer(server: Server): void {
  server.closeAllConnections();
  server.close();
}

/** Follows the provider as a browser does, up to the page of the shop; resolves with the query that the page gets. */
export async function signIn(
  authorizationUrl: string,
  loginHint: string,
  returnUrl = RETURN_URL,
): Promise<string> {
  const cookies = new Map<string, string>();
  let url = new URL(authorizationUrl);
  url.searchParams.set('login_hint', loginHint);
  for (let step = 0; step < 10; step++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const equals = pair.indexOf('=');
      cookies.set(pair.slice(0, equals), pair.slice(equals + 1));
    }
    const location = answer.headers.get('location');
    if (location === null)
      throw new Error(`${url.pathname} answers ${answer.status}: ${await answer.text()}`);
    url = new URL(location, url);
    if (url.href.startsWith(returnUrl)) return url.search;
  }
  throw new Error('the provider redirects in a circle');
}

/** An ID token that the shop got for itself, as its own page or server does. */
export async function shopToken({ issuer }: Pick<TestProvider, 'issuer'>, sub: string): Promise<string> {
  const configuration = await discovery(
    new URL(issuer),
    CLIENT_ID,
    undefined,
    ClientSecretBasic(CLIENT_SECRET),
    {
      execute: [allowInsecureRequests],
    },
  );
  const pkceCodeVerifier = randomPKCECodeVerifier();
  const url = buildAuthorizationUrl(configuration, {
    redirect_uri: RETURN_URL,
    scope: 'openid',
    code_challenge: await calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  const current = new URL(await signIn(url.href, sub), RETURN_URL);
  const { id_token } = await authorizationCodeGrant(configuration, current, { pkceCodeVerifier });
  return id_token ?? '';
}
