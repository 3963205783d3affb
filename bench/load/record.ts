import { readFile, writeFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import type { LoadJob } from './job.ts';
import { userId } from './tickets.ts';

const FORMAT = 'fairline-load-record/1';

/** The columns in the order of the file, little-endian as in memory. */
const COLUMNS = ['sentUs', 'answeredUs', 'stamp', 'position', 'status', 'attempts', 'lost'] as const;

/**
 * The clients' own record: what each user asked and was told, one row per user in number order, to be compared with the
 * ledger afterwards. Times are microseconds since 1970 on the generator's clock.
 *
 * - `sentUs`: when the user's first request was sent; NaN if there was none.
 * - `answeredUs`, `status`: of the last answer; NaN and 0 when there was none.
 * - `stamp`, `position`: from the last 202, the position or else its estimate; NaN when the 202 had none.
 * - `attempts`: requests sent. `lost`: those of them without an answer, which the server may have accepted.
 *
 * In a file: one line of JSON (`format`, `users`, `columns`), then the columns one after another, whole.
 */
export class LoadRecord {
  readonly users: LoadJob['users'];
  readonly sentUs: Float64Array;
  readonly answeredUs: Float64Array;
  readonly stamp: Float64Array;
  readonly position: Float64Array;
  readonly status: Uint16Array;
  readonly attempts: Uint16Array;
  readonly lost: Uint16Array;

  constructor(users: LoadJob['users']) {
    const count = users.to - users.from;
    this.users = users;
    this.sentUs = new Float64Array(count).fill(Number.NaN);
    this.answeredUs = new Float64Array(count).fill(Number.NaN);
    this.stamp = new Float64Array(count).fill(Number.NaN);
    this.position = new Float64Array(count).fill(Number.NaN);
    this.status = new Uint16Array(count);
    this.attempts = new Uint16Array(count);
    this.lost = new Uint16Array(count);
  }

  get length(): number {
    return this.status.length;
  }

  /** The rows as objects, without users for whom no request was sent. */
  *rows(): Generator<RecordRow> {
    for (let index = 0; index < this.length; index++) {
      if (this.attempts[index] === 0) continue;
      yield {
        user: userId(this.users, this.users.from + index),
        status: this.status[index] ?? 0,
        stamp: known(this.stamp[index]),
        position: known(this.position[index]),
        sentUs: known(this.sentUs[index]),
        answeredUs: known(this.answeredUs[index]),
        attempts: this.attempts[index] ?? 0,
        lost: this.lost[index] ?? 0,
      };
    }
  }
}

/** One user of a record; undefined means that nothing is known, status 0 that there was no answer at all. */
export interface RecordRow {
  readonly user: string;
  readonly status: number;
  readonly stamp: number | undefined;
  readonly position: number | undefined;
  readonly sentUs: number | undefined;
  readonly answeredUs: number | undefined;
  readonly attempts: number;
  readonly lost: number;
}

/** Writes the record to a file, replacing it. */
export async function writeRecord(path: string, record: LoadRecord): Promise<void> {
  requireLittleEndian();
  const header = JSON.stringify({ format: FORMAT, users: record.users, columns: COLUMNS });
  const columns = COLUMNS.map(name => bytesOf(record[name]));
  await writeFile(path, Buffer.concat([Buffer.from(`${header}\n`), ...columns]));
}

/** Reads what `writeRecord` wrote; throws when the file has another format, or is incomplete. */
export async function readRecord(path: string): Promise<LoadRecord> {
  requireLittleEndian();
  const file = await readFile(path);
  const headerEnd = file.indexOf('\n');
  const header: { format?: unknown; users: LoadJob['users'] } = JSON.parse(
    file.toString('utf8', 0, headerEnd),
  );
  if (header.format !== FORMAT) throw new Error(`${path} is not a ${FORMAT} file`);
  const record = new LoadRecord(header.users);
  let offset = headerEnd + 1;
  for (const name of COLUMNS) {
    const column = bytesOf(record[name]);
    offset += file.copy(column, 0, offset, offset + column.length);
  }
  const expected = headerEnd + 1 + COLUMNS.reduce((sum, name) => sum + record[name].byteLength, 0);
  if (offset !== expected || file.length !== expected) throw new Error(`${path} has not the length it says`);
  return record;
}

function bytesOf(column: Float64Array | Uint16Array): Buffer {
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength);
}

function known(value: number | undefined): number | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : value;
}

function requireLittleEndian(): void {
  if (endianness() !== 'LE') throw new Error('records are written and read on little-endian machines only');
}
