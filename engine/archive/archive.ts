/**
 * Archives a campaign: moves its entries and what belongs to them, its slices, redemptions and the shops' requests for them,
 * and a room's people, from the ledger to a file, with its book beside it. In this order, so that a kill at any moment loses
 * nothing and the next run continues:
 *
 * 1. write the file, flush it to disk, and read it back;
 * 2. record it in the ledger, with the totals and the ranks of those who stay, in one transaction;
 * 3. delete rows that are identical in file and ledger, some at a time; rows changed meanwhile stay, and a basket is deleted
 *    whole or not at all.
 *
 * Only a shelved campaign can be archived: Redis is never rebuilt from archived rows.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Connection, type Pool, type Queryable, transactionOn } from '../../sql/database.ts';
import { readBookPart } from '../../sql/statements/books/books.ts';
import { BASKET_TABLES, beginStaging, stageRows } from '../../sql/statements/campaigns/archived-baskets.ts';
import {
  type ArchivedTable,
  deleteRows,
  emptySlices,
  isBasketTable,
  isUserTable,
  markKeptRanks,
  ROOM_TABLES,
  readArchivePage,
  USER_TABLES,
} from '../../sql/statements/campaigns/archived-rows.ts';
import {
  type Archivable,
  closeArchive,
  insertArchive,
  readArchivable,
  readArchive,
  readArchived,
  readFirstNeeded,
} from '../../sql/statements/campaigns/archives.ts';
import { readTotals } from '../../sql/statements/entries/outcomes.ts';
import { pagesOf } from '../../sql/statements/pages.ts';
import { decodeItems, SOURCE_BIT } from '../contract/record/record.ts';
import { decodeSignedHead } from '../contract/record/slice-head.ts';
import type { Archiving } from './archiving.ts';
import { letGoOfBaskets } from './baskets.ts';
import {
  type ArchiveHead,
  BadArchive,
  type Counts,
  checkFile,
  type FileRow,
  FORMAT,
  hashOf,
  noCounts,
  onDisk,
  readPages,
  writeFile,
} from './format.ts';

/** Rows per statement: more would hold locks and memory for noticeably long. */
const PAGE_ROWS = 2_000;
const SLICES_A_PAGE = 100;

/** Why a campaign cannot be archived, for humans. */
export class NotArchivable extends Error {}

export interface ArchiveTerms {
  readonly directory: string;
  /** Leaves redemptions in the ledger, because grants may still be used. */
  readonly keepsRedemptions: boolean;
}

export interface Archived {
  readonly file: string;
  readonly counts: Counts;
  /** Slices whose items are still needed in the ledger; a later run deletes them. */
  readonly slicesKept: number;
}

/** Rejects with NotArchivable. */
export async function requireArchivable(
  db: Queryable,
  campaignId: number,
  keepsRedemptions: boolean,
): Promise<Archivable> {
  const campaign = await readArchivable(db, campaignId);
  if (campaign === undefined) throw new NotArchivable(`campaign ${campaignId} does not exist`);
  const { isFinished, isShelved, lacksBook, hasOpenClaims, hasOpenCoupons, hasOpenVisits } = campaign;
  const why = !isFinished
    ? 'has not finished'
    : lacksBook
      ? 'has no book yet'
      : !isShelved
        ? 'is still in Redis; it leaves Redis by itself (SHELVE_AFTER_S)'
        : hasOpenClaims
          ? 'has open offers'
          : hasOpenVisits
            ? 'has passes that can still be used, or visits that go on'
            : hasOpenCoupons && !keepsRedemptions
              ? 'has grants that can still be redeemed; use --keep-redemptions to archive the rest'
              : undefined;
  if (why !== undefined) throw new NotArchivable(`campaign ${campaignId} ${why}`);
  return campaign;
}

export function fileNameOf(campaignId: number): string {
  return `campaign-${campaignId}.archive.ndjson.gz`;
}

/** Archives it, or resumes an earlier run. Rejects with NotArchivable, or with BadArchive if its file is incomplete. */
export async function archiveCampaign(
  { pool, writer }: Archiving,
  campaignId: number,
  { directory, keepsRedemptions }: ArchiveTerms,
): Promise<Archived> {
  const path = join(directory, fileNameOf(campaignId));
  const known = await readArchive(writer, campaignId);
  if (known === undefined) {
    const campaign = await requireArchivable(writer, campaignId, keepsRedemptions);
    await makeDirectory(resolve(directory));
    await makeFile(pool, campaign, { directory, keepsRedemptions }, path);
    await note(writer, campaign, path);
  } else await requireSame(path, known.sha256);
  const counts = await checkFile(path);
  const slicesKept = await letGo(writer, path, counts);
  await closeArchive(writer, campaignId, slicesKept);
  return { file: path, counts, slicesKept };
}

/** Resolves once it and every new directory above it are on disk. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await onDisk(dirname(made));
}

/** The file recorded in the ledger. */
export async function requireSame(path: string, sha256: Buffer): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) throw new BadArchive(`${path} is missing, and the ledger no longer holds its rows`);
  if (!(await hashOf(path)).equals(sha256))
    throw new BadArchive(`${path} is not the file recorded in the ledger`);
}

/** Writes a snapshot of one moment. Under its final name the file is complete and on disk. */
async function makeFile(
  pool: Pool,
  campaign: Archivable,
  { directory, keepsRedemptions }: ArchiveTerms,
  path: string,
): Promise<void> {
  const bookHash = campaign.hasBook ? await writeBook(pool, campaign.campaignId, directory) : null;
  const head: ArchiveHead = {
    format: FORMAT,
    campaign: campaign.campaignId,
    title: campaign.title,
    written_at: new Date().toISOString(),
    book_sha256: bookHash,
    keeps_redemptions: keepsRedemptions,
  };
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const written = await writeFile(
      `${path}.part`,
      head,
      rowsOf(client, campaign, tablesOf(campaign, keepsRedemptions)),
    );
    await client.query('commit');
    const read = await checkFile(`${path}.part`);
    if (JSON.stringify(read) !== JSON.stringify(written))
      throw new BadArchive(`${path} was read back with different rows than were written`);
  } finally {
    client.release(true);
  }
  await rename(`${path}.part`, path);
  await onDisk(directory);
}

/** The rows that would be written, by table. Rejects with NotArchivable. */
export async function rehearseArchive(
  pool: Pool,
  campaignId: number,
  keepsRedemptions: boolean,
): Promise<Counts> {
  const campaign = await requireArchivable(pool, campaignId, keepsRedemptions);
  const counts = noCounts();
  const tables = tablesOf(campaign, keepsRedemptions);
  for await (const { table } of rowsOf(pool, campaign, tables)) counts[table] += 1;
  return counts;
}

function tablesOf({ kind }: Archivable, keepsRedemptions: boolean): readonly ArchivedTable[] {
  const people = [...USER_TABLES, 'entries', 'slices'] as const;
  if (kind === 'room') return [...people, ...ROOM_TABLES];
  return keepsRedemptions ? people : [...people, ...BASKET_TABLES];
}

async function* rowsOf(
  db: Queryable,
  campaign: Archivable,
  tables: readonly ArchivedTable[],
): AsyncGenerator<FileRow> {
  for (const table of tables) {
    const pages = pagesOf({
      after: '',
      limit: table === 'slices' ? SLICES_A_PAGE : PAGE_ROWS,
      read: (after, limit) => readArchivePage(db, table, campaign, after, limit),
      keyOf: ({ key }) => key,
    });
    for await (const page of pages) {
      for (const { row } of page) {
        if (table !== 'slices' || campaignsIn(row).has(campaign.campaignId)) yield { table, row };
      }
    }
  }
}

/** The campaigns of the items of a slice in a file. */
function campaignsIn(row: string): ReadonlySet<number> {
  const slice = Object(JSON.parse(row));
  const bytes = (name: string): Buffer => Buffer.from(String(Reflect.get(slice, name)).slice(2), 'hex');
  const { count } = decodeSignedHead(bytes('signed_head'));
  return new Set(decodeItems(bytes('items'), 0, count, SOURCE_BIT).map(({ campaignId }) => campaignId));
}

/** Writes the book as served by gateways. Returns its hash in hex. */
async function writeBook(pool: Pool, campaignId: number, directory: string): Promise<string> {
  const path = join(directory, `campaign-${campaignId}.book.ndjson.gz`);
  const hash = createHash('sha256');
  const parts = async function* (): AsyncGenerator<Buffer> {
    for (let part = 0; ; part++) {
      const bytes = await readBookPart(pool, campaignId, part);
      if (bytes === undefined) return;
      hash.update(bytes);
      yield bytes;
    }
  };
  await pipeline(Readable.from(parts()), createWriteStream(path));
  await onDisk(path);
  const written = hash.digest();
  if (!(await hashOf(path)).equals(written))
    throw new BadArchive(`${path} was read back with a different hash`);
  return written.toString('hex');
}

/** From here on, a request for a missing entry is answered with the name of the file. */
async function note(writer: Connection, { campaignId }: Archivable, path: string): Promise<void> {
  const counts = await checkFile(path);
  const sha256 = await hashOf(path);
  await transactionOn(writer, async db => {
    const totals = await readTotals(db, campaignId);
    await markKeptRanks(db, campaignId);
    await insertArchive(db, { campaignId, file: fileNameOf(campaignId), sha256, counts, totals });
  });
}

/** Deletes everything that is in the file. Returns how many slices must stay for now. */
async function letGo(writer: Connection, path: string, counts: Counts): Promise<number> {
  await letGoOfPeople(writer, path, counts);
  let slicesKept = 0;
  await beginStaging(writer);
  for await (const { table, rows } of readPages(path)) {
    if (table === 'entries') await deleteRows(writer, table, rows);
    else if (table === 'slices') slicesKept += await letGoOfSlices(writer, rows);
    else if (isBasketTable(table)) await stageRows(writer, table, rows);
  }
  await letGoOfBaskets(writer);
  if (USER_TABLES.some(table => counts[table] > 0)) await letGoOfUsers(writer, path);
  return slicesKept;
}

/** Deletes the people of a room: rows that refer to others go before those, in the reverse order of the file. */
async function letGoOfPeople(writer: Connection, path: string, counts: Counts): Promise<void> {
  for (const wanted of ROOM_TABLES.toReversed()) {
    if (counts[wanted] === 0) continue;
    for await (const { table, rows } of readPages(path))
      if (table === wanted) await deleteRows(writer, wanted, rows);
  }
}

/** Deletes what users without an entry have left behind: of those whose entry stays, it stays too. */
async function letGoOfUsers(writer: Connection, path: string): Promise<void> {
  for await (const { table, rows } of readPages(path))
    if (isUserTable(table)) await deleteRows(writer, table, rows);
}

/** Keeps items that another campaign or a book still needs. Returns the number of such slices. */
async function letGoOfSlices(writer: Connection, rows: readonly string[]): Promise<number> {
  const carried = rows.map(campaignsIn);
  const all = [...new Set(carried.flatMap(ids => [...ids]))];
  const archived = await readArchived(writer, all);
  const neededFromUs = await readFirstNeeded(writer);
  const leaving = rows.filter((row, index) => {
    const lastUs = Number(Reflect.get(Object(JSON.parse(row)), 'last_us'));
    return lastUs < neededFromUs && [...(carried[index] ?? [])].every(id => archived.has(id));
  });
  await emptySlices(writer, leaving);
  return rows.length - leaving.length;
}
