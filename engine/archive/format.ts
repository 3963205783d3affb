/**
 * The archive file: gzip of lines of JSON, as README.md in this folder describes it. A file is checked against the hash and the
 * counts in its last line before anything relies on it.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import {
  ARCHIVED_TABLES,
  type ArchivedTable,
  isArchivedTable,
} from '../../sql/statements/campaigns/archived-rows.ts';
import { messageOf } from '../contract/process/message-of.ts';

export const FORMAT = 'fairline archive 1';

export interface ArchiveHead {
  readonly format: typeof FORMAT;
  readonly campaign: number;
  readonly title: string;
  /** ISO 8601, UTC. */
  readonly written_at: string;
  /** The SHA-256 of the book's file, in hex; null if there is no book. */
  readonly book_sha256: string | null;
  /** The file has no redemptions, because they may still be used. */
  readonly keeps_redemptions: boolean;
}

export type Counts = Readonly<Record<ArchivedTable, number>>;

/** A row as a JSON object, with its table. */
export interface FileRow {
  readonly table: ArchivedTable;
  readonly row: string;
}

/** The file is invalid; `message` says why. */
export class BadArchive extends Error {}

/** Writes a file; it is on disk, under its name, when this resolves. Returns the number of rows of each table. */
export async function writeFile(
  path: string,
  head: ArchiveHead,
  rows: AsyncIterable<FileRow>,
): Promise<Counts> {
  const counts = noCounts();
  const lines = Readable.from(linesOf(head, rows, counts));
  // Never write into a file that another process, however long suspended, may have open.
  await rm(path, { force: true });
  await pipeline(lines, createGzip(), createWriteStream(path, { flags: 'wx' }));
  await onDisk(path);
  await onDisk(dirname(path));
  return counts;
}

/** Resolves when the contents of a file, or the entries of a directory, are on disk. */
export async function onDisk(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* linesOf(
  head: ArchiveHead,
  rows: AsyncIterable<FileRow>,
  counts: Record<ArchivedTable, number>,
): AsyncGenerator<string> {
  const hash = createHash('sha256');
  const first = `${JSON.stringify(head)}\n`;
  hash.update(first);
  yield first;
  for await (const { table, row } of rows) {
    const line = `["${table}",${row}]\n`;
    counts[table] += 1;
    hash.update(line);
    yield line;
  }
  yield `${JSON.stringify({ counts, sha256: hash.digest('hex') })}\n`;
}

/** Rows in memory, and sent, at once. A slice may be 600 KB. */
const PAGE_ROWS = 2_000;
const PAGE_CHARACTERS = 4_000_000;

export interface FilePage {
  readonly table: ArchivedTable;
  readonly rows: readonly string[];
}

/** Reads the rows of a file in pages, and throws BadArchive at its end if it is incomplete. */
export async function* readPages(path: string): AsyncGenerator<FilePage> {
  let page: { readonly table: ArchivedTable; readonly rows: string[] } | undefined;
  let characters = 0;
  for await (const { table, row } of eachRow(path)) {
    const isFull = page !== undefined && (page.rows.length >= PAGE_ROWS || characters >= PAGE_CHARACTERS);
    if (page !== undefined && (isFull || page.table !== table)) {
      yield page;
      page = undefined;
    }
    if (page === undefined) {
      page = { table, rows: [] };
      characters = 0;
    }
    page.rows.push(row);
    characters += row.length;
  }
  if (page !== undefined) yield page;
}

/** The first line of a file. */
export async function readHead(path: string): Promise<ArchiveHead> {
  const lines = linesIn(path);
  const { value, done } = await lines.next();
  await lines.return(undefined);
  if (done === true) throw new BadArchive(`${path} is empty`);
  return headOf(path, value);
}

/** Reads the whole file, checks it against its last line, and returns the counts. Throws BadArchive. */
export async function checkFile(path: string): Promise<Counts> {
  const counts = noCounts();
  for await (const { table } of eachRow(path)) counts[table] += 1;
  return counts;
}

/** SHA-256 of a file as it is on disk. */
export async function hashOf(path: string): Promise<Buffer> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest();
}

async function* eachRow(path: string): AsyncGenerator<FileRow> {
  const hash = createHash('sha256');
  const counts = noCounts();
  let isFirst = true;
  let end: unknown;
  for await (const line of linesIn(path)) {
    if (end !== undefined) throw new BadArchive(`${path} continues after its last line`);
    if (isFirst) headOf(path, line);
    else if (line.startsWith('{')) {
      end = parse(path, line);
      continue;
    } else {
      const row = rowOf(path, line);
      counts[row.table] += 1;
      yield row;
    }
    isFirst = false;
    hash.update(`${line}\n`);
  }
  const said = Object(end);
  if (end === undefined) throw new BadArchive(`${path} has no last line: it is truncated`);
  if (Reflect.get(said, 'sha256') !== hash.digest('hex'))
    throw new BadArchive(`${path} was changed: its hash does not match`);
  // A file written before a table was archived has no count for it.
  if (JSON.stringify({ ...noCounts(), ...Reflect.get(said, 'counts') }) !== JSON.stringify(counts))
    throw new BadArchive(`${path} has different rows than its last line says`);
}

async function* linesIn(path: string): AsyncGenerator<string> {
  const file = createReadStream(path);
  const bytes = file.pipe(createGunzip());
  file.on('error', error => bytes.destroy(error));
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  try {
    for await (const chunk of bytes) {
      const lines = decoder.decode(chunk, { stream: true }).split('\n');
      lines[0] = rest + (lines[0] ?? '');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    if (error instanceof BadArchive) throw error;
    throw new BadArchive(`cannot read ${path}: ${messageOf(error)}`);
  } finally {
    file.destroy();
    bytes.destroy();
  }
  if (rest !== '') throw new BadArchive(`${path} ends in the middle of a line`);
}

function headOf(path: string, line: string): ArchiveHead {
  const head = Object(parse(path, line));
  const [format, campaign] = [Reflect.get(head, 'format'), Reflect.get(head, 'campaign')];
  if (format !== FORMAT || !Number.isSafeInteger(campaign))
    throw new BadArchive(`${path} is not a ${FORMAT}: it starts with ${line.slice(0, 60)}`);
  return head;
}

function rowOf(path: string, line: string): FileRow {
  const comma = line.indexOf(',');
  const table: unknown = Reflect.get(Object(parse(path, `${line.slice(0, comma)}]`)), '0');
  if (!isArchivedTable(table)) throw new BadArchive(`${path} has a row of unknown table ${String(table)}`);
  return { table, row: line.slice(comma + 1, -1) };
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BadArchive(`${path} has a line that is not JSON: ${text.slice(0, 60)}`);
  }
}

export function noCounts(): Record<ArchivedTable, number> {
  return Object.fromEntries(ARCHIVED_TABLES.map(table => [table, 0])) as Record<ArchivedTable, number>;
}
