/** A statement on the simulated ledger: its parameters, its result, and the constraints it breaks. */
import type { LedgerTables } from './ledger-tables.ts';
import type { Transaction } from './table.ts';

export type Statement = (tables: LedgerTables, by: Transaction, values: Values) => Result;

export interface Result {
  readonly rows: readonly unknown[];
  readonly rowCount: number;
}

export const NOTHING: Result = { rows: [], rowCount: 0 };

export function rowsOf(rows: readonly unknown[]): Result {
  return { rows, rowCount: rows.length };
}

export function changed(rowCount: number): Result {
  return { rows: [], rowCount };
}

export const FOREIGN_KEY_VIOLATION = '23503';
export const UNIQUE_VIOLATION = '23505';
export const CHECK_VIOLATION = '23514';

/** A broken constraint: `code` is PostgreSQL's SQLSTATE; `table` and `constraint` name the constraint. */
export class ConstraintError extends Error {
  readonly code: string;
  readonly table: string;
  readonly constraint: string;

  constructor(code: string, table: string, constraint: string) {
    super(`${table} breaks the constraint ${constraint}`);
    this.code = code;
    this.table = table;
    this.constraint = constraint;
  }
}

/** The parameters of a statement, from $1 on, read as the types that the statement expects. */
export class Values {
  readonly #values: readonly unknown[];

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  raw(number: number): unknown {
    return this.#values[number - 1];
  }

  number(number: number): number {
    const value = this.raw(number);
    if (typeof value !== 'number') throw new TypeError(`$${number} is ${String(value)}, not a number`);
    return value;
  }

  optional(number: number): number | null {
    return this.raw(number) === null ? null : this.number(number);
  }

  text(number: number): string {
    const value = this.raw(number);
    if (typeof value !== 'string') throw new TypeError(`$${number} is ${String(value)}, not a text`);
    return value;
  }

  date(number: number): Date {
    const value = this.raw(number);
    if (!(value instanceof Date)) throw new TypeError(`$${number} is ${String(value)}, not a time`);
    return value;
  }

  bytes(number: number): Buffer {
    const value = this.raw(number);
    if (!Buffer.isBuffer(value)) throw new TypeError(`$${number} is ${String(value)}, not bytes`);
    return value;
  }

  /** A bigint[] in binary format; sql/statements/arrays.ts describes the bytes. */
  numbers(number: number): number[] {
    return readArray(
      this.bytes(number),
      (bytes, from) => bytes.readUInt32BE(from) * 4_294_967_296 + bytes.readUInt32BE(from + 4),
    );
  }

  optionalText(number: number): string | null {
    return this.raw(number) === null ? null : this.text(number);
  }

  optionalDate(number: number): Date | null {
    return this.raw(number) === null ? null : this.date(number);
  }

  flag(number: number): boolean {
    return this.raw(number) === true;
  }

  optionalBytes(number: number): Buffer | null {
    return this.raw(number) === null ? null : this.bytes(number);
  }

  /** A bytea[]. */
  buffers(number: number): Buffer[] {
    return readArray(this.bytes(number), (bytes, from, to) => Buffer.from(bytes.subarray(from, to)));
  }

  texts(number: number): string[] {
    return readArray(this.bytes(number), (bytes, from, to) => bytes.toString('utf8', from, to));
  }
}

function readArray<T>(bytes: Buffer, read: (bytes: Buffer, from: number, to: number) => T): T[] {
  const elements: T[] = [];
  if (bytes.readInt32BE(0) === 0) return elements;
  let at = 20;
  for (let left = bytes.readInt32BE(12); left > 0; left--) {
    const length = bytes.readInt32BE(at);
    elements.push(read(bytes, at + 4, at + 4 + length));
    at += 4 + length;
  }
  return elements;
}
