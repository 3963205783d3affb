/**
 * The simulated PostgreSQL: sessions, transactions, statements and advisory locks, behind the same `Pool` that the
 * statements of sql/ are written for. A statement is known by the words of its text; one that is not known fails and
 * says so, for then the model has to learn it. What isolation and locks mean is said in table.ts.
 *
 * A connection can be lost before or after the server has carried out what was sent; of a commit nobody knows which.
 * When a session ends, by a crash on either side, its transaction is rolled back and its advisory locks are free.
 */
import type { Pool } from '../../../../sql/database.ts';
import { type Path, Server, wayUs } from '../../kernel/network.ts';
import { standIn } from '../../kernel/stand-in.ts';
import type { Tally } from '../../kernel/tally.ts';
import { MS, type Process, type World } from '../../kernel/world.ts';
import { LedgerTables, NOTHING, type Result, type Statement, Values } from './ledger-tables.ts';
import { CAMPAIGN_STATEMENTS, findWork } from './statements-campaigns.ts';
import { CLAIM_STATEMENTS } from './statements-claims.ts';
import { CLOCK_STATEMENTS } from './statements-clock.ts';
import { COUPON_STATEMENTS } from './statements-coupons.ts';
import { ENTRY_STATEMENTS } from './statements-entries.ts';
import { OFFER_STATEMENTS } from './statements-offers.ts';
import { PROGRESS_STATEMENTS } from './statements-progress.ts';
import { ROOM_STATEMENTS, takePresenceLog } from './statements-rooms.ts';
import { SCHEDULE_STATEMENTS } from './statements-schedule.ts';
import { SHELVING_STATEMENTS } from './statements-shelving.ts';
import { TERMS_STATEMENTS } from './statements-terms.ts';
import { Blocked, Transaction } from './table.ts';

const STATEMENTS = [
  ...SHELVING_STATEMENTS,
  ...CLAIM_STATEMENTS,
  ...OFFER_STATEMENTS,
  ...ROOM_STATEMENTS,
  ...CAMPAIGN_STATEMENTS,
  ...ENTRY_STATEMENTS,
  ...CLOCK_STATEMENTS,
  ...PROGRESS_STATEMENTS,
  ...SCHEDULE_STATEMENTS,
  ...COUPON_STATEMENTS,
  ...TERMS_STATEMENTS,
];
/** A connection that has fallen silent is found out after this long. */
const SILENT_US = 300 * MS;
/** How long a transaction may be idle before the server takes it back (sql/database.ts) ... */
const IDLE_MS = /idle_in_transaction_session_timeout = '(\d+)ms'/;
/** ... where that is shorter than usual: nothing here stands still for as long as the usual time. */
const USUAL_IDLE_MS = 10_000;
/** The server ends a session that holds locks and asks for nothing for this long (in production 10 s). */
const IDLE_LIMIT_US = 2_000 * MS;

/** The model has to learn it: a run must not go on as if the server had refused. */
export class UnknownStatement extends Error {
  constructor(words: string) {
    super(`the simulated ledger does not know the statement: ${words}`);
  }
}

/** By its text, what carries a statement out. */
const known = new Map<string, Statement>();

function statementOf(text: string): Statement {
  const found = known.get(text);
  if (found !== undefined) return found;
  const words = text.trim().replace(/\s+/g, ' ');
  const [, statement] = STATEMENTS.find(([pattern]) => pattern.test(words)) ?? [];
  if (statement === undefined) throw new UnknownStatement(words);
  known.set(text, statement);
  return statement;
}

/** The time at the server, and who is called after a while there. */
export interface SessionClock {
  nowUs(): number;
  after(us: number, run: () => void): void;
}

/** One connection's side at the server. */
export class Session {
  isOver = false;
  readonly #tables: LedgerTables;
  readonly #clock: SessionClock;
  /** Told when the transaction began. */
  readonly #committed: (beganUs: number) => void;
  #transaction: Transaction | undefined;
  /** The transaction may be idle for so long. */
  #idleUs = Number.POSITIVE_INFINITY;
  #statements = 0;

  constructor(tables: LedgerTables, clock: SessionClock, committed: (beganUs: number) => void) {
    this.#tables = tables;
    this.#clock = clock;
    this.#committed = committed;
  }

  /** Carries a statement out and tells `done`; later, when it has to wait for a row. */
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
        else if (isAlone) {
          by.commit();
          this.#committed(by.beganUs);
        }
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

  /** Ends when it is idle in its transaction for too long. */
  #waitForNext(): void {
    const statements = this.#statements;
    if (this.#transaction === undefined || this.#idleUs === Number.POSITIVE_INFINITY) return;
    this.#clock.after(this.#idleUs, () => {
      if (this.#statements === statements && this.#transaction !== undefined) this.end();
    });
  }

  /** Takes back what was not committed; whoever has the connection is told by its next statement. */
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
    else transaction?.commit();
    this.#committed(transaction?.beganUs ?? this.#clock.nowUs());
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
        // Its own session may end first.
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

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** A statement as pg takes it: its text, or what has a name with its values. */
export type Asked = string | { readonly text: string; readonly values?: readonly unknown[] };

export function partsOf(
  asked: Asked,
  values: readonly unknown[],
): readonly [text: string, values: readonly unknown[]] {
  return typeof asked === 'string' ? [asked, values] : [asked.text, asked.values ?? []];
}

interface AdvisoryLock {
  readonly holder: Process;
  usedUs: number;
}

export class Ledger {
  readonly tables: LedgerTables;
  readonly server: Server;
  /** How far the wall clock of the server is off, microseconds. */
  clockOffUs = 0;
  /** How much longer it takes to find what is to be decided, as of very many campaigns. */
  findingUs = 0;
  readonly #world: World;
  readonly #tally: Tally;
  readonly #sessions = new Map<Process, Set<Session>>();
  readonly #advisory = new Map<string, AdvisoryLock>();
  /** Told after each commit, with when its transaction began. */
  readonly #committed: (beganUs: number) => void;

  constructor(world: World, tally: Tally, committed: (beganUs: number) => void) {
    this.#world = world;
    this.#tally = tally;
    this.#committed = committed;
    this.server = new Server(world, 'Postgres');
    this.tables = new LedgerTables(() => new Date(Math.floor((world.nowUs + this.clockOffUs) / 1000)));
  }

  /** The pool of one process, as pg's. */
  poolFor(process: Process, path: Path): Pool {
    // A statement alone has nothing that ends with its session.
    const query = (asked: Asked, values: readonly unknown[] = []): Promise<Result> =>
      new Connection(this, process, path, this.#session()).query(...partsOf(asked, values));
    const connect = async (): Promise<object> => {
      const connection = new Connection(this, process, path, this.open(process));
      return {
        query: (asked: Asked, values: readonly unknown[] = []) => connection.query(...partsOf(asked, values)),
        release: () => connection.close(),
      };
    };
    return standIn<Pool>('pool of Postgres', { query, connect, waitingCount: 0, end: async () => undefined });
  }

  #session(): Session {
    const world = this.#world;
    const clock = {
      nowUs: () => world.nowUs,
      after: (us: number, run: () => void) => world.after(us, world.outside, run),
    };
    return new Session(this.tables, clock, this.#committed);
  }

  /** A session for a connection of that process. */
  open(process: Process): Session {
    const session = this.#session();
    const sessions = this.#sessions.get(process) ?? new Set();
    this.#sessions.set(process, sessions.add(session));
    return session;
  }

  close(process: Process, session: Session): void {
    session.end();
    this.#sessions.get(process)?.delete(session);
  }

  /** Why the model cannot answer a statement; undefined where it can. */
  unknown(text: string): Error | undefined {
    try {
      if (!/^(begin|commit$|rollback$)/.test(text)) statementOf(text);
      return undefined;
    } catch (error) {
      return toError(error);
    }
  }

  wayUs(path: Path): number | undefined {
    return wayUs(this.#world, path, this.#tally);
  }

  get world(): World {
    return this.#world;
  }

  /** The server goes down, and all that was not committed with it. */
  goDown(): void {
    this.server.goDown();
    for (const process of [...this.#sessions.keys()]) this.forget(process);
  }

  /** A process is gone: its sessions end. */
  forget(process: Process): void {
    for (const session of this.#sessions.get(process) ?? []) session.end();
    this.#sessions.delete(process);
    for (const [name, lock] of this.#advisory) if (lock.holder === process) this.#advisory.delete(name);
  }

  /** pg_try_advisory_lock, and the same again for one who has it. */
  take(name: string, process: Process): boolean {
    const { nowUs } = this.#world;
    const lock = this.#advisory.get(name);
    if (lock !== undefined && lock.holder !== process && nowUs - lock.usedUs < IDLE_LIMIT_US) return false;
    this.#advisory.set(name, { holder: process, usedUs: nowUs });
    return true;
  }

  release(name: string, process: Process): void {
    if (this.#advisory.get(name)?.holder === process) this.#advisory.delete(name);
  }
}

/** One connection of a process; when something is lost on its way, it is lost as a whole. */
class Connection {
  readonly #ledger: Ledger;
  readonly #process: Process;
  readonly #path: Path;
  readonly #session: Session;
  #isBroken = false;

  constructor(ledger: Ledger, process: Process, path: Path, session: Session) {
    this.#ledger = ledger;
    this.#process = process;
    this.#path = path;
    this.#session = session;
  }

  query(text: string, values: readonly unknown[]): Promise<Result> {
    return new Promise((resolve, reject) => {
      const { world, server } = this.#ledger;
      const unknown = server.isUp ? this.#ledger.unknown(text) : undefined;
      if (unknown !== undefined) {
        world.fail(unknown);
        reject(unknown);
        return;
      }
      if (this.#isBroken || this.#session.isOver || !server.isUp) {
        this.#lose(MS, reject);
        return;
      }
      const backUs = this.#ledger.wayUs(this.#path);
      // Lost on the way there, or on the way back.
      if (backUs === undefined && world.random.chance(0.5)) {
        this.#lose(SILENT_US, reject);
        return;
      }
      this.#session.execute(text, values, outcome => {
        const statement = known.get(text);
        if (statement === takePresenceLog) void this.#process.reach('presence');
        if (backUs === undefined) this.#lose(SILENT_US, reject);
        else {
          const findingUs = statement === findWork ? this.#ledger.findingUs : 0;
          world.after(backUs + findingUs, this.#process, () => {
            if (outcome instanceof Error) reject(outcome);
            else resolve(outcome);
          });
        }
      });
    });
  }

  #lose(delayUs: number, reject: (error: Error) => void): void {
    this.#isBroken = true;
    this.#ledger.world.after(delayUs, this.#process, () => {
      this.close();
      reject(new Error('the connection to Postgres was lost'));
    });
  }

  close(): void {
    this.#ledger.close(this.#process, this.#session);
  }
}
