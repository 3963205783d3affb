/** For tests: an OpenID provider that signs what it should not. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Issuer, TokenTerms } from './issuer.ts';
import { CLIENT_ID } from './provider.ts';

/** A provider that answers each code with the token that it is told to sign, with the login's nonce. */
export async function startLiar(
  issuer: Issuer,
  terms: () => TokenTerms,
): Promise<{ server: Server; url: string }> {
  let url = '';
  let nonce = '';
  const server = createServer(async (req, res) => {
    const asked = new URL(req.url ?? '', url);
    const json = (body: unknown): unknown =>
      res.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    if (asked.pathname === '/jwks') return json(issuer.jwks());
    if (asked.pathname === '/nonce') {
      nonce = asked.searchParams.get('nonce') ?? '';
      return res.end();
    }
    if (asked.pathname === '/token') {
      const { claims, ...others } = terms();
      const right = { iss: url, aud: CLIENT_ID, nonce };
      const id_token = await issuer.token('ada', { ...others, claims: { ...right, ...claims } });
      return json({ access_token: 'x', token_type: 'Bearer', id_token });
    }
    return json({
      issuer: url,
      authorization_endpoint: `${url}/auth`,
      token_endpoint: `${url}/token`,
      jwks_uri: `${url}/jwks`,
      id_token_signing_alg_values_supported: ['ES256'],
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${Reflect.get(Object(server.address()), 'port')}`;
  return { server, url };
}
