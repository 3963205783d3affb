/**
 * Look-ups of single users that only the ledger can answer: while Redis is being rebuilt, and in shelved campaigns. Look-ups
 * that arrive during one statement share the next one, so ten thousand concurrent requests cost PostgreSQL ten statements.
 */
import type { Queryable } from '../../sql/database.ts';
import type { Ledger } from './ledger.ts';

interface Question<Row> {
  readonly campaignId: number;
  readonly userId: string;
  readonly resolve: (row: Row | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** More in one statement would keep the first of them waiting. */
const QUESTIONS_AT_ONCE = 1_000;

export class LedgerQuestions<Row extends { readonly userId: string }> {
  readonly #ledger: Ledger;
  readonly #read: (db: Queryable, campaignId: number, userIds: readonly string[]) => Promise<readonly Row[]>;
  #waiting: Question<Row>[] = [];
  #isBusy = false;

  /** `read` returns a row for each user who has one. */
  constructor(
    ledger: Ledger,
    read: (db: Queryable, campaignId: number, userIds: readonly string[]) => Promise<readonly Row[]>,
  ) {
    this.#ledger = ledger;
    this.#read = read;
  }

  /** The ledger's row of the user in the campaign, if any. Rejects with LedgerUnavailable. */
  find(campaignId: number, userId: string): Promise<Row | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ campaignId, userId, resolve, reject });
      if (!this.#isBusy) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) {
      const campaignId = this.#waiting[0]?.campaignId ?? 0;
      const batch = this.#waiting.filter(each => each.campaignId === campaignId).slice(0, QUESTIONS_AT_ONCE);
      const taken = new Set(batch);
      this.#waiting = this.#waiting.filter(each => !taken.has(each));
      await this.#answer(campaignId, batch);
    }
    this.#isBusy = false;
  }

  async #answer(campaignId: number, batch: readonly Question<Row>[]): Promise<void> {
    try {
      const userIds = batch.map(({ userId }) => userId);
      const rows = await this.#ledger.ask(db => this.#read(db, campaignId, userIds));
      const byUser = new Map(rows.map(row => [row.userId, row]));
      for (const { userId, resolve } of batch) resolve(byUser.get(userId));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
