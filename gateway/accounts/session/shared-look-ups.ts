/** Looks valid sessions up for everybody who asks meanwhile with one statement. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** More in one statement would keep the first of them waiting. */
const TOKENS_AT_ONCE = 1_000;

export interface Found {
  readonly token: string;
}

interface Question<T> {
  readonly token: string;
  readonly resolve: (found: T | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class SharedLookUps<T extends Found> {
  readonly #look: (tokens: readonly string[]) => Promise<readonly T[]>;
  #waiting: Question<T>[] = [];
  #isAsking = false;

  /** `look`: the valid sessions among these tokens. */
  constructor(look: (tokens: readonly string[]) => Promise<readonly T[]>) {
    this.#look = look;
  }

  /** Undefined if the session is not valid, by a statement that begins after this call. */
  find(token: string): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ token, resolve, reject });
      if (!this.#isAsking) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      // Requests that have arrived in this turn of the loop are read first, so that they share the statement.
      await nextTurn();
      const asked = this.#waiting.slice(0, TOKENS_AT_ONCE);
      this.#waiting = this.#waiting.slice(TOKENS_AT_ONCE);
      await this.#answer(asked);
    }
    this.#isAsking = false;
  }

  async #answer(asked: readonly Question<T>[]): Promise<void> {
    try {
      const rows = await this.#look([...new Set(asked.map(({ token }) => token))]);
      const byToken = new Map(rows.map(row => [row.token, row]));
      for (const { token, resolve } of asked) resolve(byToken.get(token));
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}
