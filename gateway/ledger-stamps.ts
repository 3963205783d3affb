/**
 * The stamps of entries that the ledger has, asked for only while Redis is being made anew: who enters then, and was here
 * before, keeps their first stamp. Questions that come while one is under way go out together as the next.
 */
import { type HeldEntry, readHeldEntries } from '../sql/entries.ts';
import type { Ledger } from './ledger.ts';

interface Question {
  readonly campaignId: number;
  readonly userId: string;
  readonly resolve: (entry: HeldEntry | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** More in one statement would keep the first of them waiting. */
const QUESTIONS_AT_ONCE = 1_000;

export class LedgerStamps {
  readonly #ledger: Ledger;
  #waiting: Question[] = [];
  #isAsking = false;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** The user's entry in the ledger. Rejects with LedgerUnavailable. */
  find(campaignId: number, userId: string): Promise<HeldEntry | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ campaignId, userId, resolve, reject });
      if (!this.#isAsking) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      const campaignId = this.#waiting[0]?.campaignId ?? 0;
      const asked = this.#waiting.filter(each => each.campaignId === campaignId).slice(0, QUESTIONS_AT_ONCE);
      const isAsked = new Set(asked);
      this.#waiting = this.#waiting.filter(each => !isAsked.has(each));
      await this.#answer(campaignId, asked);
    }
    this.#isAsking = false;
  }

  async #answer(campaignId: number, asked: readonly Question[]): Promise<void> {
    try {
      const userIds = asked.map(({ userId }) => userId);
      const rows = await this.#ledger.ask(db => readHeldEntries(db, campaignId, userIds));
      const byUser = new Map(rows.map(row => [row.userId, row]));
      for (const { userId, resolve } of asked) resolve(byUser.get(userId));
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}
