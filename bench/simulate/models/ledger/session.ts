/**
 * The server's side of a connection: its transaction, and statements that wait for rows. table.ts defines isolation and locks.
 */
import { MS } from '../../kernel/world.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { NOTHING, type Result, type Statement, Values } from './statement.ts';
import { statementOf } from './statements/lookup.ts';
import { Blocked, Transaction } from './table.ts';

/** How long a transaction may be idle before the server ends it (sql/database.ts) ... */
const IDLE_MS = /idle_in_transaction_session_timeout = '(\d+)ms'/;
/** ... which is shorter here than in production: no simulated process stands still for production's time. */
const USUAL_IDLE_MS = 10_000;

/** The server's time, and delayed calls there. */
export interface SessionClock {
  nowUs(): number;
  after(us: number, run: () => void): void;
}

/** The server's side of one connection. */
export class Session {
  isOver = false;
  readonly #tables: LedgerTables;
  readonly #clock: SessionClock;
  /** Called with the time at which the transaction began. */
  readonly #committed: (beganUs: number) => void;
  #transaction: Transaction | undefined;
  /** The longest time for which the transaction may be idle. */
  #idleUs = Number.POSITIVE_INFINITY;
  #statements = 0;

  constructor(tables: LedgerTables, clock: SessionClock, committed: (beganUs: number) => void) {
    this.#tables = tables;
    this.#clock = clock;
    this.#committed = committed;
  }

  /** Carries a statement out and then calls `done`, after waiting for a row if necessary. */
  execute(text: string, values: readonly unknown[], done: (outcome: Result | Error) => void): void {
    this.#statements += 1;
    if (text.startsWith('begin')) this.#begin(text);
    else if (text === 'commit') this.#commit();
    else if (text === 'rollback') this.#rollback();
    else {
      const isAlone = this.#transaction === undefined;
      const by = this.#transaction ?? new Transaction(this.#clock.nowUs());
      this.#attempt(by, statementOf(text), new Values(values), outcome => {
        if (isAlone && outcome instanceof Error) by.rollback();
        else if (isAlone) by.commit(this.#committed);
        this.#waitForNext();
        done(outcome);
      });
      return;
    }
    this.#waitForNext();
    done(NOTHING);
  }

  #begin(text: string): void {
    const idleMs = Number(IDLE_MS.exec(text)?.[1] ?? USUAL_IDLE_MS);
    this.#idleUs = idleMs < USUAL_IDLE_MS ? idleMs * MS : Number.POSITIVE_INFINITY;
    this.#transaction = new Transaction(this.#clock.nowUs());
  }

  /** Ends the session if its transaction has been idle for too long. */
  #waitForNext(): void {
    const statements = this.#statements;
    if (this.#transaction === undefined || this.#idleUs === Number.POSITIVE_INFINITY) return;
    this.#clock.after(this.#idleUs, () => {
      if (this.#statements === statements && this.#transaction !== undefined) this.end();
    });
  }

  /** Rolls back; the client learns of it from its next statement. */
  end(): void {
    this.isOver = true;
    this.#rollback();
  }

  #rollback(): void {
    this.#transaction?.rollback();
    this.#transaction = undefined;
  }

  #commit(): void {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (transaction?.isFailed === true) transaction.rollback();
    else transaction?.commit(this.#committed);
  }

  #attempt(
    by: Transaction,
    statement: Statement,
    values: Values,
    done: (outcome: Result | Error) => void,
  ): void {
    if (by.isOver || by.isFailed) {
      done(new Error('current transaction is aborted'));
      return;
    }
    const { mark } = by;
    try {
      done(statement(this.#tables, by, values));
    } catch (error) {
      by.undoTo(mark);
      if (error instanceof Blocked && !waitsInACircle(by, error.by)) {
        by.waitsFor = error.by;
        const goOn = (): void => {
          if (by.waitsFor === undefined) return;
          by.waitsFor = undefined;
          if (by.isOver) done(new Error('the connection to Postgres was lost'));
          else this.#attempt(by, statement, values, done);
        };
        error.by.whenOver.push(goOn);
        // This session may end first.
        by.whenOver.push(goOn);
        return;
      }
      by.isFailed = true;
      done(error instanceof Blocked ? new Error('deadlock detected') : toError(error));
    }
  }
}

function waitsInACircle(by: Transaction, other: Transaction): boolean {
  for (let next: Transaction | undefined = other; next !== undefined; next = next.waitsFor) {
    if (next === by) return true;
  }
  return false;
}

export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
