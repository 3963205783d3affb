/** A shop's identity provider, as far as tokens are concerned: keys at an address, which can be away, and tokens signed by them. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export const AUDIENCE = 'queue';

interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly publicJwk: JWK;
  readonly privateKey: CryptoKey;
}

export interface TokenTerms {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly key?: CryptoKey | Uint8Array | undefined;
}

export async function makeKey(kid: string, alg = 'ES256'): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export class Issuer {
  keys: Key[];
  /** How often the keys were read. */
  reads = 0;
  readonly issuer: string;
  readonly #server: Server;
  #isAway = false;

  constructor(keys: Key[], issuer = 'https://id.example.com') {
    this.keys = keys;
    this.issuer = issuer;
    this.#server = createServer((_, answer) => {
      this.reads += 1;
      if (this.#isAway) answer.destroy();
      else answer.setHeader('content-type', 'application/json').end(JSON.stringify(this.jwks()));
    });
  }

  /** The address of the keys. */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${Reflect.get(Object(this.#server.address()), 'port')}/jwks`;
  }

  /** Has its connections break until it is told to come back. */
  setAway(isAway: boolean): void {
    this.#isAway = isAway;
    this.#server.closeAllConnections();
  }

  jwks(): { readonly keys: readonly JWK[] } {
    return { keys: this.keys.map(({ publicJwk }) => publicJwk) };
  }

  /** A token for the subject that is good unless the terms make it another. A claim or header that is undefined is left out. */
  async token(sub: string, { claims = {}, header = {}, key }: TokenTerms = {}): Promise<string> {
    const [first] = this.keys;
    if (first === undefined) throw new Error('the issuer has no key');
    const nowS = Math.floor(Date.now() / 1_000);
    const payload = { iss: this.issuer, aud: AUDIENCE, sub, iat: nowS, exp: nowS + 300, ...claims };
    return await new SignJWT(payload)
      .setProtectedHeader({ alg: first.alg, kid: first.kid, ...header })
      .sign(key ?? first.privateKey);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
