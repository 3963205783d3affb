/** Signs tickets, as a shop does after a login. JWT with HS256 (RFC 7519), by `jose`. */
import { SignJWT } from 'jose';

export interface TicketTerms {
  /** At least 32 characters, the same as on the gateways. */
  readonly secret: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
}

/** A ticket for `userId`, valid from now. */
export async function signTicket(userId: string, terms: TicketTerms): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return await new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(userId)
    .setAudience(terms.audience)
    .setExpirationTime(now + terms.lifetimeSeconds)
    .sign(new TextEncoder().encode(terms.secret));
}
