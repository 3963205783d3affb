/**
 * The simulated PostgreSQL: sessions, transactions, statements and advisory locks, behind the same `Pool` that the statements
 * of sql/ use. The model recognises statements by their text (statements/lookup.ts); an unknown one fails the run, so that it
 * is added to the model. table.ts defines isolation and locks.
 *
 * A connection can be lost before or after the server has carried out a statement; after a lost commit the client does not know
 * which. When a session ends because either side crashed, its transaction is rolled back and its advisory locks are released.
 */
import type { Pool } from '../../../../sql/database.ts';
import { type Path, Server, wayUs } from '../../kernel/network.ts';
import { standIn } from '../../kernel/stand-in.ts';
import type { Tally } from '../../kernel/tally.ts';
import { MS, type Process, type World } from '../../kernel/world.ts';
import { LedgerTables } from './ledger-tables.ts';
import { Session, toError } from './session.ts';
import type { Result } from './statement.ts';
import { findWork } from './statements/campaigns/settling.ts';
import { knownStatement, statementOf } from './statements/lookup.ts';
import { takePresenceLog } from './statements/rooms/presence.ts';

/** A silent connection is noticed after this long. */
const SILENT_US = 300 * MS;
/** The server ends a session that holds locks and sends nothing for this long (in production 10 s). */
const IDLE_LIMIT_US = 2_000 * MS;

/** A statement as pg takes it: its text, or a named statement with its values. */
export type QueryInput = string | { readonly text: string; readonly values?: readonly unknown[] };

export function partsOf(
  input: QueryInput,
  values: readonly unknown[],
): readonly [text: string, values: readonly unknown[]] {
  return typeof input === 'string' ? [input, values] : [input.text, input.values ?? []];
}

interface AdvisoryLock {
  readonly holder: Process;
  usedUs: number;
}

export class Ledger {
  readonly tables: LedgerTables;
  readonly server: Server;
  /** How far the server's wall clock is off, microseconds. */
  clockOffUs = 0;
  /** How much longer findWork takes, as if there were very many campaigns. */
  findingUs = 0;
  readonly #world: World;
  readonly #tally: Tally;
  readonly #sessions = new Map<Process, Set<Session>>();
  readonly #advisory = new Map<string, AdvisoryLock>();
  /** Called after each commit, with the time at which its transaction began. */
  readonly #committed: (beganUs: number) => void;

  constructor(world: World, tally: Tally, committed: (beganUs: number) => void) {
    this.#world = world;
    this.#tally = tally;
    this.#committed = committed;
    this.server = new Server(world, 'Postgres');
    this.tables = new LedgerTables(() => new Date(Math.floor((world.nowUs + this.clockOffUs) / 1000)));
  }

  /** The pool of one process, like pg's. */
  poolFor(process: Process, path: Path): Pool {
    // A single statement leaves nothing that would end with its session.
    const query = (input: QueryInput, values: readonly unknown[] = []): Promise<Result> =>
      new Connection(this, process, path, this.#session()).query(...partsOf(input, values));
    const connect = async (): Promise<object> => {
      const connection = new Connection(this, process, path, this.open(process));
      return {
        query: (input: QueryInput, values: readonly unknown[] = []) =>
          connection.query(...partsOf(input, values)),
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

  /** Opens a session for a connection of that process. */
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

  /** Why the model cannot answer a statement; undefined if it can. */
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

  /** The server goes down; everything uncommitted is lost. */
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

  /** pg_try_advisory_lock; it succeeds again for the holder. */
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

/** One connection of a process. When a message is lost, so is the whole connection. */
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
        const statement = knownStatement(text);
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
