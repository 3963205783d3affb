/** Logins of fans at the shop's OpenID provider; see engine/contract/identity/open-id-client.ts. */
import type { OpenIdClient } from '../../../engine/contract/identity/open-id-client.ts';
import { shopFanId } from './shop-tokens.ts';

export class ShopProvider {
  readonly #name: string;
  readonly #client: Pick<OpenIdClient, 'begin' | 'complete'>;

  /** `name`: the first part of the ids of these fans. */
  constructor(name: string, client: Pick<OpenIdClient, 'begin' | 'complete'>) {
    this.#name = name;
    this.#client = client;
  }

  /** Where to send the browser, and the Set-Cookie header for it. Rejects with Problem unavailable. */
  async begin(cookies: string): Promise<{ readonly url: string; readonly cookie: string }> {
    return await this.#client.begin(cookies);
  }

  /** The id of the fan who has logged in. Rejects with Problem authorization-refused, token-refused or unavailable. */
  async complete(cookies: string, query: string): Promise<string> {
    const { sub } = await this.#client.complete(cookies, query);
    return shopFanId(this.#name, sub);
  }
}
