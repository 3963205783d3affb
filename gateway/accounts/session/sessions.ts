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
} from '../../../sql/statements/fans/fan-sessions.ts';
import { signedOut } from '../problems.ts';
import type { SessionCookies } from './session-cookie.ts';

/** More in one statement would keep the first of them waiting. */
const TOKENS_AT_ONCE = 1_000;
/** A session is renewed once a day, so that renewals cost the database little, or once half of a shorter life is over. */
const RENEWED_AFTER_S = 86_400;
/** Its cookie comes with each ticket for so long after a renewal, whose own answer may have been lost. */
const REPEATED_FOR_S = 3_600;

interface Question {
  readonly token: string;
  readonly resolve: (found: FoundSession | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export interface SessionsParts {
  readonly pool: Pool;
  readonly cookies: SessionCookies;
  readonly lifeS: number;
}

export class Sessions {
  readonly #parts: SessionsParts;
  #waiting: Question[] = [];
  #isAsking = false;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  /** How long a session lasts after a login or its last renewal, in seconds. */
  get lifeS(): number {
    return this.#parts.lifeS;
  }

  /** The session of a Cookie header. Rejects with Problem signed-out if there is no valid one. */
  async require(cookies: string): Promise<FoundSession> {
    const token = this.#parts.cookies.read(cookies);
    const found = token === undefined ? undefined : await this.#find(token);
    if (found === undefined) throw signedOut();
    return found;
  }

  /**
   * Renews the session if it is due. That of a fan whose account the shop keeps is never: they log in at the shop again, which may have closed
   * the account. Resolves with the Set-Cookie header if it was renewed now or lately, else with undefined. Rejects with
   * Problem signed-out if it has ended meanwhile.
   */
  async renew({ token, leftS, renewedAgoS, address }: FoundSession): Promise<string | undefined> {
    if (address === null) return undefined;
    const { pool, cookies, lifeS } = this.#parts;
    if (leftS > lifeS - Math.min(RENEWED_AFTER_S, lifeS / 2)) {
      return renewedAgoS !== null && renewedAgoS < REPEATED_FOR_S ? cookies.keep(token) : undefined;
    }
    if (!(await extendFanSession(pool, token, lifeS))) throw signedOut();
    return cookies.keep(token);
  }

  #find(token: string): Promise<FoundSession | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ token, resolve, reject });
      if (!this.#isAsking) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      const asked = this.#waiting.slice(0, TOKENS_AT_ONCE);
      this.#waiting = this.#waiting.slice(TOKENS_AT_ONCE);
      await this.#answer(asked);
    }
    this.#isAsking = false;
  }

  async #answer(asked: readonly Question[]): Promise<void> {
    try {
      const rows = await findFanSessions(this.#parts.pool, [...new Set(asked.map(({ token }) => token))]);
      const byToken = new Map(rows.map(row => [row.token, row]));
      for (const { token, resolve } of asked) resolve(byToken.get(token));
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}
