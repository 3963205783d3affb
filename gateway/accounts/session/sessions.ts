/**
 * Looks sessions up, and renews them. The library's own look-up takes 1.9 ms of the loop, renews by clocks of its own, and removes the
 * cookie of a session that it does not find: then of two renewals at once the losing one would log its browser out. Here
 * one statement answers for everybody who asks meanwhile, and only PostgreSQL's clock decides.
 */
import type { Pool } from '../../../sql/database.ts';
import {
  extendFanSession,
  type FoundSession,
  findFanSessions,
  findTicketSessions,
  type TicketSession,
} from '../../../sql/statements/fans/fan-sessions.ts';
import { signedOut } from '../problems.ts';
import type { SessionCookies } from './session-cookie.ts';
import { type Found, SharedLookUps } from './shared-look-ups.ts';

/** A session is renewed once a day, so that renewals cost the database little, or once half of a shorter life is over. */
const RENEWED_AFTER_S = 86_400;
/** Its cookie comes with each ticket for so long after a renewal, whose own answer may have been lost. */
const REPEATED_FOR_S = 3_600;

export interface SessionsParts {
  readonly pool: Pool;
  readonly cookies: SessionCookies;
  readonly lifeS: number;
}

export class Sessions {
  readonly #parts: SessionsParts;
  readonly #found: SharedLookUps<FoundSession>;
  readonly #forTickets: SharedLookUps<TicketSession>;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
    this.#found = new SharedLookUps(tokens => findFanSessions(parts.pool, tokens));
    this.#forTickets = new SharedLookUps(tokens => findTicketSessions(parts.pool, tokens));
  }

  /** How long a session lasts after a login or its last renewal, in seconds. */
  get lifeS(): number {
    return this.#parts.lifeS;
  }

  /** The session of a Cookie header. Rejects with Problem signed-out if there is no valid one. */
  async require(cookies: string): Promise<FoundSession> {
    return await this.#require(cookies, this.#found);
  }

  /** The same for a ticket. */
  async requireForTicket(cookies: string): Promise<TicketSession> {
    return await this.#require(cookies, this.#forTickets);
  }

  /**
   * Renews the session if it is due. That of a fan whose account the shop keeps is never: they log in at the shop again, which may have closed
   * the account. Resolves with the Set-Cookie header if it was renewed now or lately, else with undefined. Rejects with
   * Problem signed-out if it has ended meanwhile.
   */
  async renew({ token, leftS, renewedAgoS, isOfShop }: TicketSession): Promise<string | undefined> {
    if (isOfShop) return undefined;
    const { pool, cookies, lifeS } = this.#parts;
    if (leftS > lifeS - Math.min(RENEWED_AFTER_S, lifeS / 2)) {
      return renewedAgoS !== null && renewedAgoS < REPEATED_FOR_S ? cookies.keep(token) : undefined;
    }
    if (!(await extendFanSession(pool, token, lifeS))) throw signedOut();
    return cookies.keep(token);
  }

  async #require<T extends Found>(cookies: string, lookUps: SharedLookUps<T>): Promise<T> {
    const token = this.#parts.cookies.read(cookies);
    const found = token === undefined ? undefined : await lookUps.find(token);
    if (found === undefined) throw signedOut();
    return found;
  }
}
