/**
 * The pages that a monitor was shown, signed and chained: `heads-000001.ndjson` and following, append-only. A record is on
 * disk before anything depends on it. A kill leaves at most the beginning of a line, on which nothing depends, and which is
 * cut off. ../verify/heads/kept-pages.ts has the format, and `verify --heads` reads the files.
 */
import { sign } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Unreadable } from '../verify/findings.ts';
import { headPositionText } from '../verify/heads/head-positions.ts';
import {
  isSignedRecord,
  type KeptPage,
  type MonitorRecord,
  NO_RECORD,
  readKeptPage,
  recordMessage,
} from '../verify/heads/kept-pages.ts';
import { defaultLimits } from '../verify/limits.ts';
import { nodePrimitives } from '../verify/node.ts';
import { canonical } from '../verify/text/json.ts';
import { DirectoryFault, type OwnKey } from './own-key.ts';
import type { ShownPage } from './page.ts';

/** Well below what `verify` reads of kept heads: to check a campaign, one hands in the files of its time. */
const FILE_BYTES = 64 * 1024 * 1024;
/** A page of MOST_HEADS heads is smaller than 3 MB. */
const MOST_LINE_BYTES = 8 * 1024 * 1024;
const READ_BYTES = 1 << 20;
const NEWLINE = 0x0a;
const FILE_NAME = /^heads-(\d{6})\.ndjson$/;

export type Recorded = KeptPage & { readonly record: MonitorRecord };

export class RecordLog {
  readonly #directory: string;
  readonly #key: OwnKey;
  readonly #fileBytes: number;
  #file: number;
  #fileNumber: number;
  #size: number;
  #number = 0;
  #hash = NO_RECORD;

  private constructor(directory: string, key: OwnKey, fileBytes: number) {
    this.#directory = directory;
    this.#key = key;
    this.#fileBytes = fileBytes;
    this.#fileNumber = fileNumbers(directory).at(-1) ?? 1;
    this.#file = openSync(this.#path(this.#fileNumber), 'a+', 0o644);
    this.#size = fstatSync(this.#file).size;
    syncDirectory(directory);
  }

  /**
   * Opens a directory and passes each of its records to `onRecord`, in order. Throws DirectoryFault if it contains something
   * that this monitor did not write.
   */
  static async open(
    directory: string,
    key: OwnKey,
    onRecord: (record: Recorded) => void,
    fileBytes = FILE_BYTES,
  ): Promise<RecordLog> {
    const log = new RecordLog(directory, key, fileBytes);
    log.#cutTornLine();
    let last: Recorded | undefined;
    for (const record of log.records()) {
      log.#checkNext(record);
      last = record;
      onRecord(record);
    }
    // Its signature covers all earlier records too.
    if (last !== undefined && !(await isSignedRecord(last.record, defaultLimits, nodePrimitives)))
      throw new DirectoryFault(`record ${last.record.number} in ${directory} is not signed by this monitor`);
    return log;
  }

  /** The number of records. */
  get count(): number {
    return this.#number;
  }

  /** Records a page, which is on disk when this returns. */
  append({ after, heads, throughUs }: ShownPage, source: string, atUs: number): void {
    const members = {
      after: headPositionText(after),
      at_us: atUs,
      heads: heads.map(({ text }) => text),
      key: this.#key.publicKey,
      monitor: 1,
      number: this.#number + 1,
      previous: this.#hash,
      source,
      ...(throughUs === undefined ? {} : { through_us: throughUs }),
    };
    const signature = sign(null, recordMessage(members), this.#key.privateKey).toString('base64url');
    const line = Buffer.from(canonical({ ...members, signature }, 'the record'));
    if (this.#size >= this.#fileBytes) this.#nextFile();
    if (fstatSync(this.#file).size !== this.#size)
      throw new DirectoryFault(
        `another process writes to ${this.#directory}: a directory belongs to one monitor`,
      );
    this.#write(Buffer.concat([line, Buffer.of(NEWLINE)]));
    this.#number += 1;
    this.#hash = textOf(nodePrimitives.sha256(line));
  }

  /** All records from the first one on, read from disk as they are by then. */
  *records(): Generator<Recorded> {
    for (const number of fileNumbers(this.#directory)) {
      for (const line of linesOf(this.#path(number))) yield this.#read(line, this.#path(number));
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(line: Uint8Array, path: string): Recorded {
    try {
      const page = readKeptPage(line, 1, defaultLimits, nodePrimitives);
      if (page.record !== undefined) return { ...page, record: page.record };
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      throw new DirectoryFault(`${path} has a line that is not a record: ${error.message}`);
    }
    throw new DirectoryFault(`${path} has a line that is not a record of a monitor`);
  }

  #checkNext({ record }: Recorded): void {
    const isNext = record.number === this.#number + 1 && textOf(record.previous) === this.#hash;
    if (record.key !== this.#key.publicKey || !isNext)
      throw new DirectoryFault(
        `record ${record.number} in ${this.#directory} does not continue record ${this.#number} of this monitor`,
      );
    this.#number = record.number;
    this.#hash = textOf(record.hash);
  }

  #write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    fsyncSync(this.#file);
    this.#size += bytes.length;
  }

  #nextFile(): void {
    closeSync(this.#file);
    this.#fileNumber += 1;
    this.#file = openSync(this.#path(this.#fileNumber), 'ax+', 0o644);
    this.#size = 0;
    syncDirectory(this.#directory);
  }

  /** Removes from the last file what a kill has left behind the last complete line. */
  #cutTornLine(): void {
    const tail = Buffer.alloc(Math.min(this.#size, MOST_LINE_BYTES));
    readSync(this.#file, tail, 0, tail.length, this.#size - tail.length);
    const end = this.#size - tail.length + tail.lastIndexOf(NEWLINE) + 1;
    if (end === this.#size) return;
    if (tail.length === MOST_LINE_BYTES && !tail.includes(NEWLINE))
      throw new DirectoryFault(`${this.#path(this.#fileNumber)} ends in a malformed line`);
    ftruncateSync(this.#file, end);
    fsyncSync(this.#file);
    this.#size = end;
  }

  #path(number: number): string {
    return join(this.#directory, `heads-${String(number).padStart(6, '0')}.ndjson`);
  }
}

function textOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('base64url');
}

function fileNumbers(directory: string): readonly number[] {
  return readdirSync(directory)
    .flatMap(name => Number(FILE_NAME.exec(name)?.[1] ?? []))
    .filter(number => number > 0)
    .sort((a, b) => a - b);
}

/** The complete lines of a file, read in pieces; anything after the last newline is still being written. */
function* linesOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    let held: Buffer = Buffer.alloc(0);
    for (;;) {
      const piece = Buffer.alloc(READ_BYTES);
      const read = readSync(file, piece, 0, READ_BYTES, null);
      if (read === 0) return;
      held = Buffer.concat([held, piece.subarray(0, read)]);
      let from = 0;
      for (let end = held.indexOf(NEWLINE); end >= 0; end = held.indexOf(NEWLINE, from)) {
        yield held.subarray(from, end);
        from = end + 1;
      }
      held = held.subarray(from);
      if (held.length > MOST_LINE_BYTES) throw new DirectoryFault(`${path} has a malformed line`);
    }
  } finally {
    closeSync(file);
  }
}

/** A new file survives a crash only if its directory was written, too. */
function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
