/**
 * Signs tickets: JWT with HS256 (RFC 7519), synchronously, because one is minted for each page that opens, and by the gateways' own HMAC,
 * which takes a quarter of the time of node:crypto's. A test compares them with jose and with the gateway's own check. Issued at the
 * ledger's time, so that the clock of this process does not matter.
 */
import { Hmac } from '../../ticket/hmac.ts';

const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');

export interface TicketTerms {
  /** That of the gateways. */
  readonly secret: string;
  readonly audience: string;
  readonly lifetimeS: number;
}

export class TicketMint {
  readonly #hmac: Hmac;
  readonly #audience: string;
  readonly lifetimeS: number;

  constructor({ secret, audience, lifetimeS }: TicketTerms) {
    this.#hmac = new Hmac(secret);
    this.#audience = audience;
    this.lifetimeS = lifetimeS;
  }

  /** A ticket for the user, valid for `lifetimeS` from `nowS` (seconds since the epoch). */
  mint(userId: string, nowS: number): string {
    const claims = { sub: userId, aud: this.#audience, exp: Math.floor(nowS) + this.lifetimeS };
    const message = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    return `${message}.${this.#hmac.signText(message).toString('base64url')}`;
  }
}
