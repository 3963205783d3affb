/**
 * A table of the simulated ledger under PostgreSQL's READ COMMITTED (its documentation, 13.2.1): a statement sees everything
 * committed before it began, and its own transaction's writes. A row that another transaction has written or locked cannot be
 * written until that transaction is over; then the statement continues with the current row.
 *
 * So a row has at most one uncommitted version. A statement that needs such a row of another transaction throws Blocked; its
 * own writes are undone, and it runs again when that transaction is over.
 */

/** An uncommitted version of a row. */
interface Written {
  commit(): void;
  undo(): void;
}

/** A transaction: its writes, to be committed or undone as a whole. */
export class Transaction {
  /** By the clock of the simulated world. */
  readonly beganUs: number;
  readonly #written: Written[] = [];
  /** Called when it is over, for transactions that wait for its rows. */
  readonly whenOver: (() => void)[] = [];
  isOver = false;
  /** A statement failed: the transaction accepts nothing but a rollback (SQLSTATE 25P02). */
  isFailed = false;
  /** The transaction that it waits for. */
  waitsFor: Transaction | undefined;

  constructor(beganUs: number) {
    this.beganUs = beganUs;
  }

  note(written: Written): void {
    this.#written.push(written);
  }

  /** Where a statement begins; pass it to `undoTo` to undo what the statement wrote. */
  get mark(): number {
    return this.#written.length;
  }

  undoTo(mark: number): void {
    for (let at = this.#written.length - 1; at >= mark; at--) this.#written[at]?.undo();
    this.#written.length = mark;
  }

  /** Calls `committed` before the transactions that wait for its rows continue: theirs are other commits. */
  commit(committed: (beganUs: number) => void): void {
    for (const written of this.#written) written.commit();
    committed(this.beganUs);
    this.#end();
  }

  rollback(): void {
    this.undoTo(0);
    this.#end();
  }

  #end(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const wake of this.whenOver) wake();
  }
}

/** The statement needs a row that this other transaction holds. */
export class Blocked extends Error {
  readonly by: Transaction;

  constructor(by: Transaction) {
    super('blocked');
    this.by = by;
  }
}

interface Pending<Row> {
  readonly by: Transaction;
  readonly row: Row | undefined;
}

interface Slot<Row> {
  committed: Row | undefined;
  /** Written or locked by a transaction that is not over; undefined for none. */
  pending: Pending<Row> | undefined;
}

class WrittenSlot<Row> implements Written {
  readonly #slot: Slot<Row>;
  readonly #by: Transaction;
  readonly #before: Pending<Row> | undefined;

  constructor(slot: Slot<Row>, by: Transaction, before: Pending<Row> | undefined) {
    this.#slot = slot;
    this.#by = by;
    this.#before = before;
  }

  commit(): void {
    const { pending } = this.#slot;
    if (pending?.by !== this.#by) return;
    this.#slot.committed = pending.row;
    this.#slot.pending = undefined;
  }

  undo(): void {
    this.#slot.pending = this.#before;
  }
}

export class Table<Row> {
  readonly #slots = new Map<string, Slot<Row>>();

  /** The rows that `by` sees; without `by`, the committed ones. */
  rows(by?: Transaction): Row[] {
    const rows: Row[] = [];
    for (const { committed, pending } of this.#slots.values()) {
      const row = pending !== undefined && pending.by === by ? pending.row : committed;
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  get(key: string, by?: Transaction): Row | undefined {
    const slot = this.#slots.get(key);
    return slot?.pending !== undefined && slot.pending.by === by ? slot.pending.row : slot?.committed;
  }

  /** The transaction, other than `by`, that has written or locked the row and is not over. */
  heldBy(key: string, by?: Transaction): Transaction | undefined {
    const holder = this.#slots.get(key)?.pending?.by;
    return holder === by ? undefined : holder;
  }

  /** Rows that other transactions are writing: a unique index knows them, but no statement sees them. */
  pendingOfOthers(by: Transaction): { readonly row: Row; readonly by: Transaction }[] {
    const rows: { readonly row: Row; readonly by: Transaction }[] = [];
    for (const { pending } of this.#slots.values()) {
      if (pending?.row !== undefined && pending.by !== by) rows.push({ row: pending.row, by: pending.by });
    }
    return rows;
  }

  /** Locks the row against other writers. Throws Blocked. */
  lock(key: string, by: Transaction): void {
    this.write(key, this.get(key, by), by);
  }

  /** Writes a version of the row; undefined deletes it. Throws Blocked. */
  write(key: string, row: Row | undefined, by: Transaction): void {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { committed: undefined, pending: undefined };
      this.#slots.set(key, slot);
    }
    const before = slot.pending;
    if (before !== undefined && before.by !== by) throw new Blocked(before.by);
    slot.pending = { by, row };
    by.note(new WrittenSlot(slot, by, before));
  }
}
