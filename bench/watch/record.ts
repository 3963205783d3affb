import { readFile, writeFile } from 'node:fs/promises';
import { endianness } from 'node:os';

const FORMAT = 'fairline-watch-record/1';
const FIRST_CAPACITY = 1_024;

/** One request for an entry; without an answer `answeredUs` and `stamp` are null, and `status` is 0. */
export interface Post {
  readonly sentUs: number;
  readonly answeredUs: number | null;
  readonly status: number;
  readonly stamp: number | null;
  /** `type` of the problem document, if the answer was one. */
  readonly problem: string | null;
}

/** An outcome as it was shown. */
export interface ShownOutcome {
  readonly atUs: number;
  readonly outcome: string;
  readonly position: number;
  readonly serial: number | null;
  readonly code: string | null;
}

/**
 * How a watcher ended: `told` an outcome and then nothing more (204); `refused` the entry (`why` is the refusal);
 * `no-entry`: nobody had made one when the run was to finish; `failed`: an answer that should not be (`why`); `limit`: the
 * run was over.
 */
export type WatchEnd = 'told' | 'refused' | 'no-entry' | 'failed' | 'limit';

/** What one watcher did and saw, positions aside. */
export interface WatchedUser {
  readonly campaign: number;
  readonly user: string;
  readonly posts: readonly Post[];
  /** More than one when the page was reloaded after the first. */
  readonly outcomes: readonly ShownOutcome[];
  readonly streams: number;
  readonly reloads: number;
  readonly heartbeats: number;
  readonly end: WatchEnd;
  readonly why: string;
}

/** A position as it was shown; `watcher` is the index into `users` of the record. */
export interface Shown {
  readonly watcher: number;
  readonly atUs: number;
  readonly position: number;
  readonly ahead: number;
}

/** Every position that was shown, in the order of time: 20 bytes each. */
export class ShownLog {
  #watcher = new Uint32Array(FIRST_CAPACITY);
  #position = new Uint32Array(FIRST_CAPACITY);
  #ahead = new Uint32Array(FIRST_CAPACITY);
  #atUs = new Float64Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(watcher: number, atUs: number, position: number, ahead: number): void {
    const index = this.#length++;
    if (index === this.#watcher.length) this.#reserve(index * 2);
    this.#watcher[index] = watcher;
    this.#atUs[index] = atUs;
    this.#position[index] = position;
    this.#ahead[index] = ahead;
  }

  *rows(): Generator<Shown> {
    for (let index = 0; index < this.#length; index++) {
      yield {
        watcher: this.#watcher[index] ?? 0,
        atUs: this.#atUs[index] ?? 0,
        position: this.#position[index] ?? 0,
        ahead: this.#ahead[index] ?? 0,
      };
    }
  }

  /** The columns one behind the other, little-endian as in memory. */
  toBytes(): Buffer {
    return Buffer.concat(this.#columns().map(column => bytesOf(column, this.#length)));
  }

  /** Reads what `toBytes` made; throws when it does not have that many rows. */
  static fromBytes(bytes: Buffer, length: number): ShownLog {
    const log = new ShownLog();
    log.#reserve(length);
    log.#length = length;
    let offset = 0;
    for (const column of log.#columns()) {
      const target = bytesOf(column, length);
      offset += bytes.copy(target, 0, offset, offset + target.length);
    }
    if (offset !== length * 20 || bytes.length !== offset) throw new Error('it has not the length it says');
    return log;
  }

  #columns(): readonly (Uint32Array | Float64Array)[] {
    return [this.#atUs, this.#watcher, this.#position, this.#ahead];
  }

  #reserve(capacity: number): void {
    const grown = <T extends Uint32Array | Float64Array>(from: T, to: T): T => {
      to.set(from.subarray(0, Math.min(from.length, to.length)));
      return to;
    };
    this.#watcher = grown(this.#watcher, new Uint32Array(capacity));
    this.#position = grown(this.#position, new Uint32Array(capacity));
    this.#ahead = grown(this.#ahead, new Uint32Array(capacity));
    this.#atUs = grown(this.#atUs, new Float64Array(capacity));
  }
}

/** The watchers' own record, to be compared with the ledger. All times are on the machine's monotonic clock. */
export interface WatchRecord {
  readonly users: readonly WatchedUser[];
  readonly shown: ShownLog;
}

/** Writes one line of JSON (`format`, `users`, `shown`), then the columns of what was shown. */
export async function writeWatchRecord(path: string, { users, shown }: WatchRecord): Promise<void> {
  requireLittleEndian();
  const header = JSON.stringify({ format: FORMAT, shown: shown.length, users });
  await writeFile(path, Buffer.concat([Buffer.from(`${header}\n`), shown.toBytes()]));
}

/** Reads what `writeWatchRecord` wrote; throws when the file has another format, or is incomplete. */
export async function readWatchRecord(path: string): Promise<WatchRecord> {
  requireLittleEndian();
  const file = await readFile(path);
  const headerEnd = file.indexOf('\n');
  const header: { format?: unknown; shown: number; users: WatchedUser[] } = JSON.parse(
    file.toString('utf8', 0, headerEnd),
  );
  if (header.format !== FORMAT) throw new Error(`${path} is not a ${FORMAT} file`);
  return { users: header.users, shown: ShownLog.fromBytes(file.subarray(headerEnd + 1), header.shown) };
}

function bytesOf(column: Uint32Array | Float64Array, length: number): Buffer {
  return Buffer.from(column.buffer, column.byteOffset, length * column.BYTES_PER_ELEMENT);
}

function requireLittleEndian(): void {
  if (endianness() !== 'LE') throw new Error('records are written and read on little-endian machines only');
}
